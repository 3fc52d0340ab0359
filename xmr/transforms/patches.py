"""Patches of an image as tokens of a language model, by one trained linear layer."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

import torch
from annotated_types import Ge, Le
from einops import rearrange
from torch import Generator, nn
from torch.nn.utils import skip_init

from xmr.core.kinds import Batch, ImageBatch, ImageSpec, Spec
from xmr.core.spaces import Space, TokenInput, TokenSpace
from xmr.errors import Problem, RecipeError
from xmr.transforms.base import Transform


class PatchProjection(Transform):
    """Cut an image into patches of p x p pixels and project each to width D by one linear layer: C p p D parameters.

    Each token is rescaled to the norm of E's rows, so that it stays in the source's domain. Position embeddings are
    the source's own. Location: embedding; operator: parametric. Source: FPT, arXiv 2103.05247.

    Args:
        patch: side of a patch in pixels; it must divide the image's sides.
        rescale: scale every token to the median norm of the source's embeddings.
    """

    takes: ClassVar[str] = "image"
    space: ClassVar[str] = "token"

    def __init__(self, patch: Annotated[int, Ge(1), Le(1024)] = 4, rescale: bool = True) -> None:
        super().__init__()
        self.patch, self.rescale = patch, rescale

    def build(self, spec: Spec, space: Space, generator: Generator) -> Self:
        """Normally distributed initial weights. Raises RecipeError if the patches do not fit the image or the
        source.
        """
        assert isinstance(spec, ImageSpec)
        assert isinstance(space, TokenSpace)
        p, height, width = self.patch, spec.height, spec.width
        if height % p or width % p:
            raise RecipeError(Problem("transform.patch", str(p), f"a divisor of {height} and {width} pixels"))
        tokens = (height // p) * (width // p)
        if tokens > space.max_length:
            found = f"{p}, which makes {tokens} tokens"
            raise RecipeError(Problem("transform.patch", found, f"at most {space.max_length} tokens"))
        inputs = spec.channels * p * p
        self.linear = skip_init(nn.Linear, inputs, space.width)
        self.norm = float(space.row_norm())
        with torch.no_grad():
            self.linear.weight.normal_(0.0, inputs**-0.5, generator=generator)
            self.linear.bias.normal_(0.0, 0.02, generator=generator)
        return self

    def forward(self, encoded: Batch) -> TokenInput:
        """(B, C, h, w) -> (B, T, D), row by row; pixel values are first shifted to [-1, 1]."""
        assert isinstance(encoded, ImageBatch)
        p = self.patch
        tokens = self.linear(rearrange(encoded.values * 2 - 1, "b c (h p) (w q) -> b (h w) (c p q)", p=p, q=p))
        if self.rescale:
            tokens = tokens / tokens.norm(dim=-1, keepdim=True).clamp(min=1e-6) * self.norm
        mask = torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)
        return TokenInput(tokens, mask, 0, tokens.shape[1], full=True)

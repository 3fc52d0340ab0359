"""The sparse vocabulary map of R2DL: k tokens per symbol, selected by orthogonal matching pursuit over the source's
tokens.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

import torch
from annotated_types import Ge, Gt, Le
from torch import Generator, Tensor, nn

from xmr.core.kinds import Spec
from xmr.core.spaces import Space
from xmr.transforms.base import Init, start_rows
from xmr.transforms.vocabulary import _Map


class SparseVocabularyMap(_Map):
    """E_T = Theta E with k-sparse rows: the sparse-coding half of k-SVD (the atoms are the frozen token embeddings).

    Training alternates: E_T follows the task's gradient for an epoch, then is projected onto its best k tokens (OMP).
    After the fraction `freeze_support_after` of the epochs the tokens are fixed and only their A * k coefficients are
    trained.
    Source: R2DL, arXiv 2301.02120, algorithm 1.

    Args:
        tokens_per_symbol: k, the number of tokens per symbol.
        freeze_support_after: fraction of the epochs after which the tokens no longer change.
        init: the initial tokens of the letters.
        init_tokens: the tokens for `init: given_tokens`.
    """

    name: ClassVar[str] = "sparse_vocabulary_map"
    support: Tensor
    settled: Tensor

    def __init__(
        self,
        tokens_per_symbol: Annotated[int, Ge(1), Le(4096)] = 8,
        freeze_support_after: Annotated[float, Gt(0), Le(1)] = 0.5,
        init: Init = "random_tokens",
        init_tokens: tuple[str, ...] | None = None,
    ) -> None:
        super().__init__()
        self.k, self.freeze_support_after = tokens_per_symbol, freeze_support_after
        self.init, self.init_tokens = init, init_tokens

    def build(self, spec: Spec, space: Space, generator: Generator) -> Self:
        """Start E_T at rows of E; the coefficients are set by the projection that fixes the tokens."""
        alphabet, tokens = self._remember(spec, space)
        rows = start_rows(self.init, self.init_tokens, alphabet, tokens, generator)
        self.free = nn.Parameter(rows)
        self.coefficients = nn.Parameter(torch.zeros(len(rows), self.k))
        self.register_buffer("support", torch.zeros(len(rows), self.k, dtype=torch.long))
        self.register_buffer("settled", torch.tensor(False))
        return self

    def on_epoch(self, epoch: int, epochs: int) -> None:
        """Project E_T onto k tokens per letter between epochs, until the tokens are fixed."""
        if bool(self.settled) or epoch == 0:
            return
        with torch.no_grad():
            support, coefficients = matching_pursuit(self.free, self.embedding, self.k)
            self.free.copy_(torch.einsum("ak,akd->ad", coefficients, self.embedding[support]))
            if epoch >= self.freeze_support_after * epochs:
                self.support.copy_(support)
                self.coefficients.copy_(coefficients)
                self.settled.fill_(True)

    def idle(self) -> tuple[str, ...]:
        """The parameter that the current stage does not train."""
        return ("free",) if bool(self.settled) else ("coefficients",)

    def table(self) -> Tensor:
        """E_T while it follows the gradient, Theta E once the tokens are fixed."""
        if bool(self.settled):
            return torch.einsum("ak,akd->ad", self.coefficients, self.embedding[self.support])
        return self.free


def matching_pursuit(targets: Tensor, atoms: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Orthogonal matching pursuit for all targets at once. targets: (A, D), atoms: (V, D) -> support, weights (A, k).

    At each step every target selects the atom with the largest absolute correlation (atoms at unit norm) with its
    residual; one batched Gram-Schmidt basis is extended instead of solving one least-squares problem per step. Weights
    are the least-squares solution on the final support. Source: Pati et al. 1993; used by R2DL, arXiv 2301.02120.
    """
    # Double precision: LAPACK's results depend on memory alignment, and rounding then hides it.
    atoms, wanted = atoms.double(), targets.double()
    unit = torch.nn.functional.normalize(atoms, dim=1)
    residual = wanted.clone()
    basis = residual.new_zeros(len(targets), 0, targets.shape[1])
    chosen: list[Tensor] = []
    for _ in range(k):
        correlation = (residual @ unit.T).abs()
        for taken in chosen:
            correlation.scatter_(1, taken[:, None], -1.0)
        best = correlation.argmax(dim=1)
        chosen.append(best)
        new = unit[best]
        for _ in range(2):  # twice is enough (Kahan) to keep the basis orthogonal
            new = new - torch.einsum("aj,ajd->ad", torch.einsum("ajd,ad->aj", basis, new), basis)
        new = torch.nn.functional.normalize(new, dim=1)
        basis = torch.cat([basis, new[:, None]], dim=1)
        residual = residual - (residual * new).sum(dim=1, keepdim=True) * new
    support = torch.stack(chosen, dim=1)
    picked = atoms[support].transpose(1, 2)  # (A, D, k)
    weights = torch.linalg.lstsq(picked, wanted[..., None]).solution[..., 0]
    return support, weights.to(targets.dtype)

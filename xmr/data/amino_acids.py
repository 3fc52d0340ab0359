"""Amino acids: how alike they are, by BLOSUM62, and six of their physicochemical properties."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from xmr.errors import Problem, RecipeError, require

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
STOP = "*"


def blosum_softmax(letters: str) -> Tensor:
    """softmax of the BLOSUM62 rows of these letters: (A, A), rows sum to one. Raises as `blosum62`."""
    return torch.softmax(blosum62(letters), dim=1)


@cache
def blosum62(letters: str) -> Tensor:
    """The BLOSUM62 scores of these letters: (A, A). Henikoff and Henikoff 1992.

    Raises RecipeError for letters that are neither amino acids nor the stop codon.
    """
    if set(letters) - {*AMINO_ACIDS, STOP}:
        raise RecipeError(Problem("similarity of letters", letters, "amino acids, the only letters it knows"))
    blosum = require("Bio.Align.substitution_matrices", "protein", "BLOSUM62").load("BLOSUM62")
    return torch.tensor([[float(blosum[a][b]) for b in letters] for a in letters])


# In the order of AMINO_ACIDS. Hydropathy: Kyte and Doolittle 1982; volume in cubic angstrom: Zamyatnin 1972; charge at
# pH 7; polarity: Grantham 1974; helix propensity in percent: Chou and Fasman 1978; aromatic or not.
_PROPERTIES = (
    (1.8, 2.5, -3.5, -3.5, 2.8, -0.4, -3.2, 4.5, -3.9, 3.8, 1.9, -3.5, -1.6, -3.5, -4.5, -0.8, -0.7, 4.2, -0.9, -1.3),
    (89, 109, 111, 138, 190, 60, 153, 167, 169, 167, 163, 114, 113, 144, 173, 89, 116, 140, 228, 194),
    (0, 0, -1, -1, 0, 0, 0.1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0),
    (8.1, 5.5, 13.0, 12.3, 5.2, 9.0, 10.4, 5.2, 11.3, 4.9, 5.7, 11.6, 8.0, 10.5, 10.5, 9.2, 8.6, 5.9, 5.4, 6.2),
    (142, 70, 101, 151, 113, 57, 100, 108, 116, 121, 145, 67, 57, 111, 98, 77, 83, 106, 108, 69),
    (0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1),
)


@cache
def amino_acid_properties() -> Tensor:
    """Six properties of each amino acid, mean zero and standard deviation one: (20, 6)."""
    scales = torch.tensor(_PROPERTIES, dtype=torch.float32).T
    return (scales - scales.mean(dim=0)) / scales.std(dim=0)

"""How alike amino acids are: rows of exp(BLOSUM62), normalized."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from xmr.errors import Problem, RecipeError, require

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
STOP = "*"


@cache
def blosum_softmax(letters: str) -> Tensor:
    """softmax of the BLOSUM62 rows of these letters: (A, A), rows sum to one. Henikoff and Henikoff 1992.

    Raises RecipeError for letters that are neither amino acids nor the stop codon.
    """
    if set(letters) - {*AMINO_ACIDS, STOP}:
        raise RecipeError(Problem("similarity of letters", letters, "amino acids, the only letters it knows"))
    blosum = require("Bio.Align.substitution_matrices", "protein", "BLOSUM62").load("BLOSUM62")
    return torch.softmax(torch.tensor([[float(blosum[a][b]) for b in letters] for a in letters]), dim=1)

"""Physicochemical descriptors of peptides and proteins."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from xmr.core.kinds import SymbolBatch, SymbolSpec
from xmr.errors import Problem, RecipeError, require
from xmr.outputs.domain_features.base import DomainFeatures

WIDTH = 12


class Descriptors(DomainFeatures):
    """Ten global properties (charge, pI, ...), hydrophobic moment and mean hydrophobicity, by modlAMP."""

    reads: ClassVar[str] = "symbols"
    width = WIDTH

    def build(self, spec: SymbolSpec) -> Self:
        """See `DomainFeatures.build`."""
        if spec.similarity is None:  # known of amino acids only
            found = f"symbols {''.join(spec.letters)[:30]}"
            raise RecipeError(Problem("output.domain_features: descriptors", found, "amino acids"))
        self.symbols = np.array(spec.symbols)
        return self

    def forward(self, encoded: SymbolBatch) -> Tensor:  # type: ignore[override]
        """See `DomainFeatures.forward`."""
        made = torch.from_numpy(descriptors(encoded.texts(self.symbols))).float()
        return made.to(encoded.ids.device)


def descriptors(texts: list[str]) -> np.ndarray:
    """Ten global properties, hydrophobic moment and mean hydrophobicity of each sequence: (n, 12).

    Letters that stand for several residues, or none, are dropped; U reads as C and O as K.
    Source: modlAMP, Mueller et al. 2017.
    """
    made: Any = require("modlamp.descriptors", "protein", "descriptors of peptides")
    plain = str.maketrans({"U": "C", "O": "K", **dict.fromkeys("BZJX*")})
    clean = [text.translate(plain) or "G" for text in texts]
    overall, moment = made.GlobalDescriptor(clean), made.PeptideDescriptor(clean, "eisenberg")
    overall.calculate_all(amide=False)
    moment.calculate_moment()
    mean = made.PeptideDescriptor(clean, "eisenberg")
    mean.calculate_global()
    return np.nan_to_num(np.concatenate([overall.descriptor, moment.descriptor, mean.descriptor], axis=1))

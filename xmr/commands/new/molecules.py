"""Molecules as SMILES before a frozen language model."""

from __future__ import annotations

from typing import Any

from xmr.commands.new.base import Draft, Sample
from xmr.commands.new.sequences import PROTEIN_CLASSES
from xmr.data.smiles import has_rdkit


def molecule(sample: Sample) -> Draft:
    """Canonical form and a split by scaffold where RDKit is installed; else SMILES as written, split at random."""
    baselines = ["majority", "length_only", "token_logistic"]
    split, form = sample.split(validation=0), "as_written"
    if has_rdkit():
        form, why = "canonical", "canonical SMILES, because RDKit is installed"
        if split["by"] == "random":
            split["by"] = "scaffold"
            why += "; test part: by scaffold, so that no ring system is in training and test"
        baselines.append("morgan_forest")
    else:
        why = "SMILES as written, split at random: pip install 'xmr[molecule]' brings canonical form and scaffolds"
    body: dict[str, Any] = {
        "task": sample.task.name,
        "seed": 0,
        "data": {**sample.sequences(), "split": split},
        "encoder": {"name": "molecule", "form": form},
        **PROTEIN_CLASSES,
        "baselines": baselines,
    }
    return Draft(body, [sample.found("molecules"), why])

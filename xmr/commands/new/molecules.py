"""Molecules as SMILES before a frozen language model."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from xmr.commands.new.base import Draft, Sample
from xmr.commands.new.likeness import LOOKED_AT, MOSTLY
from xmr.commands.new.sequences import PROTEIN_CLASSES
from xmr.data.smiles import has_rdkit, scaffold
from xmr.data.splits import scaffold_split
from xmr.encoders.molecule import MoleculeEncoder


def molecule(sample: Sample) -> Draft:
    """Canonical form and a split by scaffold where RDKit is installed; else SMILES as written, split at random."""
    baselines = ["majority", "length_only", "token_logistic", "linear_probe"]
    split, form, data = sample.split(validation=0), "as_written", sample.sequences()
    found = [sample.found("molecules")]
    if has_rdkit():
        form, why = "canonical", "canonical SMILES, because RDKit is installed"
        if split["by"] == "random":
            if (against := _against_scaffolds(sample, split["test"])) is None:
                split["by"] = "scaffold"
                why += "; test part: by scaffold, so that no ring system is in training and test"
            else:
                why += f"; test part: random, because {against}"
        baselines.append("morgan_forest")
        if wrong := MoleculeEncoder(form="canonical").check(sample.records):
            data["on_error"] = "skip"
            first = sample.records.problem(min(wrong), wrong[min(wrong)])
            found.append(f"RDKit cannot read {len(wrong):,} of them, which are skipped (data.on_error: skip): {first}")
    else:
        why = "SMILES as written, split at random: pip install 'xmr[molecule]' brings canonical form and scaffolds"
    body: dict[str, Any] = {
        "task": sample.task.name,
        "seed": 0,
        "data": {**data, "split": split},
        "encoder": {"name": "molecule", "form": form},
        **PROTEIN_CLASSES,
        "baselines": baselines,
    }
    return Draft(body, [*found, why])


def _against_scaffolds(sample: Sample, test: float) -> str | None:
    """Why a split by scaffold would not do, in words; None where it does."""
    every = slice(None, None, -(-len(sample.texts) // LOOKED_AT))
    scaffolds = [scaffold(text) for text in sample.texts[every]]
    largest = Counter(scaffolds).most_common(1)[0][1] / len(scaffolds)
    if largest > MOSTLY:
        return f"{largest:.0%} of the molecules have one scaffold, or no ring"
    if sample.task.classes:
        labels = np.array(next(iter(sample.records.labels.values()))[every])
        parts = scaffold_split(scaffolds, test, 0)
        if any({*labels[part]} != {*labels} for part in (parts.train, parts.test)):
            return "a split by scaffold would leave a class to one part: the scaffold tells the class"
    return None

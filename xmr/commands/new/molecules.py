"""Molecules as SMILES before a frozen language model."""

from __future__ import annotations

from collections import Counter
from typing import Any

from xmr.commands.new.base import Draft, Sample
from xmr.commands.new.likeness import LOOKED_AT, MOSTLY
from xmr.commands.new.sequences import PROTEIN_CLASSES
from xmr.data.smiles import has_rdkit, scaffold
from xmr.encoders.molecule import MoleculeEncoder


def molecule(sample: Sample) -> Draft:
    """Canonical form and a split by scaffold where RDKit is installed; else SMILES as written, split at random."""
    baselines = ["majority", "length_only", "token_logistic", "linear_probe"]
    split, form, data = sample.split(validation=0), "as_written", sample.sequences()
    found = [sample.found("molecules")]
    if has_rdkit():
        form, why = "canonical", "canonical SMILES, because RDKit is installed"
        scaffolds = Counter(map(scaffold, sample.texts[:: -(-len(sample.texts) // LOOKED_AT)]))
        largest = scaffolds.most_common(1)[0][1] / scaffolds.total()
        if split["by"] == "random" and largest <= MOSTLY:
            split["by"] = "scaffold"
            why += "; test part: by scaffold, so that no ring system is in training and test"
        elif split["by"] == "random":
            why += f"; test part: random, because {largest:.0%} of the molecules have one scaffold, or no ring"
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

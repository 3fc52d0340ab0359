"""Proteins, DNA and texts before a frozen language model."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np

from xmr.commands.new.base import Draft, Sample
from xmr.commands.new.likeness import split_by_likeness

ALIGNED = 300_000  # up to this total number of nucleotides, a ridge head on every position fits into memory
LONGEST_ALIGNED = 400  # nucleotides; what a source of 512 positions takes at once
FEW_CHANGES = 30  # sequences; a column in which fewer differ may not vary in a training part
PEPTIDE = 100  # residues up to which the position from the start says something without an alignment
MANY = 5000  # records up to which a forest takes less than a minute
# How classes of proteins are learned: as in recipes/protein/amp.yaml (docs/results.md has what else was tried).
PROTEIN_CLASSES: dict[str, Any] = {
    "source": {"name": "minilm", "layers": 2},
    "transform": {"name": "free_embedding", "init": "random_tokens"},
    "output": {"name": "ridge"},
    "training": {"epochs": 2, "min_steps": 200, "learning_rate": 3e-3, "batch_tokens": 256},
    "ensemble": 4,
}


def protein(sample: Sample) -> Draft:
    """Proteins, peptides and variants of one protein."""
    task = sample.task
    fixed_length = not task.per_position and len(sample.lengths) == 1 and len(sample.records) > 1
    aligned = fixed_length and sample.asked.split != "position"  # there, columns vary that training does not vary
    split, why, variants = split_by_likeness(sample)
    numbers = {"target_scale": "quantile"} if variants and task.single_target and not task.classes else {}
    encoder = {"name": "protein", **({"aligned": True} if aligned else {}), **sample.fields}
    found = [sample.found("records"), why]
    if aligned:
        found[0] += "; all of one length, so only the columns that vary are fed (encoder.aligned: true)"
        if _rarest_change(sample.texts) < FEW_CHANGES:
            encoder["fixed_columns"] = "ignore"
            found.append("changes in columns that training does not vary are ignored (encoder.fixed_columns: ignore)")
    if task.per_position:
        baselines = ["majority", "window_linear"]
    elif aligned:
        forest = ["onehot_forest"] if len(sample.records) <= MANY else []
        baselines = ["majority", "onehot_linear", *forest, "onehot_kernel", "blosum_kernel", "linear_probe"]
    else:
        described = ["descriptors_forest"] if len(sample.records) <= MANY and find_spec("modlamp") else []
        aligned_at_start = ["onehot_kernel"] if max(sample.lengths) <= PEPTIDE else []
        counted = ["length_only", "kmer_logistic", "kmer_forest"]
        baselines = ["majority", *counted, *described, *aligned_at_start, "linear_probe"]
    one_class = task.single_target and task.classes
    body: dict[str, Any] = {
        "task": task.name,
        "seed": 0,
        "data": {**sample.sequences(), **numbers, "split": split},
        "encoder": encoder,
        **(PROTEIN_CLASSES if one_class and not aligned else _other_protein(sample, aligned)),
        "baselines": baselines,
    }
    return Draft(body, found)


def _rarest_change(texts: list[str]) -> int:
    """In how many sequences the column that varies most rarely differs from its usual residue. texts: of one length."""
    letters = np.frombuffer("".join(texts).encode("latin-1", "replace"), np.uint8).reshape(len(texts), -1)
    changed = [len(column) - np.bincount(column).max() for column in letters.T]
    return int(min((count for count in changed if count), default=0))


def _other_protein(sample: Sample, aligned: bool) -> dict[str, Any]:
    """What learns numbers, several labels, residues or variants of one protein: heads by gradient."""
    output = {"name": "linear", "pool": "concat" if aligned else "mean"}
    return {
        "source": {"name": "minilm", "layers": 4},
        "transform": {"name": "free_embedding"},
        "output": {"name": sample.task.default_output} if sample.task.per_position else output,
        "training": {"epochs": 20, "min_steps": 200, "learning_rate": 3e-3, "patience": 8},
        "ensemble": 4 if sample.small else 1,
    }


def dna(sample: Sample) -> Draft:
    """DNA and RNA: position by position where all are of one length, else as a whole."""
    per_position = sample.task.per_position
    longest = max(sample.lengths)
    few = len(sample.records) * longest <= ALIGNED and longest <= LONGEST_ALIGNED
    aligned = not per_position and len(sample.lengths) == 1 and few
    if not aligned:
        return _whole(sample, "sequences", {"name": "context_window"}, 0.003)
    split, why, _ = split_by_likeness(sample, validation=0)  # a head in closed form: nothing is chosen on validation
    body: dict[str, Any] = {
        "task": sample.task.name,
        "seed": 0,
        "data": {**sample.sequences(), "split": split},
        "encoder": {"name": "dna", "aligned": True},
        "source": {"name": "minilm", "layers": 2},
        "transform": {"name": "context_window"},
        "output": {"name": "ridge", "pool": "concat"},
        "training": {"epochs": 2, "learning_rate": 0.001, "batch_tokens": 2048},
        "baselines": ["majority", "kmer_logistic", "kmer_forest", "onehot_linear", "onehot_kernel", "linear_probe"],
    }
    found = sample.found("sequences")
    found += "; all of one length, so read position by position (where they are no windows around a site: "
    return Draft(body, [found + "encoder.aligned=false output.pool=mean)", why])


def text(sample: Sample) -> Draft:
    """Texts, which keep their own words."""
    return _whole(sample, "texts", {"name": "free_embedding", "init": "own_tokens"}, 0.001)


def _whole(sample: Sample, what: str, transform: dict[str, Any], learning_rate: float) -> Draft:
    """A head by gradient on sequences of all lengths."""
    per_position = sample.task.per_position
    words = ["majority", "kmer_logistic", "kmer_forest", "token_logistic", "linear_probe"]
    split, why = sample.split(), []
    if sample.encoder.kmer:
        split, said, _ = split_by_likeness(sample)
        why = [said]
    body: dict[str, Any] = {
        "task": sample.task.name,
        "seed": 0,
        "data": {**sample.sequences(), "split": split},
        "encoder": {"name": sample.domain},
        "source": {"name": "minilm", "layers": 4},
        "transform": transform,
        "output": {"name": sample.task.default_output},
        "training": {"epochs": 20, "learning_rate": learning_rate, "patience": 8},
        "baselines": ["majority", "window_linear"] if per_position else words,
    }
    return Draft(body, [sample.found(what), *why])

"""Labels of each residue, and which are scored, from files of their own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from xmr.data.columns import Columns
from xmr.data.readers.read import read_all
from xmr.data.records import Records, Skipped, without_bad


def join_residues(
    records: Records, labels_file: Path, mask_file: Path | None, on_error: str, skipped: Skipped
) -> Records:
    """Per-position labels, masks and SET fields from separate FASTA files, matched by id."""
    labels = read_all(labels_file, Columns(need_target=False), on_error, skipped)
    number = {name: index for index, name in enumerate(labels.ids)}
    masks: dict[str, str] = {}
    if mask_file is not None:
        mask_records = read_all(mask_file, Columns(need_target=False), on_error, skipped)
        masks = dict(zip(mask_records.ids, mask_records.inputs))
    wrong = {
        index: f"found no labels for {name!r} in {labels_file}; expected one string of labels per id"
        for index, name in enumerate(records.ids)
        if name not in number
    }
    records = without_bad(records, wrong, on_error, skipped)
    rows = [number[name] for name in records.ids]
    return replace(
        records,
        labels={"label": [labels.inputs[row] for row in rows]},
        role=[labels.role[row] for row in rows],
        mask=[masks.get(name, "") for name in records.ids],
    )

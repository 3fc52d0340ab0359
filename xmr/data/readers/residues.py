"""Labels from a file of their own: of each record, or of each residue with which of them are scored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from xmr.data.columns import Columns
from xmr.data.readers.fasta import names_a_file
from xmr.data.readers.paths import must_exist
from xmr.data.readers.read import read_all
from xmr.data.readers.text import open_text, reading
from xmr.data.records import Records, Skipped, without_bad
from xmr.errors import DataError, Problem


def join_residues(
    records: Records, labels_file: Path, mask_file: Path | None, on_error: str, skipped: Skipped
) -> Records:
    """Per-position labels, masks and SET fields from separate FASTA files, matched by id, or text files, by line."""
    if not names_a_file(labels_file.name):
        masks_of = read_lines(mask_file, len(records)) if mask_file is not None else []
        return replace(join_lines(records, labels_file), mask=masks_of)
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


def join_lines(records: Records, labels_file: Path) -> Records:
    """The label of each record from a text file with one per line, in the order of the records."""
    return replace(records, labels={"label": read_lines(labels_file, len(records))})


def read_lines(file: Path, n: int) -> list[str]:
    """The n lines of a text file, without blanks around them. Raises DataError for another number of lines."""
    must_exist(file)
    with reading(file), open_text(file) as handle:
        lines = handle.read().rstrip().split("\n")
    if len(lines) != n:
        raise DataError(Problem(str(file), f"{len(lines):,} lines", f"{n:,}, one for each record"))
    return [line.strip() for line in lines]

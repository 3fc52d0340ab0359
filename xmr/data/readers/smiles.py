"""SMILES files (.smi): on each line a molecule, then blanks or tabs and its name. There is no header, and no label."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from xmr.data.columns import NO_IDS, USUAL, Columns
from xmr.data.readers.text import open_text
from xmr.data.records import Records

SMILES = ".smi"


def read_smiles(path: Path, columns: Columns, chunk: int) -> Iterator[Records]:
    """Records in chunks; a molecule without a name has its line number as id. A first line `SMILES ...` is skipped."""
    with open_text(path) as handle:
        numbered = ((number, line.split(maxsplit=1)) for number, line in enumerate(handle, start=1) if line.strip())
        while part := list(islice(numbered, chunk)):
            rows = [(number, cells) for number, cells in part if not (number == 1 and cells[0].casefold() == "smiles")]
            named = columns.id != NO_IDS
            yield Records(
                ids=[cells[1].strip() if named and len(cells) > 1 else str(number) for number, cells in rows],
                inputs=[cells[0] for _, cells in rows],
                labels={name: [""] * len(rows) for name in columns.target or USUAL["target"][:1]},
                line=[number for number, _ in rows],
                file=str(path),
            )

"""Tables of the UCI repository in one plain form: comma between cells, no remarks, no blank lines, the label last."""

from __future__ import annotations

import re

ADDRESS = "https://archive.ics.uci.edu/ml/machine-learning-databases"


def plain_rows(raw: bytes, fields: int, label_first: bool = False) -> bytes:
    """Rows of an official file in the form the readers and checksums know.

    Cells are separated by commas, or by blanks where a line has none; quotes and the blanks around a cell are dropped.
    fields: cells per row. label_first: the first cell of every row is moved behind the last. Raises ValueError where a
    row has another number of cells, as the page of a proxy has.
    """
    rows: list[str] = []
    for line in raw.decode("utf-8").splitlines():
        if not line.strip() or line.startswith("|"):
            continue
        cells = [
            cell.strip().strip("'\"") for cell in (line.split(",") if "," in line else re.split(r"\s+", line.strip()))
        ]
        if len(cells) != fields:
            raise ValueError(f"row {len(rows) + 1} has {len(cells)} cells, not {fields}")
        rows.append(",".join([*cells[1:], cells[0]] if label_first else cells))
    return ("\n".join(rows) + "\n").encode()

"""Tables of the UCI repository in one plain form: comma between cells, no remarks, no blank lines, the label last."""

from __future__ import annotations

import re


def plain_rows(raw: bytes, label_first: bool = False) -> bytes:
    """Rows of an official file in the form the readers and checksums know.

    Cells are parted by commas, or by blanks where a line has none; quotes and the blanks around a cell are dropped.
    label_first: the first cell of every row is moved behind the last.
    """
    rows = []
    for line in raw.decode("utf-8").splitlines():
        if not line.strip() or line.startswith("|"):
            continue
        cells = [
            cell.strip().strip("'\"") for cell in (line.split(",") if "," in line else re.split(r"\s+", line.strip()))
        ]
        rows.append(",".join([*cells[1:], cells[0]] if label_first else cells))
    return ("\n".join(rows) + "\n").encode()

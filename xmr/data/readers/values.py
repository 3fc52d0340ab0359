"""Values of Parquet files, spreadsheets and frames as the text that a CSV file would hold."""

from __future__ import annotations

from typing import Any

import numpy as np


def as_text(value: Any) -> str:
    """A value as text: a gap is empty, a whole number has no decimal point.

    Raises UnicodeDecodeError for bytes that are not text.
    """
    if value is None or value is False or value is True:
        return "" if value is None else str(value).lower()
    if isinstance(value, bytes):
        return value.decode("utf-8").strip()
    if isinstance(value, float):
        if not np.isfinite(value):
            return "" if np.isnan(value) else str(value)
        return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))
    text = str(value).strip()
    return "" if text in ("NaT", "<NA>") else text

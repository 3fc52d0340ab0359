"""The readers by name, imported when asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.fuzz.readers.base import Reader

READERS = {
    "fasta": "sequences:Fasta",
    "csv": "sequences:Delimited",
    "tables": "tables:Tables",
    "arff": "tables:Arff",
    "parquet": "parquet:Parquet",
    "excel": "excel:Excel",
    "series": "series:Series",
    "forecast": "forecast:Forecast",
    "arrays": "arrays:Arrays",
    "images": "images:Images",
    "audio": "audio:Audio",
    "recipes": "recipes:Recipes",
    "overrides": "recipes:Overrides",
    "programs": "programs:Programs",
    "predictions": "predictions:Predictions",
    "checkpoints": "checkpoints:Checkpoints",
}
BAD = "bad"  # fails in every way there is, to test the fuzzer


def reader(name: str) -> Reader:
    """A reader, not yet prepared."""
    module, _, kind = (READERS | {BAD: "bad:Bad"})[name].partition(":")
    return getattr(importlib.import_module(f"tests.fuzz.readers.{module}"), kind)()

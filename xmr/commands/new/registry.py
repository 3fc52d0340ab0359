"""The domains that `xmr new` drafts a recipe for, named as their encoders. Importing it imports no draft.

A third party adds one by the entry-point group `xmr.drafts` or in a plugin: `DRAFTS.add("graph", draft)`, a function
from a `Sample` to a `Draft`. With `made_from="file"` it takes the file, the path of the recipe and `Asked` instead, and
as a fourth argument what `from_array` of its encoder made of data in memory, where there is no file.
"""

from __future__ import annotations

from xmr.core.registry import Entry, Registry


def _draft(name: str, target: str, summary: str, made_from: str = "records") -> Entry:
    return Entry(name, f"xmr.commands.new.{target}", summary, {"made_from": made_from})


DRAFTS = Registry(
    "draft",
    [
        _draft("protein", "sequences:protein", "proteins, peptides and variants of one protein"),
        _draft("dna", "sequences:dna", "DNA and RNA"),
        _draft("molecule", "molecules:molecule", "molecules as SMILES"),
        _draft("text", "sequences:text", "texts"),
        _draft("table", "tables:table", "rows of a table"),
        _draft("series", "signals:series", "labelled time series"),
        _draft("audio", "signals:audio", "audio clips"),
        _draft("image", "images:image", "images"),
        _draft("forecast", "time_series:of_file", "a table of time steps, to be continued", made_from="file"),
    ],
)

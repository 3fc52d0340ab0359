"""What a split keeps together, as a number for each record: clusters of sequences, scaffolds of molecules, groups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from xmr.data.clusters import clusters_of
from xmr.data.records import Records
from xmr.data.settings import SplitSettings
from xmr.data.smiles import scaffold
from xmr.errors import DataError, Problem


def together(
    what: str | None, how: SplitSettings, records: Records, texts: Sequence[str], k: int
) -> tuple[np.ndarray | None, str]:
    """(n,) numbers of the clusters, scaffolds or groups, and what they are in words; None for anything else.

    texts: the inputs as the encoder counts them; k: letters of the k-mers that they are compared by. Raises DataError
    where the records have no scaffold or no group.
    """
    if what == "cluster":
        clusters, name = clusters_of(texts, how.similarity, how.tool, k)
        return clusters, f"{name} >= {how.similarity}"
    if what == "scaffold":
        return np.unique(scaffolds_of(texts), return_inverse=True)[1], "scaffold"
    if what == "group":
        if not records.group:
            expected = "{group} in data.pattern, or its column in data.group_column"
            raise DataError(Problem("data.split.by: group", "records without a group", expected))
        return np.unique(records.group, return_inverse=True)[1], "group"
    return None, ""


def scaffolds_of(texts: Sequence[str]) -> list[str]:
    """The scaffold of each molecule. Raises DataError where no record has one."""
    found = [scaffold(text) for text in texts]
    if not any(found):
        expected = "molecules as SMILES, some with rings, or data.split.by: random"
        raise DataError(Problem("data.split.by: scaffold", "no scaffold", expected))
    return found

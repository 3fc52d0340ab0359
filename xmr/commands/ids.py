"""Ids that are empty or stand for several records, counted in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np

MAX_IDS = 50_000_000  # ids compared with one another, at 8 bytes each


def id_hashes(ids: list[str]) -> bytes:
    """Eight bytes of each id, the same in every process."""
    return b"".join(blake2b(each.encode("utf-8", "surrogatepass"), digest_size=8).digest() for each in ids)


def notes_of_ids(hashes: Iterable[bytes]) -> list[str]:
    """Notes about ids that are empty or stand for several records. hashes: `id_hashes` of consecutive chunks, of which
    the first MAX_IDS are looked at.
    """
    count = MAX_IDS
    kept = np.zeros(0, np.int64)
    parts = [kept]
    for part in hashes:
        parts.append(np.frombuffer(part, np.int64)[:count])
        count -= len(parts[-1])
    kept = np.sort(np.concatenate(parts))
    empty = int((kept == np.frombuffer(id_hashes([""]), np.int64)).sum())
    repeated = int((kept[1:] == kept[:-1]).sum()) - max(0, empty - 1)
    found = [f"{empty:,} ids are empty"] if empty else []
    if repeated:
        found.append(f"{repeated:,} records have the id of an earlier one; rows are in the order of the input")
    return found

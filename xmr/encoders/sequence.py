"""What encoders of sequences share: texts as bytes, and the control that shuffles positions."""

from __future__ import annotations

import numpy as np


def as_bytes(inputs: list[str]) -> np.ndarray:
    """The characters of all records end to end, a line break behind each record; (sum of lengths + n,) uint8.

    Characters beyond one byte become `?`. A line break within a record (quoted cells may hold one) becomes a zero byte:
    no symbol of any alphabet, so that it cannot be taken for the end of the record.
    """
    text = "\n".join(inputs) + "\n"
    if text.count("\n") != len(inputs):
        text = "\n".join(record.replace("\n", "\0") for record in inputs) + "\n"
    return np.frombuffer(text.encode("latin-1", "replace"), dtype=np.uint8)


def shuffled(flat: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Permute within every record, without a loop, in an order drawn from the record's own symbols and no other's.

    flat: (total,) ids end to end; lengths: (records,). Sorts by (record, key): a sum over the record of its symbols
    times a random number a position, and the position, mixed as in splitmix64 (Steele et al. 2014).
    """
    owner = np.repeat(np.arange(len(lengths)), lengths)
    ends = np.cumsum(lengths)
    within = np.arange(len(flat)) - (ends - lengths)[owner]
    noise = np.random.default_rng(0).integers(0, 2**64, size=int(lengths.max(initial=0)), dtype=np.uint64)[within]
    total = np.concatenate([np.zeros(1, np.uint64), np.cumsum((flat.astype(np.uint64) + np.uint64(1)) * noise)])
    keys = (total[ends] - total[ends - lengths])[owner] ^ noise  # sums run over 2**64 and wrap; so do differences
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        keys = (keys ^ (keys >> np.uint64(shift))) * np.uint64(factor)
    return flat[np.lexsort((keys ^ (keys >> np.uint64(31)), owner))]

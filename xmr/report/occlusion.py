"""Which part of a record the answer hangs on: each part hidden in turn, and how far the answer moves.

A black box to the program, so it works in every cell of the grid. Source: Zeiler & Fergus, arXiv 1311.2901.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from xmr.core.spaces import Batch, ImageBatch, SignalBatch, SymbolBatch, SymbolSpec, TableBatch, TableSpec
from xmr.program import to_device

if TYPE_CHECKING:
    from xmr.program import Program

MAX_PARTS, SIDE = 48, 6  # of a sequence or signal; pictures are cut into SIDE x SIDE patches
EDGE = 1e-6  # probabilities are kept so far from 0 and 1


@dataclass(frozen=True)
class Occlusion:
    """What hiding each part does to the answer.

    drops: (B, P), how far the log odds of the class answered (or the value) fall when part p is hidden, NaN for parts a
    record does not have; places: part of every position, (B, L) or (B, H, W), -1 for padding; chosen: (B,) the class
    answered; sure: (B,) its probability (or the value).
    """

    drops: np.ndarray
    places: np.ndarray
    chosen: np.ndarray
    sure: np.ndarray


def occlusion(program: Program, encoded: Batch, most: int = MAX_PARTS) -> Occlusion | None:
    """Hide each part of a few records in turn; None for what has no one answer a record, or stands in windows.

    Hidden means: a symbol becomes the mean of all letters; a stretch of a signal its record's mean; a patch of a
    picture the picture's mean colour; a number is missing, and a category one that training did not see.
    """
    windowed = isinstance(encoded, SymbolBatch | SignalBatch) and encoded.windows is not None
    if program.targets.task in ("forecasting", "residue_classification") or windowed:
        return None
    places, hide = parts_of(encoded, program, most)
    parts = int(places.max()) + 1
    before, chosen = _answers(program, encoded)
    drops = np.full((len(before), parts), np.nan)
    for part in range(parts):
        has = (places == part).flatten(1).any(dim=1).numpy()
        after, _ = _answers(program, hide(part), chosen)
        drops[has, part] = (before - after)[has]
    sure = 1 / (1 + np.exp(-before)) if program.targets.task != "regression" else before
    return Occlusion(drops, places.numpy(), chosen, sure)


def parts_of(encoded: Batch, program: Program, most: int) -> tuple[Tensor, Callable[[int], Batch]]:
    """The part every position belongs to, and a function that hides one part of every record."""
    if isinstance(encoded, TableBatch):
        numbers = encoded.numbers.shape[1]
        columns = torch.arange(numbers + encoded.categories.shape[1]).expand(len(encoded.numbers), -1)
        return columns, lambda part: _without_column(encoded, part, program.encoder.spec)
    if isinstance(encoded, ImageBatch):
        rows, _, height, width = encoded.values.shape
        down, across = (torch.arange(size) * SIDE // size for size in (height, width))
        patches = (down[:, None] * SIDE + across).expand(rows, -1, -1)
        colour = encoded.values.mean(dim=(2, 3), keepdim=True)
        return patches, lambda part: ImageBatch(torch.where(patches[:, None] == part, colour, encoded.values))
    spans = _spans(encoded.mask.cpu(), most)
    if isinstance(encoded, SymbolBatch):
        spec = program.encoder.spec
        assert isinstance(spec, SymbolSpec)
        widest = max(range(len(spec.mixtures)), key=lambda index: len(spec.mixtures[index][1]))
        anything = len(spec.letters) + widest
        return spans, lambda part: replace(encoded, ids=torch.where(spans == part, anything, encoded.ids))
    held = encoded.mask[:, None]
    mean = (encoded.values * held).sum(dim=2, keepdim=True) / held.sum(dim=2, keepdim=True)

    def hide(part: int) -> SignalBatch:
        return replace(encoded, values=torch.where((spans == part)[:, None], mean, encoded.values), fixed=None)

    return spans, hide


def _spans(mask: Tensor, most: int) -> Tensor:
    """mask: (B, L), right-padded -> the span of every position, at most `most` equal ones a record; -1 for padding."""
    lengths = mask.sum(dim=1, keepdim=True)
    place = torch.arange(mask.shape[1])[None]
    return torch.where(mask, place * lengths.clamp(max=most) // lengths.clamp(min=1), -1)


def _without_column(table: TableBatch, column: int, spec: Any) -> TableBatch:
    """Every row with one column unknown."""
    assert isinstance(spec, TableSpec)
    numbers = table.numbers.shape[1]
    if column < numbers:
        values, missing = table.numbers.clone(), table.missing.clone()
        values[:, column], missing[:, column] = 0.0, True
        return replace(table, numbers=values, missing=missing)
    categories = table.categories.clone()
    categories[:, column - numbers] = spec.categories[column - numbers].unseen
    return replace(table, categories=categories)


def _answers(program: Program, encoded: Batch, chosen: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Log odds of the class chosen (by default the likeliest), or the first value; and the class: both (B,)."""
    program.eval()
    with torch.inference_mode():
        values = program.probabilities(program(to_device(encoded, program.device)).float()).mean(dim=0).cpu().numpy()
    if program.targets.task == "regression":
        return values[:, 0].astype(np.float64), np.zeros(len(values), dtype=int)
    if chosen is None:
        chosen = values.argmax(axis=1)
    likely = values[np.arange(len(values)), chosen].astype(np.float64).clip(EDGE, 1 - EDGE)
    return np.log(likely / (1 - likely)), chosen

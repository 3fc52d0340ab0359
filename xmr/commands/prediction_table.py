"""Predictions as people read them: in the table's units, a header and rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from xmr.core.files import escape_formula
from xmr.data.records import Records
from xmr.data.targets import Targets
from xmr.encoders.base import Encoder
from xmr.encoders.forecast import ForecastEncoder
from xmr.program import Prediction


def in_own_units(prediction: Prediction, encoder: Encoder, records: Records) -> Prediction:
    """Forecasts in the table's units; every other prediction as it is."""
    if not isinstance(encoder, ForecastEncoder):
        return prediction
    values = encoder.own_units(prediction.values, records.group)
    return replace(prediction, values=values, spread=encoder.own_units(prediction.spread, records.group, spread=True))


def prediction_table(
    prediction: Prediction, targets: Targets, records: Records | None = None, escape_formulas: bool = False
) -> tuple[list[str], list[list[Any]]]:
    """Header and rows of predictions.csv; with `records`, the true labels beside the answers.

    escape_formulas: an apostrophe before every text that a spreadsheet would take for a formula.
    """
    names = targets.names
    if targets.task == "sequence_labeling":
        assert prediction.lengths is not None
        best = np.array([ord(name) for name in names], dtype=np.uint8)[prediction.values.argmax(axis=1)]
        ends = np.cumsum(prediction.lengths)
        texts = [best[end - n : end].tobytes().decode("latin-1") for end, n in zip(ends, prediction.lengths)]
        sure = np.add.reduceat(prediction.values.max(axis=1), ends - prediction.lengths) / prediction.lengths
        header, rows = (
            ["id", "predicted", "mean_probability"],
            [list(r) for r in zip(prediction.ids, texts, sure)],
        )
    elif targets.task == "forecasting":
        header = ["id", *names]
        rows = [[name, *values] for name, values in zip(prediction.ids, prediction.values)]
        records = None  # the future stands in the table itself
    elif targets.task == "regression":
        header, rows = (
            ["id", "predicted", "spread"],
            [
                [name, value, spread]
                for name, value, spread in zip(prediction.ids, prediction.values[:, 0], prediction.spread[:, 0])
            ],
        )
    else:
        header = ["id", "predicted", *(f"p[{n}]" for n in names), *(f"spread[{n}]" for n in names)]
        if targets.task == "classification":
            chosen = [names[i] for i in prediction.values.argmax(axis=1)]
        else:
            chosen = ["|".join(n for n, p in zip(names, row) if p >= 0.5) for row in prediction.values]
        rows = [
            [name, best, *values, *spread]
            for name, best, values, spread in zip(prediction.ids, chosen, prediction.values, prediction.spread)
        ]
    if records is not None:
        truths = ["|".join(row) for row in zip(*(records.labels[column] for column in records.labels))]
        header = [header[0], "label", *header[1:]]
        rows = [[row[0], truth, *row[1:]] for row, truth in zip(rows, truths)]
    if escape_formulas:
        header, rows = [escape_formula(name) for name in header], [[escape_formula(x) for x in row] for row in rows]
    return header, [[f"{x:.6g}" if isinstance(x, float | np.floating) else x for x in row] for row in rows]


def is_prediction_header(header: list[str]) -> bool:
    """Whether this is the header of a table that `prediction_table` makes of records without labels."""
    if header[:2] == ["id", "predicted"]:
        others = header[2:]
        if others in (["spread"], ["mean_probability"]):
            return True
        half = len(others) // 2
        names = [name.removeprefix("p[") for name in others[:half]]
        return bool(half) and others == [f"p[{n}" for n in names] + [f"spread[{n}" for n in names]
    steps = header[1:]
    return header[:1] == ["id"] and bool(steps) and steps == list(Targets.steps(len(steps)).names)

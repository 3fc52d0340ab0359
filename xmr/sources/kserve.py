"""The inference protocols of KServe, versions 1 and 2, as JSON: requests of items, answers of classes.

Source: https://kserve.github.io/website (Data Plane, V1 and V2 protocols). Version 1 is TensorFlow Serving's too.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from xmr.errors import Problem, RecipeError, shortened
from xmr.sources.log_probabilities import Outputs
from xmr.sources.media import Medium

Protocol = Literal["kserve_v1", "kserve_v2"]
Encoding = Literal["file", "array"]


def request(protocol: Protocol, medium: Medium, items: Any, encoding: Encoding) -> bytes:
    """The body of a call. encoding: items as files (PNG, WAV, or a text), or as arrays of numbers."""
    if encoding == "array":
        numbers: np.ndarray = medium.numbers(items)  # type: ignore[attr-defined]
        if protocol == "kserve_v1":
            return json.dumps({"instances": numbers.tolist()}).encode()
        tensor = {"shape": list(numbers.shape), "datatype": "FP32", "data": numbers.reshape(-1).tolist()}
        return json.dumps({"inputs": [{"name": "input", **tensor}]}).encode()
    encoded = [medium.encoded(item) for item in items]
    if protocol == "kserve_v1":
        return json.dumps({"instances": encoded}).encode()
    data = [item if isinstance(item, str) else item["b64"] for item in encoded]
    tensor = {"shape": [len(data)], "datatype": "BYTES", "data": data}
    return json.dumps({"inputs": [{"name": "input", **tensor}]}).encode()


def response(
    protocol: Protocol, body: bytes, number: int, classes: int, names: Sequence[str], outputs: Outputs, place: str
) -> np.ndarray:
    """The answers in the body of a response, as `log_probabilities` takes them. Raises RecipeError for others.

    Of `top_k` each answer lists pairs of class and probability, or objects with `label` and `score`; of `label`, each
    is a class. Classes are numbers, or names of `source.classes`.
    """
    try:
        answers = _answers(protocol, json.loads(body, parse_constant=_not_a_number), number)
        if outputs == "label":
            return np.array([_place(label, names, classes) for label in answers], np.int64)
        if outputs == "top_k":
            return np.stack([_sparse(pairs, names, classes) for pairs in answers])
        values = np.array(answers, np.float32)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        reason = shortened(str(error), 120)
        found = f"an answer that cannot be read ({reason})"
        raise RecipeError(
            Problem(place, found, f"{number} answers of {protocol}, {outputs} of {classes} classes")
        ) from None
    if values.shape != (number, classes):
        found = f"answers of shape {values.shape}"
        raise RecipeError(Problem(place, found, f"{(number, classes)}: source.classes for every record")) from None
    return values


def _answers(protocol: Protocol, content: Any, number: int) -> list[Any]:
    """One answer per question."""
    if protocol == "kserve_v1":
        found = content["predictions"]
    else:
        output = content["outputs"][0]
        found = output["data"]
        if len(output["shape"]) > 1 and not isinstance(found[0], list):
            found = np.array(found, dtype=object).reshape(output["shape"]).tolist()
    if not isinstance(found, list) or len(found) != number:
        raise ValueError(f"{len(found)} answers to {number} questions")
    return found


def _place(label: Any, names: Sequence[str], classes: int) -> int:
    """The number of a class."""
    place = names.index(label) if isinstance(label, str) and label in names else int(label)
    if not 0 <= place < classes:
        raise ValueError(f"class {label!r} of {classes}")
    return place


def _sparse(pairs: Any, names: Sequence[str], classes: int) -> np.ndarray:
    """Probabilities of the classes that are named, NaN at others: (K_S,)."""
    row = np.full(classes, np.nan, np.float32)
    for pair in pairs.items() if isinstance(pairs, dict) else pairs:
        label, score = (pair["label"], pair["score"]) if isinstance(pair, dict) else pair
        row[_place(label, names, classes)] = float(score)
        if not math.isfinite(float(score)):
            raise ValueError(f"the probability {score} of {label!r}")
    return row


def _not_a_number(text: str) -> float:
    raise ValueError(f"the number {text}")

"""`xmr export`: a program with its source as one ONNX file, and what turns a record into its inputs as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from xmr import __version__
from xmr.commands.onnx_file import OPSET, OnnxModel, require_exporter, write_onnx
from xmr.core.files import replacing, write_json
from xmr.core.kinds import Batch, EncodedSet, Windows
from xmr.core.registry import FEATURES
from xmr.data.columns import Columns
from xmr.data.records import Records
from xmr.errors import DataError, Problem, RecipeError, XmrError, reason
from xmr.job import make_encoder
from xmr.program import Program
from xmr.program_folder import folder_of, reader_of
from xmr.recipe.load import load_recipe
from xmr.recipe.recipe import Recipe

TOLERANCE = 1e-4  # of a probability; of a number, relative to the largest one
CHECKED = 64  # records
TRACED = 2  # rows of the example that is traced; of other numbers than one


class Predicting(nn.Module):
    """A program as a function of tensors of these names: of a batch of this kind, and what pools its rows."""

    def __init__(self, program: Program, kind: type[Batch], names: Sequence[str]) -> None:
        super().__init__()
        self.program, self.kind, self.names = program, kind, names

    def forward(self, *tensors: Tensor) -> Tensor:
        """Mean probabilities over programs, or numbers in their own units: (B, K), or (B, L, K) per position.

        Of rows that are pooled, the first are the records.
        """
        given: dict[str, Any] = dict(zip(self.names, tensors))
        if (owner := given.pop("owner", None)) is not None:
            weight = given.pop("weight", None)
            given["windows"] = Windows(owner, torch.zeros_like(owner), weight, owner.shape[0])
        logits = self.program(self.kind(**given)).float()
        return self.program.task.combined(self.program.task.probabilities(logits))


def inputs_of(batch: Batch, pooled: bool) -> dict[str, Tensor]:
    """The tensors of a batch by name. pooled: with the record of each row (`owner`) and, of sequences, the weight of
    each position in its record (`weight`).
    """
    found = batch.tensors()
    if pooled:
        windows = batch.windows
        mask = batch.token_mask
        found["owner"] = torch.arange(len(batch)) if windows is None else windows.owner
        if windows is not None and windows.weight is not None:
            found["weight"] = windows.weight
        elif windows is None and mask is not None:
            found["weight"] = mask.float()
    return found


@dataclass(frozen=True)
class Exported:
    """What was written. records: how many were compared with `Program.predict`; difference: the largest one."""

    model: Path
    description: Path
    records: int
    difference: float


def export(folder: Path | str, path: Path, file: Path | None = None) -> Exported:
    """Write the program of a run as `path`, and as `path`.json what its inputs are.

    file: records to check it on, in any form that the encoder reads; by default the run's test records. Raises
    MissingExtraError without the packages, RecipeError for a program that cannot be written, DataError for records that
    cannot be read.
    """
    require_exporter("`xmr export --onnx`")
    program = Program.load(folder)
    return export_program(program, path, _records(folder_of(folder), program, file))


def export_program(program: Program, path: Path, records: Records) -> Exported:
    """`export` of a program in memory, checked on these records."""
    require_exporter("`xmr export --onnx`")
    _check_parts(program)
    program = _merged(program)
    program.encoder.require_valid(records)
    data = program.encoder.encode(records)
    whole = data.batch(np.arange(len(data)))
    pooled = whole.windows is not None and not program.task.per_position
    first = whole if pooled else data.batch(np.resize(np.arange(len(data)), TRACED))
    example = inputs_of(first, pooled)
    axes = {name: _axes(program, first, name) for name in example}
    with replacing(path) as temporary:
        try:
            write_onnx(Predicting(program, type(first), [*example]), example, axes, temporary)
            difference = _compare(program, data, pooled, OnnxModel(temporary))
        except XmrError:
            raise
        except Exception as error:  # of the exporter, which has many kinds
            parts = ", ".join(str(each["name"]) for each in _sections(program).values())
            found = f"{parts}: {reason(_cause(error))[:200]}"
            raise RecipeError(Problem("export", found, "parts whose operations ONNX has")) from error
    description = path.with_name(f"{path.name}.json")
    write_json(description, _described(program, example, axes))
    return Exported(path, description, len(data), difference)


def _axes(program: Program, batch: Batch, name: str) -> dict[int, str]:
    """The axes of any size of an input."""
    return {0: "batch"} | ({1: "length"} if name in (*batch.varying, "weight") and program.length is None else {})


def _check_parts(program: Program) -> None:
    """Raises RecipeError for parts that are not made of tensor operations alone."""
    expected = "a program whose every step from the encoded record on is tensor arithmetic"
    if not program.source.gradient:
        name = _sections(program)["source"]["name"]
        raise RecipeError(Problem("export", f"source {name!r}, which only answers", expected))
    if (passes := getattr(program.task, "passes", 1)) > 1:
        found = f"{passes} passes of the source for each record"
        raise RecipeError(Problem("export", found, "training.decoding_passes: 1"))
    names = program.outputs[0].section.get("domain_features", ())
    if others := [name for name in names if not FEATURES.get(name).traced]:
        raise RecipeError(Problem("export", f"domain features {', '.join(others)} in the output", expected))


def _merged(program: Program) -> Program:
    """An equal program of what a saved one holds."""
    transforms = [transform.merge() for transform in program.transforms]
    outputs = [output.merge(program.source) for output in program.outputs]
    made = Program(program.encoder, transforms, program.source, outputs, program.task).eval()
    made.length = program.length
    return made


def _compare(program: Program, data: EncodedSet, pooled: bool, model: OnnxModel) -> float:
    """The largest difference of the file from `Program.predict`, on one record and on all, by the largest value.

    Raises RecipeError where it is too large.
    """
    values = program.task.combined(program.predict_each(data)).numpy()
    scale, worst = max(1.0, float(np.abs(values).max(initial=0.0))), 0.0
    for records in (np.arange(1), np.arange(len(data))):
        batch = data.batch(records)
        found = model(inputs_of(batch, pooled))
        place = records
        if program.task.per_position:  # the mean of the windows that hold a position
            assert batch.token_mask is not None
            place = data.align(torch.arange(len(values)), records, 0)[batch.token_mask].numpy()
            found = found[batch.token_mask.numpy()]
        else:
            found = found[: len(records)]
        times = np.bincount(place, minlength=len(values))
        total = np.zeros_like(values)
        np.add.at(total, place, found)
        seen = times > 0
        worst = max(worst, float(np.abs(total[seen] / times[seen][:, None] - values[seen]).max(initial=0.0)) / scale)
    if not worst <= TOLERANCE:
        found_text = f"a file that differs by {worst:.2g} on {len(data)} records"
        raise RecipeError(Problem("export", found_text, f"what the program predicts, to {TOLERANCE:g}"))
    return worst


def _records(folder: Path, program: Program, file: Path | None) -> Records:
    """Real records to compare on: of a file, or of the run's recipe."""
    if file is not None:
        encoder, columns = reader_of(folder, Columns(need_target=False))
        return Records.join(list(encoder.stream(file, columns, CHECKED))[:1])
    recipe = folder / "recipe.yaml"
    expected = "a file of records to compare on (--records FILE)"
    if not recipe.is_file():
        raise RecipeError(Problem("export", f"{folder}, which has no recipe.yaml", expected))
    try:
        return tested(load_recipe(recipe), program)
    except DataError as error:
        raise RecipeError(Problem("export", f"data that cannot be read ({reason(error)})", expected)) from error


def tested(recipe: Recipe, program: Program) -> Records:
    """Some records of the recipe's test part, or of its training part where there is none."""
    prepared = make_encoder(recipe, program.source).prepare(recipe.data, recipe.task, recipe.seed)
    chosen = prepared.split.test if len(prepared.split.test) else prepared.split.train
    records = prepared.records.take(chosen)
    wrong = program.encoder.check(records, fitted=True)
    return records.take([i for i in range(len(records)) if i not in wrong][:CHECKED])


def _sections(program: Program) -> dict[str, Any]:
    """The recipe sections of the parts that the file holds."""
    parts: dict[str, Any] = {"transform": program.transforms[0], "source": program.source, "output": program.outputs[0]}
    return {name: {"name": type(part).__name__, **part.section} for name, part in parts.items()}


def _described(program: Program, example: dict[str, Tensor], axes: dict[str, dict[int, str]]) -> dict[str, Any]:
    """What a user needs to turn a record into the inputs, and the output into an answer."""

    def shape(name: str, value: Tensor) -> list[int | str]:
        """The size of each axis, or its name where it varies."""
        return [axes[name].get(axis, size) for axis, size in enumerate(value.shape)]

    task, encoder = program.task, program.encoder
    return {
        "xmr_version": __version__,
        "opset": OPSET,
        "inputs": {
            name: {"type": str(value.dtype).removeprefix("torch."), "shape": shape(name, value)}
            for name, value in example.items()
        },
        "output": {
            "per": task.predicts,
            "values": "probabilities" if task.probabilistic else "numbers in the units of the labels",
            "names": list(task.names),
            "targets": task.state(),
        },
        "encoder": {**encoder.section, "spec": encoder.spec.facts(), "state": encoder.state()},
        "recipe": _sections(program),
    }


def _cause(error: BaseException) -> Exception:
    """The first of a chain of errors."""
    while error.__cause__ is not None:
        error = error.__cause__
    assert isinstance(error, Exception)
    return error

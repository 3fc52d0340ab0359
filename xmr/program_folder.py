"""The program folder: program.json, program.safetensors, encoder.json. Data only: nothing in it is ever executed.

docs/program-folder.md documents the format; folders of older versions stay in the test fixtures and keep loading.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from xmr import __version__
from xmr.component import check_section, create
from xmr.data.tables import Columns
from xmr.data.targets import Targets
from xmr.errors import Problem, ProgramError
from xmr.files import replacing, write_json
from xmr.program import Program
from xmr.registry import ENCODERS, SOURCES

FORMAT_VERSION = 1
_KEYS = {
    "format_version",
    "xmr_version",
    "encoder",
    "source",
    "transform",
    "output",
    "targets",
    "programs",
    "length",
}
_LATER = {"columns"}  # that folders written before have not


def save_program(program: Program, folder: Path) -> None:
    """Fold what only training needed, and write the three files, each in one step."""
    transforms = [transform.fold() for transform in program.transforms]  # type: ignore[operator]
    outputs = [output.fold(program.source) for output in program.outputs]  # type: ignore[operator]
    tensors = {
        f"{part}.{member}.{name}": tensor.detach().cpu().contiguous().clone()
        for part, modules in (("transform", transforms), ("output", outputs))
        for member, module in enumerate(modules)
        for name, tensor in module.state_dict().items()
    }
    source = program.source
    with replacing(folder / "program.safetensors") as temporary:
        save_file(tensors, temporary)
    write_json(folder / "encoder.json", program.encoder.state())
    write_json(
        folder / "program.json",
        {
            "format_version": FORMAT_VERSION,
            "xmr_version": __version__,
            "encoder": program.encoder.section,
            "source": {**source.describe(), "seed": getattr(source, "seed", 0), "sha256": source.identity},
            "transform": transforms[0].section,
            "output": outputs[0].section,
            "targets": program.targets.state(),
            "programs": len(transforms),
            "length": program.length,
            "columns": program.columns.given(),
        },
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ProgramError(
            Problem(str(path.parent), f"no {path.name}", "a program folder (`xmr run` writes one as DIR/program)")
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ProgramError(Problem(str(path), f"text that is not JSON ({error})", "what `xmr run` wrote")) from error
    if not isinstance(value, dict):
        raise ProgramError(Problem(str(path), f"a JSON {type(value).__name__}", "a JSON object"))
    return value


def load_program(folder: Path | str, device: str = "cpu") -> Program:
    """Load a program and its source; refuses a source whose weights are not those it was trained on."""
    folder = Path(folder)
    if not (folder / "program.json").is_file() and (folder / "program" / "program.json").is_file():
        folder = folder / "program"
    facts = _read_json(folder / "program.json")
    version = facts.get("format_version")
    if not isinstance(version, int):
        raise ProgramError(Problem(f"{folder / 'program.json'}: format_version", repr(version), "a number"))
    unknown = sorted(set(facts) - _KEYS - _LATER)
    if unknown and version <= FORMAT_VERSION:
        raise ProgramError(Problem(str(folder / "program.json"), f"unknown keys {unknown}", f"only {sorted(_KEYS)}"))
    if unknown:
        warnings.warn(f"{folder}: written by a newer xmr; ignored {', '.join(unknown)}", stacklevel=2)
    missing = sorted(_KEYS - set(facts))
    if missing:
        raise ProgramError(Problem(str(folder / "program.json"), f"no {', '.join(missing)}", "all of its keys"))
    try:
        program = _assemble(facts, _read_json(folder / "encoder.json"), str(folder / "program.json"))
    except (KeyError, TypeError) as error:
        raise ProgramError(
            Problem(str(folder), f"settings that do not fit together ({error!r})", "what `xmr run` wrote")
        ) from error
    _fill(program, folder / "program.safetensors")
    return program.to(device).eval()


def _assemble(facts: dict[str, Any], encoder_state: dict[str, Any], place: str) -> Program:
    described = dict(facts["source"])
    expected, seed = described.pop("sha256"), int(described.pop("seed"))
    sections = {kind: check_section(kind, facts[kind], place) for kind in ("encoder", "transform", "output")}
    source = create(SOURCES, check_section("source", described, place)).load(seed)
    if source.identity != expected:
        raise ProgramError(
            Problem(
                f"{place}: source",
                f"weights of {described['name']} with sha256 {source.identity[:12]}",
                f"{expected[:12]}, the weights the program was trained on (another revision or version of the model)",
            )
        )
    encoder = create(ENCODERS, sections["encoder"]).restore(encoder_state)
    encoder.use_tokenizer(source.tokenize)
    program = Program.build(
        encoder,
        sections["transform"],
        source,
        sections["output"],
        Targets.restore(facts["targets"]),
        int(facts["programs"]),
        length=facts["length"],
    )
    program.columns = Columns.of(facts.get("columns", {}))
    return program


def _fill(program: Program, path: Path) -> None:
    """Put the saved tensors in place; every one must be there, of the right shape, and no other."""
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ProgramError(
            Problem(str(path), f"a damaged or missing file ({error})", "what `xmr run` wrote")
        ) from error
    for part, modules in (("transform", program.transforms), ("output", program.outputs)):
        for member, module in enumerate(modules):
            own = module.state_dict()
            for name, tensor in own.items():
                key = f"{part}.{member}.{name}"
                saved = tensors.pop(key, None)
                if saved is None or saved.shape != tensor.shape:
                    found = "nothing" if saved is None else f"shape {tuple(saved.shape)}"
                    raise ProgramError(Problem(f"{path}: {key}", found, f"shape {tuple(tensor.shape)}"))
                if saved.is_floating_point() and not bool(torch.isfinite(saved).all()):
                    raise ProgramError(Problem(f"{path}: {key}", "numbers that are not finite", "finite numbers"))
                own[name] = saved
            module.load_state_dict(own)
    if tensors:
        raise ProgramError(Problem(str(path), f"unknown tensors {sorted(tensors)[:3]}", "only the program's own"))


def columns_of(folder: Path, wanted: Columns) -> Columns:
    """`wanted` with what a program's encoder reads and the columns it was trained on, without loading the program.

    Raises ProgramError.
    """
    if not (folder / "program.json").is_file() and (folder / "program" / "program.json").is_file():
        folder = folder / "program"
    facts = _read_json(folder / "program.json")
    checked = check_section("encoder", facts.get("encoder"), f"{folder / 'program.json'}: encoder")
    reads = ENCODERS.get(checked["name"]).reads  # type: ignore[attr-defined]
    try:
        wanted = replace(wanted, reads=reads, trained=Columns.of(facts.get("columns", {})))
    except (TypeError, AttributeError) as error:
        raise ProgramError(Problem(f"{folder / 'program.json'}", str(error), "names of columns")) from error
    if reads not in ("table", "table over time"):
        return wanted
    state, targets = _read_json(folder / "encoder.json"), facts.get("targets", {})
    if reads == "table over time":
        return replace(wanted, features=tuple(state.get("names", ())))
    names = tuple(state.get("file_columns", ()))
    used = tuple(column["name"] for column in state.get("columns", ()) if column["kind"] != "skip")
    column = targets.get("column") or ""
    labels = wanted.target or ((column,) if column else tuple(targets.get("names", ())))
    return replace(wanted, target=labels, names=names, features=used)

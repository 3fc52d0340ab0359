"""The program folder: program.json, program.safetensors, encoder.json. Data only: nothing in it is executed.

docs/program-folder.md documents the format; folders of older versions are test fixtures and keep loading.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from xmr import __version__
from xmr.core import renamed
from xmr.core.component import KINDS, check_section, create, package_of, section_model
from xmr.core.files import json_sha256, write_json, write_tensors
from xmr.core.hub import HUB, fetched
from xmr.core.modules import Modules, sub_shapes
from xmr.core.novelty import Novelty
from xmr.core.registry import ENCODERS, SOURCES, TRANSFORMS
from xmr.data.columns import Columns
from xmr.data.public.location import cache_folder
from xmr.encoders.base import Encoder
from xmr.errors import Problem, ProgramError, XmrError, XmrWarning, reason
from xmr.program import Program
from xmr.tasks.base import restore_task

FORMAT_VERSION = 2
_TRAINING = "training."  # before the names of tensors that are statistics of the training records
FILES = ("program.safetensors", "encoder.json", "program.json")
MAX_BYTES = 256 * 2**20  # of each JSON file; those of `xmr run` have kilobytes
MAX_PROGRAMS, MAX_POSITIONS = 1000, 10_000_000
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
_LATER = {"columns", "sha256"}  # missing in folders of version 1
_OPTIONAL = {"packages", "training"}  # that earlier folders of version 2 lack
_WRITTEN = "what `xmr run` wrote"
# What a constructor or `restore` raises for a value of the wrong type or range.
_MISFITS = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, RecursionError, RuntimeError)


def save_program(program: Program, folder: Path) -> None:
    """Merge the parts that only training needs, and write the three files, each atomically."""
    transforms = [transform.merge() for transform in program.transforms]
    outputs = [output.merge(program.source) for output in program.outputs]
    tensors = {
        f"{part}.{member}.{name}": tensor.detach().cpu().contiguous().clone()
        for part, modules in (("transform", transforms), ("output", outputs))
        for member, module in enumerate(modules)
        for name, tensor in module.state_dict().items()
    }
    known: dict[str, Any] = {}
    if program.novelty is not None:
        known["training"], statistics = program.novelty.state()
        tensors |= {f"{_TRAINING}{name}": tensor for name, tensor in statistics.items()}
    source = program.source
    learned = program.encoder.state()
    sums = {"program.safetensors": write_tensors(folder / "program.safetensors", tensors)}
    sums["encoder.json"] = json_sha256(learned)
    write_json(folder / "encoder.json", learned)
    facts = {
        "format_version": FORMAT_VERSION,
        "xmr_version": __version__,
        "encoder": program.encoder.section,
        "source": {
            **source.describe(),
            "seed": source.seed,
            "sha256": source.identity,
            **({"canary": source.canary} if source.canary else {}),
        },
        "transform": transforms[0].section,
        "output": outputs[0].section,
        "targets": program.task.state(),
        "programs": len(transforms),
        "length": program.length,
        "columns": program.columns.given(),
        **known,
        "packages": {
            "encoder": package_of(type(program.encoder)),
            "source": package_of(type(source)),
            "transform": package_of(type(transforms[0])),
            "output": package_of(type(outputs[0])),
            "targets": package_of(type(program.task)),
        },
    }
    write_json(folder / "program.json", {**facts, "sha256": {**sums, "program.json": json_sha256(facts)}})


def read_facts(folder: Path | str) -> tuple[Path, dict[str, Any], dict[str, Any]]:
    """The folder of a program (or of its run) -> folder of the files, content of program.json, content of encoder.json.

    Nothing is built. Raises ProgramError for missing, damaged or changed files.
    """
    folder = folder_of(folder)
    if folder.exists() and not folder.is_dir():
        raise ProgramError(Problem(str(folder), "a file", "a run's folder, or its program folder"))
    if not (folder / "program.json").is_file():
        inside = (folder / name for name in ("program", "all/program"))  # of a run, of a cross-validation
        folder = next((place for place in inside if (place / "program.json").is_file()), folder)
    place = folder / "program.json"
    facts, learned = _read_json(place), _read_json(folder / "encoder.json")
    version = facts.get("format_version")
    if type(version) is not int or version < 1:
        raise ProgramError(Problem(f"{place}: format_version", repr(version), f"a number from 1 to {FORMAT_VERSION}"))
    unknown = sorted(set(facts) - _KEYS - _LATER - _OPTIONAL)
    if unknown and version <= FORMAT_VERSION:
        raise ProgramError(Problem(str(place), f"unknown keys {unknown}", f"only {sorted(_KEYS)}"))
    missing = sorted((_KEYS if version == 1 else _KEYS | _LATER) - set(facts))
    if missing:
        raise ProgramError(Problem(str(place), f"no {', '.join(missing)}", "all of its keys"))
    if version > FORMAT_VERSION:
        ignored = f"; ignored {', '.join(unknown)}" if unknown else ""
        warnings.warn(f"{folder}: written by a newer xmr (format {version}){ignored}", XmrWarning, stacklevel=2)
    elif version == 1:
        note = "written by xmr 0.1 without checksums, so damage to it cannot be noticed (`xmr run` writes them)"
        warnings.warn(f"{folder}: {note}", XmrWarning, stacklevel=2)
        facts = _in_new_names(facts)
    if version > 1:
        sums = facts["sha256"] if isinstance(facts["sha256"], dict) else {}
        rest = {key: value for key, value in facts.items() if key != "sha256"}
        if version == FORMAT_VERSION:
            _check_sum(place, json_sha256(rest), sums)
        _check_sum(folder / "encoder.json", json_sha256(learned), sums)
    return folder, facts, learned


def _in_new_names(facts: dict[str, Any]) -> dict[str, Any]:
    """What a folder of version 1 says, in today's names of tasks, components, fields and values."""
    for kind, registry in KINDS.items():
        section = facts[kind]
        if isinstance(section, dict) and isinstance(section.get("name"), str):
            name = renamed.new_component(kind, section["name"])
            if name in registry.names():
                known = section_model(registry.get(name)).model_fields
                facts = {**facts, kind: renamed.translate(kind, section, known)}
    targets = facts["targets"]
    if isinstance(targets, dict):
        facts = {**facts, "targets": {**targets, "task": renamed.new_value("task", targets.get("task"))}}
    return facts


def _check_sum(path: Path, found: str, sums: dict[str, Any]) -> None:
    if sums.get(path.name) != found:
        expected = f"{_WRITTEN} (a copy of the folder, or a new run)"
        raise ProgramError(Problem(str(path), "a file that was changed or damaged after it was written", expected))


def _bytes_of(path: Path, most: int | None = None) -> bytes:
    """The content of a regular file inside its own folder, links resolved. Raises ProgramError."""
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0))) as handle:
            status = os.fstat(handle.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ProgramError(Problem(str(path), "something that is not a regular file", _WRITTEN))
            if path.resolve().parent != path.parent.resolve():
                raise ProgramError(Problem(str(path), f"a link to {path.resolve()}", "a file in the program folder"))
            if most is not None and status.st_size > most:
                raise ProgramError(Problem(str(path), f"{status.st_size:,} bytes", f"at most {most:,}"))
            return handle.read()
    except FileNotFoundError:
        expected = "a program folder (`xmr run` writes one as DIR/program)"
        raise ProgramError(Problem(str(path.parent), f"no {path.name}", expected)) from None
    except OSError as error:
        raise ProgramError(Problem(str(path), f"a file that cannot be read ({error.strerror})", _WRITTEN)) from error


def _read_json(path: Path) -> dict[str, Any]:
    content = _bytes_of(path, MAX_BYTES)
    try:
        value = json.loads(content.decode("utf-8"), parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError) as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
        raise ProgramError(Problem(str(path), f"text that is not JSON ({error})", _WRITTEN)) from error
    if not isinstance(value, dict):
        raise ProgramError(Problem(str(path), f"a JSON {type(value).__name__}", "a JSON object"))
    return value


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:40]}, which is not finite")
    return value


def load_program(folder: Path | str, device: str = "cpu") -> Program:
    """Load a program and its source; refuses a source with other weights than in training.

    Raises ProgramError for a damaged or changed folder.
    """
    folder, facts, learned = read_facts(folder)
    path = folder / "program.safetensors"
    content = _bytes_of(path)
    if facts["format_version"] > 1:
        _check_sum(path, hashlib.sha256(content).hexdigest(), facts["sha256"])
    try:
        tensors = load(content)
    except (SafetensorError, ValueError) as error:
        raise ProgramError(Problem(str(path), f"a damaged file ({error})", _WRITTEN)) from error
    _check_size(facts, tensors, folder / "program.json")
    try:
        program = _assemble(facts, learned, str(folder / "program.json"))
        if "training" in facts:
            program.novelty = _novelty(facts["training"], tensors, path, program.source.hidden_width)
        _fill(program, path, tensors)
    except XmrError:
        raise
    except _MISFITS as error:
        raise ProgramError(
            Problem(str(folder), f"settings that do not fit together ({reason(error)})", _WRITTEN)
        ) from error
    return program.to(device).eval()


def _check_size(facts: dict[str, Any], tensors: dict[str, Tensor], place: Path) -> None:
    """Checked before anything is built, so that a changed file cannot allocate a million programs or a billion
    positions.
    """
    programs, length = facts["programs"], facts["length"]
    members = {name.split(".")[1] for name in tensors if name.count(".") > 1 and not name.startswith(_TRAINING)}
    if type(programs) is not int or not (programs == len(members) or (not members and 1 <= programs <= MAX_PROGRAMS)):
        found = f"{programs!r} programs and the tensors of {len(members)}"
        raise ProgramError(Problem(f"{place}: programs", found, "as many programs as tensors"))
    if length is not None and (type(length) is not int or not 1 <= length <= MAX_POSITIONS):
        raise ProgramError(Problem(f"{place}: length", repr(length), f"null, or a number up to {MAX_POSITIONS:,}"))


def _check_installed(facts: dict[str, Any], place: str) -> None:
    """A component that this process does not know is refused with the package that brought it."""
    packages = facts.get("packages")
    for kind, registry in KINDS.items():
        name = facts[kind].get("name") if isinstance(facts[kind], dict) else None
        if isinstance(packages, dict) and isinstance(packages.get(kind), str) and name not in registry.names():
            expected = f"a component of {packages[kind]}, installed or given as a plugin (--plugin FILE)"
            raise ProgramError(Problem(f"{place}: {kind}", f"{name!r}, which is not installed", expected))


def _assemble(facts: dict[str, Any], encoder_state: dict[str, Any], place: str) -> Program:
    _check_installed(facts, place)
    described = dict(facts["source"])
    expected, seed, canary = described.pop("sha256"), int(described.pop("seed")), described.pop("canary", None)
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
    if source.questions is not None:
        source.questions.purpose = "prediction"
    if source.address:
        warnings.warn(f"{place}: this program sends its inputs to {source.address}", XmrWarning, stacklevel=2)
    if canary:
        source.check_canary(canary)
    encoder, transform = create(ENCODERS, sections["encoder"]), create(TRANSFORMS, sections["transform"])
    encoder.configure(transform.capacity(source.space), source.space.rate, source.tokenize).restore(encoder_state)
    program = Program.build(
        encoder,
        sections["transform"],
        source,
        sections["output"],
        restore_task(facts["targets"], f"{place}: targets"),
        int(facts["programs"]),
        length=facts["length"],
    )
    program.columns = Columns.of(facts.get("columns", {}))
    return program


def _fill(program: Program, path: Path, tensors: dict[str, Tensor]) -> None:
    """Load the saved tensors; each must exist with the right shape, and no other."""
    parts: tuple[tuple[str, Modules[Any]], ...] = (("transform", program.transforms), ("output", program.outputs))
    for part, modules in parts:
        for member, module in enumerate(modules):
            module.resize(sub_shapes({name: tensor.shape for name, tensor in tensors.items()}, f"{part}.{member}."))
            own = module.state_dict()
            for name, tensor in own.items():
                key = f"{part}.{member}.{name}"
                saved = tensors.pop(key, None)
                if saved is None or saved.shape != tensor.shape:
                    found = "nothing" if saved is None else f"shape {tuple(saved.shape)}"
                    raise ProgramError(Problem(f"{path}: {key}", found, f"shape {tuple(tensor.shape)}"))
                _check_finite(path, key, saved)
                own[name] = saved
            module.load_state_dict(own)
    if tensors:
        raise ProgramError(Problem(str(path), f"unknown tensors {sorted(tensors)[:3]}", "only the program's own"))


def _novelty(stated: dict[str, Any], tensors: dict[str, Tensor], path: Path, width: int) -> Novelty:
    """The statistics of the training records; their tensors are taken out. width: of the source's features."""
    taken = {name: tensors.pop(name) for name in [*tensors] if name.startswith(_TRAINING)}
    for name, tensor in taken.items():
        _check_finite(path, name, tensor)
    known = Novelty.restore(stated, {name.removeprefix(_TRAINING): tensor for name, tensor in taken.items()})
    features = known.views.get("features")
    if len(taken) != 2 * len(known.views) or (features is not None and features.mean.shape != (width,)):
        raise ValueError(f"statistics {sorted(taken)} of the training records")
    return known


def _check_finite(path: Path, key: str, saved: Tensor) -> None:
    if saved.is_floating_point() and not bool(torch.isfinite(saved).all()):
        raise ProgramError(Problem(f"{path}: {key}", "numbers that are not finite", "finite numbers"))


def reader_of(folder: Path, wanted: Columns) -> tuple[Encoder, Columns]:
    """A program's fitted encoder, and `wanted` with the columns it must find in a file, without loading the source.

    Raises ProgramError.
    """
    folder, facts, state = read_facts(folder)
    place = folder / "program.json"
    try:
        _check_installed(facts, str(place))
        encoder: Encoder = create(ENCODERS, check_section("encoder", facts.get("encoder"), f"{place}: encoder"))
        task = restore_task(facts["targets"], f"{place}: targets")
        wanted = replace(wanted, reads=encoder.reads, trained=Columns.of(facts.get("columns", {})))
        return encoder.restore(state), encoder.columns_for(wanted, task)
    except XmrError:
        raise
    except _MISFITS as error:
        raise ProgramError(
            Problem(str(place), f"settings that do not fit together ({reason(error)})", _WRITTEN)
        ) from error


def pull(name: str, revision: str | None = None) -> Path:
    """The folder of a program on the hub, USER/NAME, below the cache. Raises as `xmr.core.hub.fetched`."""
    return fetched(name, FILES, revision, cache_folder() / "programs")


def folder_of(place: Path | str) -> Path:
    """A program's folder: the path itself, or what `hub:USER/NAME[@REVISION]` names, pulled."""
    text = str(place)
    if not text.startswith(HUB):
        return Path(place)
    name, _, revision = text.removeprefix(HUB).partition("@")
    return pull(name, revision or None)

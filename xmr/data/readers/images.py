"""Images as records: a folder of files (one subfolder per class), or arrays in memory."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from xmr.core.arrays import load_arrays
from xmr.core.files import leads_out
from xmr.data.readers.parts import PARTS
from xmr.data.records import Records
from xmr.errors import DataError, Problem

AT_ONCE = 256  # images
_SETS = ("set", "sets", "split")
_SYSTEM = {"thumbs.db", "desktop.ini"}  # what Windows puts into folders
_IMAGES, _LABELS = ("images", "image", "x", "X", "data"), ("labels", "label", "y", "Y", "target", "targets")


def read_folder(folder: Path, need_target: bool, chunk: int) -> Iterator[Records]:
    """Files below a folder: the name of the subfolder is the class; `train`, `test` ... above it say the part.

    Without `need_target` files may lie in the folder itself. Hidden files are passed over; whether a file is what it
    should be, the encoder says. A file outside any class has an empty label. Raises DataError for an empty folder, one
    without classes, one with a link to another folder, and one where `train` and `test` are next to other folders.
    """
    relative = files_below(folder)
    if not relative:
        raise DataError(Problem(str(folder), "an empty folder", "files, one subfolder per class"))
    tops = {path.parts[0] for path in relative if len(path.parts) > 1}
    parts = {top for top in tops if top.casefold() in PARTS}
    split = bool(tops) and tops == parts
    if tops != parts and {"train", "test"} <= {PARTS[part.casefold()] for part in parts}:
        found = f"the folders {', '.join(sorted(parts))} next to {', '.join(sorted(tops - parts)[:5])}"
        raise DataError(Problem(str(folder), found, "only parts (train, validation, test), or only classes"))
    depth = 1 + split
    loose = [path for path in relative if len(path.parts) <= depth]
    if len(loose) == len(relative) and need_target:
        expected = "one subfolder per class, or the label in the names (data.pattern: '{label}_{}')"
        raise DataError(Problem(str(folder / loose[0]), "a file outside any class", expected))
    labelled = need_target or not loose
    for begin in range(0, len(relative), chunk):
        part = relative[begin : begin + chunk]
        yield Records(
            ids=[path.as_posix() for path in part],
            inputs=[path.as_posix() for path in part],
            labels={"label": [path.parts[depth - 1] if len(path.parts) > depth else "" for path in part]}
            if labelled
            else {},
            role=[PARTS.get(path.parts[0].casefold(), "") for path in part] if split else [],
            line=list(range(begin + 1, begin + len(part) + 1)),
            file=str(folder),
        )


def read_folders(folders: Sequence[Path], need_target: bool, chunk: int) -> Iterator[Records]:
    """Files below several folders, of which each is a class, or a part if they are called `train`, `test` ...

    Where folders are parts, or hold folders alone, the classes are the folders in them. Raises DataError for an empty
    folder.
    """
    home = Path(os.path.commonpath([os.path.abspath(folder.parent) for folder in folders]))
    found = [(folder, path) for folder in folders for path in files_below(folder)]
    if empty := [str(folder) for folder in folders if not any(folder == one for one, _ in found)]:
        raise DataError(Problem(empty[0], "an empty folder", "files"))
    parted = {"train", "test"} <= {PARTS.get(folder.name.casefold()) for folder in folders}
    inner = parted or all(len(path.parts) > 1 for _, path in found)
    if parted and need_target and (loose := [one / path for one, path in found if len(path.parts) == 1]):
        raise DataError(Problem(str(loose[0]), "a file outside any class", "one subfolder per class"))
    names = [Path(os.path.relpath(folder / path, home)).as_posix() for folder, path in found]
    labels = [path.parts[0] if inner else folder.name for folder, path in found]
    roles = [PARTS.get(folder.name.casefold(), "") for folder, _ in found] if parted else []
    lines = list(range(1, len(names) + 1))
    whole = Records(names, names, {"label": labels}, role=roles, line=lines, file=str(home))
    for begin in range(0, len(names), chunk):
        yield whole.take(range(begin, min(begin + chunk, len(names))))


def files_below(folder: Path) -> list[Path]:
    """All entries below a folder that are not folders, in order, without those hidden or of the system.

    Links, pipes and dead links are among them. Raises DataError for links to folders, whose files would be passed over,
    and for folders that cannot be listed.
    """
    found: list[Path] = []
    links: list[Problem] = []

    def refuse(error: OSError) -> None:
        raise DataError(Problem(str(error.filename), f"a folder that cannot be read ({error.strerror})", "its files"))

    for here, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        below = Path(here).relative_to(folder)
        for name in folders:
            if os.path.islink(os.path.join(here, name)):
                expected = "the folder itself: links to folders are not followed"
                links.append(Problem(os.path.join(here, name), "a link to a folder", expected))
        found.extend(below / name for name in files if not (name.startswith(".") or name.casefold() in _SYSTEM))
    if links:
        raise DataError(sorted(links, key=lambda problem: problem.place))
    return sorted(found)


class Listed:
    """The files below the folder of a table that lists them, also by their bare names: `a` is train/a.png."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.below: dict[str, list[str]] | None = None

    def located(self, records: Records) -> Records:
        """Records whose files are not where the table says, with the only file below that has their name."""
        place = [os.path.join(self.folder, name) for name in records.inputs]
        missing = [at for at, name in enumerate(records.inputs) if not (leads_out(name) or os.path.lexists(place[at]))]
        if missing and self.below is None:
            self.below = {}
            for path in files_below(self.folder):
                for name in {path.name, path.stem}:
                    self.below.setdefault(name, []).append(path.as_posix())
        for at in missing:
            found = (self.below or {}).get(records.inputs[at], [])
            records.inputs[at] = found[0] if len(found) == 1 else records.inputs[at]
        return records


def read_npz(path: Path, need_target: bool, chunk: int) -> Iterator[Records]:
    """A NumPy archive: `images` (n, H, W) or (n, H, W, C), `labels` (n,), perhaps `set` (n,); or `x_train`, `y_train`,
    `x_test` and `y_test`, as Keras has them. Nothing is unpickled.
    """
    held = _of_parts(load_arrays(path))
    images = next((held[name] for name in _IMAGES if name in held), None)
    labels = next((held[name] for name in _LABELS if name in held), None)
    if images is None or (labels is None and need_target):
        listed = f"arrays {', '.join(held)}" if held else "no array"
        raise DataError(Problem(str(path), listed, "arrays `images` and `labels`"))
    values = as_bytes(images, str(path))
    n = len(values)
    whole = records_of(values, None if labels is None else _texts(labels, "labels", n, path), str(path))
    roles = next((held[name] for name in _SETS if name in held), None)
    if roles is not None:
        whole.role = _texts(roles, "set", n, path)
    for begin in range(0, n, chunk):
        yield whole.take(range(begin, min(begin + chunk, n)))


def _of_parts(held: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays of a training and a test part as one, with the part of each; others as they are."""
    parts = {part: [held.get(f"{name}_{part}") for name in "xy"] for part in ("train", "test")}
    images, labels = zip(*parts.values())
    if any(each is None or not each.ndim for each in images + labels) or images[0].shape[1:] != images[1].shape[1:]:
        return held
    roles = np.repeat([*parts], [len(each) for each in images])
    return {"images": np.concatenate(images), "labels": np.concatenate([y.ravel() for y in labels]), "set": roles}


def _texts(values: np.ndarray, name: str, n: int, path: Path) -> list[str]:
    """One text per image of an array of texts, bytes or numbers. Raises DataError."""
    if values.ndim and len(values) != n:
        raise DataError(Problem(str(path), f"{n} images and {len(values)} {name}", "as many of both"))
    if values.ndim != 1 or values.dtype.kind not in "USiufb":
        found = f"{name} of shape {values.shape} and type {values.dtype}"
        raise DataError(Problem(str(path), found, "one text or number per image"))
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0]) + 1
        raise DataError(Problem(f"{path}:{row}", f"{values[row - 1]} in {name}", "a text or a finite number"))
    if values.dtype.kind == "S":
        try:
            return [value.decode() for value in values.tolist()]
        except UnicodeDecodeError as error:
            found = f"bytes in {name} that are not text ({error.reason})"
            raise DataError(Problem(str(path), found, "UTF-8 text")) from error
    return [str(value) for value in values]


def records_of(images: np.ndarray, labels: list[str] | None, file: str) -> Records:
    """Images in memory as records. images: (n, H, W) or (n, H, W, C); uint8, uint16, bool, or floats in [0, 1]."""
    values = as_bytes(images, file)
    digests = [hashlib.sha256(row.tobytes()).hexdigest()[:24] for row in np.ascontiguousarray(values)]
    n = len(values)
    numbers = [str(i) for i in range(1, n + 1)]
    return Records(
        numbers,
        digests,
        {} if labels is None else {"label": labels},
        line=list(range(1, n + 1)),
        file=file,
        arrays=values,
    )


def as_bytes(images: np.ndarray, file: str) -> np.ndarray:
    """(n, H, W, C) uint8. Raises DataError for another shape, type or range."""
    values = images[..., None] if images.ndim == 3 else images
    if values.ndim != 4 or values.shape[-1] not in (1, 3) or 0 in values.shape[1:]:
        raise DataError(Problem(file, f"images of shape {images.shape}", "(n, H, W), (n, H, W, 1) or (n, H, W, 3)"))
    if values.dtype == np.uint8:
        return values
    if not len(values):
        return values.astype(np.uint8)
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * 255
    if values.dtype == np.uint16:
        return _rounded(values, lambda part: part / 257)
    kind = str(values.dtype)
    if values.dtype.kind in "iuf":
        low, high = values.min(), values.max()
        if values.dtype.kind == "f" and low >= 0 and high <= 1:
            return _rounded(values, lambda part: part * 255)
        kind += f" from {low} to {high}"
    raise DataError(Problem(file, f"pixel values of type {kind}", "uint8, uint16, bool, or floats in [0, 1]"))


def _rounded(values: np.ndarray, scale: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """The scaled values as uint8, some images at a time: in floating point they would take eight times the memory."""
    made = np.empty(values.shape, np.uint8)
    for begin in range(0, len(values), AT_ONCE):
        made[begin : begin + AT_ONCE] = scale(values[begin : begin + AT_ONCE]).round()
    return made


def digits() -> Records:
    """scikit-learn's 1,797 handwritten digits of 8 x 8 pixels and 17 levels (UCI, Alpaydin & Kaynak 1998)."""
    from sklearn.datasets import load_digits

    raw = load_digits()
    values = (raw.images * (255 / 16)).round().astype(np.uint8)
    return records_of(values, [str(label) for label in raw.target], "scikit-learn digits")

"""Pictures as records: a folder of files (one class a subfolder), or arrays in memory."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from xmr.data.records import Records
from xmr.errors import DataError, Problem

ROLES = {"train": "train", "training": "train", "validation": "validation", "val": "validation", "test": "test"}
_SETS = ("set", "sets", "split")
_IMAGES, _LABELS = ("images", "image", "x", "X", "data"), ("labels", "label", "y", "Y", "target", "targets")


def read_folder(folder: Path, need_target: bool, chunk: int) -> Iterator[Records]:
    """Files below a folder: the name of the subfolder is the class; `train`, `test` ... above it say the part.

    Without `need_target` files may lie in the folder itself. Hidden files are passed over; whether a file is what it
    should be, the encoder says. A file outside any class has an empty label. Raises DataError for an empty folder, or
    one without classes.
    """
    relative = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    relative = [path for path in relative if not any(part.startswith(".") for part in path.parts)]
    if not relative:
        raise DataError(Problem(str(folder), "an empty folder", "files, one class a subfolder"))
    tops = {path.parts[0].casefold() for path in relative if len(path.parts) > 1}
    split = bool(tops) and tops <= set(ROLES)
    depth = 1 + split
    loose = [path for path in relative if len(path.parts) <= depth]
    if len(loose) == len(relative) and need_target:
        raise DataError(Problem(str(folder / loose[0]), "a file outside any class", "one subfolder a class"))
    labelled = need_target or not loose
    for begin in range(0, len(relative), chunk):
        part = relative[begin : begin + chunk]
        yield Records(
            ids=[path.as_posix() for path in part],
            inputs=[path.as_posix() for path in part],
            labels={"label": [path.parts[depth - 1] if len(path.parts) > depth else "" for path in part]}
            if labelled
            else {},
            role=[ROLES.get(path.parts[0].casefold(), "") for path in part] if split else [],
            line=list(range(begin + 1, begin + len(part) + 1)),
            file=str(folder),
        )


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a .npz file, or of a .npy file as `values`. Nothing is unpickled. Raises DataError."""
    try:
        held = np.load(path, allow_pickle=False)
        if isinstance(held, np.ndarray):
            return {"values": held}
        with held as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        reason = str(error).splitlines()[0][:120]
        raise DataError(Problem(str(path), f"an archive that cannot be read ({reason})", "plain arrays")) from error


def read_npz(path: Path, need_target: bool, chunk: int) -> Iterator[Records]:
    """A NumPy archive: `images` (n, H, W) or (n, H, W, C), `labels` (n,), perhaps `set` (n,). Nothing is unpickled."""
    held = load_arrays(path)
    listed = ", ".join(held)
    images = next((held[name] for name in _IMAGES if name in held), None)
    labels = next((held[name] for name in _LABELS if name in held), None)
    if images is None or (labels is None and need_target):
        raise DataError(Problem(str(path), f"arrays {listed}", "arrays `images` and `labels`"))
    if labels is not None and len(labels) != len(images):
        raise DataError(Problem(str(path), f"{len(images)} images and {len(labels)} labels", "as many of both"))
    whole = records_of(images, None if labels is None else [str(label) for label in labels], str(path))
    roles = next((held[name] for name in _SETS if name in held), None)
    if roles is not None:
        whole.role = [str(role) for role in roles]
    for begin in range(0, len(whole), chunk):
        yield whole.take(range(begin, min(begin + chunk, len(whole))))


def records_of(images: np.ndarray, labels: list[str] | None, file: str) -> Records:
    """Pictures in memory as records. images: (n, H, W) or (n, H, W, C); uint8, uint16, bool, or floats in [0, 1]."""
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
    if values.ndim != 4 or values.shape[-1] not in (1, 3):
        raise DataError(Problem(file, f"images of shape {images.shape}", "(n, H, W), (n, H, W, 1) or (n, H, W, 3)"))
    if values.dtype == np.uint8:
        return values
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * 255
    if values.dtype == np.uint16:
        return (values / 257).round().astype(np.uint8)
    if values.dtype.kind == "f" and np.isfinite(values).all() and 0 <= values.min() <= values.max() <= 1:
        return (values * 255).round().astype(np.uint8)
    span = f"{values.dtype} from {values.min()} to {values.max()}"
    raise DataError(Problem(file, f"pixel values of type {span}", "uint8, uint16, bool, or floats in [0, 1]"))


def digits() -> Records:
    """scikit-learn's 1,797 handwritten digits of 8 x 8 pixels and 17 levels (UCI, Alpaydin & Kaynak 1998)."""
    from sklearn.datasets import load_digits

    raw = load_digits()
    values = (raw.images * (255 / 16)).round().astype(np.uint8)
    return records_of(values, [str(label) for label in raw.target], "scikit-learn digits")

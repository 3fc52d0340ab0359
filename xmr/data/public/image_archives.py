"""Official archives of images to `index.csv` (path, label, set) next to the images, or to one `data.npz`.

Splits are the official ones. Only plain members of the archives are unpacked, below the set's own folder.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from xmr.core.files import replacing, write_csv
from xmr.data.public.archives import ArchiveError, damage_as_error, members
from xmr.data.public.dataset import Convert, Files
from xmr.errors import Problem

IMAGES = (".jpg", ".jpeg", ".png", ".ppm")
Row = tuple[str, str, str]  # path below the set's folder, label, set


def unpack(archives: Iterable[Path], target: Path) -> tuple[set[str], dict[str, bytes]]:
    """Write every image below `target` -> their names, and the small text and .mat members by name."""
    images: set[str] = set()
    texts: dict[str, bytes] = {}
    held = 0
    for archive in archives:
        for member in members(archive):
            name = member.name
            if name.lower().endswith(IMAGES) and not PurePosixPath(name).name.startswith("."):
                member.write(target)
                images.add(str(PurePosixPath(name)))
            elif name.lower().endswith((".txt", ".csv", ".mat")):
                held += member.size
                if held > member.limits.text:
                    raise member.error(f"more than {member.limits.text:,} bytes of tables", "an official archive")
                texts[name] = member.read()
    return images, texts


def _lines(texts: dict[str, bytes], ending: str) -> list[str]:
    """The lines of the member whose name ends so. Raises ArchiveError when there is none."""
    for name, content in texts.items():
        if name.endswith(ending):
            return [line.strip() for line in content.decode("utf-8", "replace").splitlines() if line.strip()]
    raise ArchiveError(Problem("the archives", f"no member ending in {ending}", "the official archives"))


def _mat(content: bytes | Path) -> dict[str, Any]:
    """A MATLAB file (before version 7.3), squeezed."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    place = content if isinstance(content, Path) else None
    try:
        with damage_as_error(place or Path("a .mat member")):
            return loadmat(io.BytesIO(content) if isinstance(content, bytes) else content, squeeze_me=True)
    except MatReadError as error:
        found = f"a file that MATLAB did not write ({error})"
        raise ArchiveError(Problem(str(place or "a .mat member"), found, "the official file"), place) from error


def listed(rows: Callable[[dict[str, bytes], Files], Iterable[Row]]) -> Convert:
    """A converter: unpack all archives, then write index.csv from the rows, each of an image that was unpacked."""

    def convert(files: Files, target: Path) -> None:
        """See `Convert`."""
        images, texts = unpack([p for p in files.values() if p.suffix != ".mat"], target)
        listed = [(str(PurePosixPath(path)), label, role) for path, label, role in rows(texts, files)]
        missing = [path for path, _, _ in listed if path not in images]
        if missing or not listed:
            found = f"{len(missing):,} of {len(listed):,} listed files missing ({', '.join(missing[:2]) or 'none'})"
            raise ArchiveError(Problem("the archives", found, "every file that their lists name"))
        write_csv(target / "index.csv", ["path", "label", "set"], listed)

    return convert


def cifar(train: tuple[str, ...], test: str, names: str, skip: int) -> Convert:
    """CIFAR's binary records: `skip` label bytes before the one that counts, then 3 x 1,024 pixels."""

    def convert(files: Files, target: Path) -> None:
        """See `Convert`."""
        held: dict[str, bytes] = {}
        for member in members(next(iter(files.values()))):
            if (own := PurePosixPath(member.name).name) in (*train, test, names):
                held[own] = member.read()
        words = [line.strip() for line in held[names].decode().splitlines() if line.strip()]
        images, labels, sets = [], [], []
        for name in (*train, test):
            raw = np.frombuffer(held[name], np.uint8).reshape(-1, skip + 1 + 3072)
            images.append(raw[:, skip + 1 :].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
            labels += [words[i] for i in raw[:, skip]]
            sets += ["test" if name == test else "train"] * len(raw)
        _write_npz(target, np.concatenate(images), labels, sets)

    return convert


def svhn(files: Files, target: Path) -> None:
    """Street View House Numbers, cropped: X (32, 32, 3, n), y with 10 for the digit 0."""
    images, labels, sets = [], [], []
    for name, path in files.items():
        held = _mat(path)
        images.append(held["X"].transpose(3, 0, 1, 2))
        labels += [str(int(y) % 10) for y in held["y"]]
        sets += ["test" if name.startswith("test") else "train"] * len(held["y"])
    _write_npz(target, np.concatenate(images), labels, sets)


def _write_npz(target: Path, images: np.ndarray, labels: list[str], sets: list[str]) -> None:
    with replacing(target / "data.npz") as temporary, temporary.open("wb") as handle:
        np.savez(handle, images=np.ascontiguousarray(images), labels=np.array(labels), set=np.array(sets))


def gtsrb(texts: dict[str, bytes], files: Files) -> Iterator[Row]:
    """Training images by class folder; test images by the ground-truth table."""
    for member in members(files["GTSRB-Training_fixed.zip"]):
        if member.name.endswith(".ppm"):
            yield member.name, str(int(PurePosixPath(member.name).parts[-2])), "train"
    for row in csv.DictReader(_lines(texts, "GT-final_test.csv"), delimiter=";"):
        yield f"GTSRB/Final_Test/Images/{row['Filename']}", row["ClassId"], "test"


def eurosat(texts: dict[str, bytes], files: Files) -> Iterator[Row]:
    """2750/<class>/<class>_<n>.jpg; no official split."""
    for member in members(files["EuroSAT.zip"]):
        if member.name.endswith(".jpg"):
            yield member.name, PurePosixPath(member.name).parts[-2], ""


def flowers102(texts: dict[str, bytes], files: Files) -> Iterator[Row]:
    """Labels and the three parts from two MATLAB files."""
    labels, parts = _mat(files["imagelabels.mat"])["labels"], _mat(files["setid.mat"])
    for key, role in (("trnid", "train"), ("valid", "validation"), ("tstid", "test")):
        for number in parts[key]:
            yield f"jpg/image_{number:05d}.jpg", str(labels[number - 1]), role


def dtd(texts: dict[str, bytes], files: Files) -> Iterator[Row]:
    """The first of the ten official partitions."""
    for key, role in (("train1", "train"), ("val1", "validation"), ("test1", "test")):
        for line in _lines(texts, f"labels/{key}.txt"):
            yield f"dtd/images/{line}", line.split("/")[0], role


def food101(texts: dict[str, bytes], files: Files) -> Iterator[Row]:
    """meta/train.txt and meta/test.txt."""
    for role in ("train", "test"):
        for line in _lines(texts, f"meta/{role}.txt"):
            yield f"food-101/images/{line}.jpg", line.split("/")[0], role


def oxford_pets(texts: dict[str, bytes], files: Files) -> Iterator[Row]:
    """37 breeds; annotations/trainval.txt and test.txt."""
    for key, role in (("trainval", "train"), ("test", "test")):
        for line in _lines(texts, f"annotations/{key}.txt"):
            name = line.split()[0]
            yield f"images/{name}.jpg", name.rpartition("_")[0], role


def sun397(texts: dict[str, bytes], files: Files) -> Iterator[Row]:
    """The first of the ten official partitions: 50 images per class to train, 50 to test."""
    for key, role in (("Training_01", "train"), ("Testing_01", "test")):
        for line in _lines(texts, f"{key}.txt"):
            yield f"SUN397{line}", "_".join(PurePosixPath(line).parts[2:-1]), role


def stanford_cars(texts: dict[str, bytes], files: Files) -> Iterator[Row]:
    """196 models; boxes are not used. The labels of the test part are a file of their own, outside the devkit."""
    held = {PurePosixPath(name).name: content for name, content in texts.items()}
    names = [str(name) for name in _mat(held["cars_meta.mat"])["class_names"]]
    test = files["cars_test_annos_withlabels.mat"]
    for tables, folder, role in ((held["cars_train_annos.mat"], "cars_train", "train"), (test, "cars_test", "test")):
        for entry in _mat(tables)["annotations"]:
            yield f"{folder}/{entry['fname']}", names[int(entry["class"]) - 1], role


def ucf101(texts: dict[str, bytes], files: Files) -> Iterator[Row]:
    """The middle frame of every video, v_<Class>_g<group>_c<clip>.jpg; the first official partition."""
    names = [member.name for member in members(files["UCF-101-midframes.zip"])]
    frames = {PurePosixPath(name).stem.casefold(): name for name in names if name.endswith(".jpg")}
    for key, role in (("trainlist01", "train"), ("testlist01", "test")):
        for line in _lines(texts, f"{key}.txt"):
            stem = PurePosixPath(line.split()[0]).stem
            if stem.casefold() in frames:  # lists and frames differ in case in some classes
                yield frames[stem.casefold()], stem.split("_")[1], role

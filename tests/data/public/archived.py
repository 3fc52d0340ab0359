"""Tiny archives, sets made of them, and a fetcher that takes them from a folder in the place of the network."""

import io
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

from xmr.data.public.catalog import dataset


def zipped(path, files, packing=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tarred(path, files, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def spoken(folder, recordings=4, digest=""):
    """The set fsdd with one small archive in `folder`."""
    files = {f"x/recordings/{i % 10}_a_{i}.wav": bytes([i]) * 50 for i in range(recordings)}
    zipped(folder / "v.zip", files)
    return replace(dataset("fsdd"), archives={"https://example.org/v.zip": digest})


def coffee(folder):
    """A set of the UCR archive."""
    zipped(folder / "Coffee.zip", {"Coffee_TRAIN.ts": "train", "Coffee_TEST.ts": "test"})
    return replace(dataset("ucr/Coffee"), archives={"https://example.org/Coffee.zip": ""})


def kinds_of_sound(folder):
    """The set esc50: recordings and an index."""
    table = "filename,fold,target,category\n1.wav,1,0,dog\n2.wav,2,1,cat\n"
    zipped(folder / "master.zip", {"m/meta/esc50.csv": table, "m/audio/1.wav": "one", "m/audio/2.wav": "two"})
    return replace(dataset("esc50"), archives={"https://example.org/master.zip": ""})


class From:
    """A fetcher that copies from a folder, in two steps as a network does, and counts."""

    def __init__(self, folder):
        self.folder, self.asked = folder, []

    def __call__(self, address, folder):
        name = address.split("/")[-1]
        self.asked.append(name)
        content = (self.folder / name).read_bytes()
        with (folder / name).open("wb") as target:
            target.write(content[: len(content) // 2])
            target.write(content[len(content) // 2 :])
        return folder / name


def unreachable(address, folder):
    (folder / address.split("/")[-1]).write_bytes(b"the first half")
    raise ConnectionError("no network here")


def tree(folder):
    """Every visible file below a folder and what it holds."""
    folder = Path(folder)
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def everything(folder):
    """Every file and folder below, hidden ones too, but for locks."""
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.name != ".lock")


def cut(path, share=0.6):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path

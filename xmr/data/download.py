"""Fetching a public data set from its official address, with a checksum on what it becomes."""

from __future__ import annotations

import hashlib
import re
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pooch

from xmr.data.datasets import Dataset, cache_folder, dataset, locate, package_file, sha256
from xmr.data.uci import plain_rows
from xmr.errors import DataError, MissingExtraError, Problem
from xmr.files import replacing

Fetch = Callable[[str, Path], Path]  # address, folder -> the downloaded file


def fetch(address: str, folder: Path) -> Path:
    """Download one official file, in one step (pooch writes a temporary file first)."""
    return Path(pooch.retrieve(address, known_hash=None, path=folder, fname=Path(address).name, progressbar=False))


def download(chosen: Dataset, folder: Path | None = None, fetcher: Fetch = fetch) -> list[Path]:
    """Bring every file of a data set below `folder` (the cache) -> their paths.

    Files already here (XMR_DATA or cache) are kept. The checksum of every prepared file must be the one stated.
    Raises DataError when the address cannot be reached or a checksum differs.
    """
    if chosen.made:
        return []
    if chosen.package:
        return [package_file(chosen)]
    root = folder or cache_folder()
    if chosen.archives:
        return [download_archives(chosen, root, fetcher)]
    official = {Path(member).name: (address, member) for address, member in chosen.official.items()}
    result: list[Path] = []
    for relative, digest in (*chosen.files.items(), *chosen.rows.items()):
        try:
            result.append(locate(relative, chosen.name))
            continue
        except DataError:
            pass
        address, member = official[Path(relative).name]
        try:
            raw = fetcher(address, root / "official" / chosen.name)
        except Exception as error:  # requests, urllib, ftp: whatever pooch used
            reason = str(error).splitlines()[0][:160]
            raise DataError(
                Problem(
                    f"data get {chosen.name}",
                    f"{address} cannot be reached ({reason})",
                    f"a network, or {relative} below XMR_DATA",
                )
            ) from error
        target = root / relative
        content = _member(raw, member) if raw.suffix == ".zip" else raw.read_bytes()
        if relative in chosen.rows:
            content = plain_rows(content, label_first=chosen.name == "breast_cancer")
        with replacing(target) as temporary:
            temporary.write_bytes(content)
            found = sha256(temporary)
            if digest and found != digest:
                raise DataError(Problem(f"{target} from {address}", f"sha256 {found}", digest))
        result.append(target)
    return result


def download_archives(chosen: Dataset, root: Path, fetcher: Fetch = fetch) -> Path:
    """Bring the archives of a set and unpack them below `root` -> its index or folder.

    An archive that already lies in `root`/official/NAME (brought by hand) is taken as it is. Raises DataError when an
    address cannot be reached or an archive's checksum is not the published one.
    """
    from xmr.data.picture_sets import CONVERTERS
    from xmr.data.signal_sets import SIGNAL_CONVERTERS, ucr

    try:
        return locate(chosen.main, chosen.name)
    except DataError:
        pass
    official = root / "official" / chosen.name
    files: dict[str, Path] = {}
    for address, digest in chosen.archives.items():
        name = re.split(r"[/#]", address)[-1]
        path = official / name
        if not path.is_file():
            try:
                path = fetcher(address, official)
            except Exception as error:  # requests, urllib, ftp: whatever pooch used
                reason = str(error).splitlines()[0][:160]
                found = f"{address} cannot be reached ({reason})"
                raise DataError(
                    Problem(f"data get {chosen.name}", found, f"a network, or the file at {path}")
                ) from error
        with path.open("rb") as handle:
            kind = "sha256" if len(digest) == 64 else "md5"  # as its authors publish it
            found = hashlib.file_digest(handle, kind).hexdigest()
        if digest and found != digest:
            raise DataError(Problem(str(path), f"an archive with {kind} {found}", f"{digest}, as published"))
        files[name] = path
    convert = ucr if chosen.name.startswith("ucr/") else (CONVERTERS | SIGNAL_CONVERTERS)[chosen.name]
    convert(files, (root / chosen.main).parent)
    return root / chosen.main


def _member(archive: Path, name: str) -> bytes:
    """One member of a zip archive, read into memory (no path of the archive ever reaches the disk)."""
    with zipfile.ZipFile(archive) as opened:
        names = [item for item in opened.namelist() if Path(item).name == Path(name).name]
        if not names:
            raise DataError(Problem(str(archive), f"members {opened.namelist()[:5]}", name))
        return opened.read(names[0])


def prepare_datasets(names: list[str], arguments: list[str]) -> int:
    """What a script of data_prep/ does: bring each data set, check it, print its files -> exit status."""
    folder = Path(arguments[0]) if arguments else None
    try:
        for name in names:
            for path in download(dataset(name), folder):
                print(f"{name}: {path}")
    except (DataError, MissingExtraError) as error:
        print(f"{error}", file=sys.stderr)
        return error.exit_status
    return 0

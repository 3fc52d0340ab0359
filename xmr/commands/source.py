"""`xmr source`: published models by name, downloaded from their official addresses, checked and converted."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from filelock import FileLock

from xmr.core.registry import SOURCES
from xmr.data.public.checksums import sha256
from xmr.data.public.download import Fetch, Log, fetch, plain_errors, to_stderr
from xmr.data.public.location import cache_folder
from xmr.errors import DataError, Problem, reason
from xmr.sources.packaged import PackagedFile
from xmr.sources.published.catalog import PUBLISHED_MODELS, PublishedModel, published_model
from xmr.sources.weights import find_model


@dataclass(frozen=True)
class Listed:
    """A line of `xmr source list`. where: the folder or package it is read from; empty when it has to be fetched."""

    name: str
    summary: str
    licence: str
    size: str
    where: str


def listed() -> Iterator[Listed]:
    """Sources inside packages first, then the published models."""
    for entry in SOURCES:
        packaged: PackagedFile | None = entry.load().packaged
        if packaged is not None:
            where = str(packaged.folder() or "")
            yield Listed(entry.name, entry.summary, packaged.licence, packaged.command, where)
    for model in PUBLISHED_MODELS.values():
        yield Listed(model.name, model.summary, model.licence, f"{model.bytes / 1e6:.1f} MB", where_is(model))


def origins() -> Iterator[str]:
    """Of each published model: address, sha256 and converter of the official file."""
    for model in PUBLISHED_MODELS.values():
        converter = (model.converter or "none").partition(":")[2] or "none, used as it is"
        yield f"{model.name}\n  address    {model.address}\n  sha256     {model.sha256}\n  converter  {converter}"


def where_is(model: PublishedModel) -> str:
    """The file or folder that a recipe would read, or nothing."""
    found = find_model(model.result)
    return found if os.path.exists(found) else ""


def get_all(names: list[str], folder: Path | None, force: bool) -> Iterator[tuple[Path, str]]:
    """Bring models by name, as `get` does -> the file or folder of each, and its source section in a recipe."""
    for model in [published_model(name) for name in names]:
        yield get(model, folder, force), model.recipe


def get(
    model: PublishedModel,
    folder: Path | None = None,
    force: bool = False,
    fetcher: Fetch = fetch,
    log: Log = to_stderr,
) -> Path:
    """Bring a model below `folder` (default: the cache, where recipes find it) -> its file or folder.

    The official file may lie in `folder`/official already, if you put it there. A model that is there stays unless
    `force`. The result appears whole, by a rename. Raises DataError for an address out of reach or a wrong checksum,
    MissingExtraError without the packages that the conversion needs.
    """
    root = folder or cache_folder() / "models"
    result = root / model.result
    if folder is None and not force and where_is(model):
        return Path(where_is(model))
    if result.exists() and not force:
        return result
    with plain_errors(root):
        (root / "official").mkdir(parents=True, exist_ok=True)
        with FileLock(root / "official" / f".{model.name}.lock"):
            official = _official(model, root / "official", fetcher, log)
            unfinished = root / f".{model.result}.part"
            _remove(unfinished)
            model.convert(official, unfinished)
            _remove(result)
            unfinished.rename(result)
    return result


def _official(model: PublishedModel, folder: Path, fetcher: Fetch, log: Log) -> Path:
    """The official file, fetched unless it lies here already."""
    path = folder / model.address.rsplit("/", 1)[-1]
    if path.is_file() and sha256(path) == model.sha256:
        return path
    if path.exists():
        log(f"{path} is not the published file (sha256 {model.sha256}) and is downloaded again")
        _remove(path)
    log(f"downloading {model.address}")
    fetched = folder / f".{path.name}.part"
    fetched.mkdir(exist_ok=True)
    try:
        brought = fetcher(model.address, fetched)
        if sha256(brought) != model.sha256:
            found = f"a file with the sha256 {sha256(brought)}"
            raise DataError(Problem(model.address, found, f"{model.sha256}, as in `xmr source list --addresses`"))
        brought.rename(path)
    except (OSError, HTTPException) as error:
        if isinstance(error, OSError) and error.filename is not None:  # of this machine, not of the network
            raise
        found = f"an address that cannot be reached ({reason(error)[:160]})"
        raise DataError(Problem(model.address, found, f"a network, or the file brought by hand as {path}")) from error
    finally:
        _remove(fetched)
    return path


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)

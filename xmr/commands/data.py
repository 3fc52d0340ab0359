"""`xmr data`: public data sets, downloaded and checked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from xmr.data.public.catalog import select, status
from xmr.data.public.download import download
from xmr.data.public.location import check, place_of


def listed(domain: str | None) -> Iterator[tuple[str, ...]]:
    """Name, summary, task, licence, size and place of every data set, or of those of a domain."""
    for dataset, where in status(domain):
        yield dataset.name, dataset.summary, dataset.task, dataset.licence, dataset.size, where


def get(names: list[str], domain: str | None, folder: Path | None, force: bool) -> Iterator[str]:
    """Download data sets -> a line per file. Raises RecipeError for unknown names, DataError for what fails."""
    for chosen in select(names, domain):
        paths = download(chosen, folder, force=force)
        yield from map(str, paths)
        if not paths:
            yield f"{chosen.name}: {place_of(chosen)}, nothing to download"


def verify(names: list[str], domain: str | None, folder: Path | None) -> Iterator[str]:
    """Compare the files of data sets with their checksums -> a line per file."""
    for chosen in select(names, domain):
        for path, verdict in check(chosen, folder):
            yield f"{path} {verdict}"

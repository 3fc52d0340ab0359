"""Every public data set by name; each domain lists its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xmr.data.public import audio, dna, images, molecules, proteins, series, tables, text
from xmr.data.public.dataset import Dataset
from xmr.data.public.location import IncompleteError, place_of
from xmr.errors import DataError, MissingExtraError, one_of

DOMAINS: dict[str, Sequence[Dataset]] = {
    "proteins": proteins.SETS,
    "dna": dna.SETS,
    "molecules": molecules.SETS,
    "series": series.SETS,
    "audio": audio.SETS,
    "images": images.SETS,
    "tables": tables.SETS,
    "text": text.SETS,
}
DATASETS = {chosen.name: chosen for sets in DOMAINS.values() for chosen in sets}


def dataset(name: str, place: str = "data.dataset") -> Dataset:
    """The data set called `name`. Raises DataError with the nearest names."""
    if name not in DATASETS and name.startswith("ucr/") and name[4:].isalnum():
        return series.ucr(name[4:])  # the archive has more sets than the list
    if name not in DATASETS:
        raise DataError(one_of(place, name, DATASETS))
    return DATASETS[name]


def select(names: Sequence[str], domain: str | None = None, place: str = "data get") -> list[Dataset]:
    """The sets of these names, each once; `gb1` stands for every set whose name begins with `gb1_`.

    domain: only sets of that domain. Raises DataError with the nearest names.
    """
    known = DATASETS if domain is None else {chosen.name: chosen for chosen in DOMAINS[domain]}
    chosen: dict[str, Dataset] = {}
    for name in names:
        family = [each for each in known if each.startswith(f"{name}_")]
        if name in known or not family:
            if name not in known and not (name.startswith("ucr/") and domain in (None, "series")):
                raise DataError(one_of(place, name, known))
            chosen[name] = dataset(name, place)
        else:
            chosen |= {each: known[each] for each in family}
    return list(chosen.values())


def status(domain: str | None = None) -> Iterator[tuple[Dataset, str]]:
    """Every data set and where it is: a path, or "not here", with "whole" where only a part of it is."""
    for chosen in DATASETS.values() if domain is None else DOMAINS[domain]:
        try:
            yield chosen, place_of(chosen)
        except IncompleteError:
            yield chosen, "not here whole"
        except (DataError, MissingExtraError):
            yield chosen, "not here"

"""Public sets of time series: the UCR/UEA archive, and tables to forecast."""

from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath

from xmr.data.public.archives import ArchiveError, members
from xmr.data.public.dataset import Dataset, Files
from xmr.data.records import Records
from xmr.errors import Problem, require

_BUNDLED = ("ACSF1", "ArrowHead", "BasicMotions", "GunPoint", "ItalyPowerDemand", "JapaneseVowels", "OSULeaf")
_OTHERS = (
    "Coffee", "DistalPhalanxTW", "ECG200", "Earthquakes", "Ham", "Herring", "MiddlePhalanxOutlineCorrect",
    "ProximalPhalanxTW", "SmallKitchenAppliances", "SonyAIBORobotSurface1", "Strawberry", "SyntheticControl", "Trace",
    "TwoLeadECG", "Wine",
)  # fmt: skip


def unpack(files: Files, folder: Path) -> None:
    """The archive's own train and test parts, NAME_TRAIN.ts and NAME_TEST.ts."""
    for archive in files.values():
        parts: set[str] = set()
        for member in members(archive):
            path = PurePosixPath(member.name)
            if path.suffix == ".ts" and path.stem.upper().endswith(("_TRAIN", "_TEST")):
                member.write(folder, path.name)  # the name alone: nothing lands outside the folder
                parts.add(path.name)
        if sorted(name.upper().rpartition("_")[2] for name in parts) != ["TEST.TS", "TRAIN.TS"]:
            found = f"{len(parts)} .ts files"
            raise ArchiveError(Problem(str(archive), found, "NAME_TRAIN.ts and NAME_TEST.ts"), archive)


def solar(files: Files, folder: Path) -> None:
    """Copy the table that aeon brings. Raises MissingExtraError without aeon."""
    del files
    aeon = require("aeon", "series", "the data set solar")
    shutil.copyfile(Path(aeon.__path__[0], "datasets", "data", "solar", "solar.csv"), folder / "solar.csv")


def _inside_aeon(chosen: Dataset) -> Records:
    from xmr.data.readers.series import bundled

    return bundled(chosen.name.removeprefix("ucr/"))


def ucr(name: str) -> Dataset:
    """Any set of the UCR/UEA archive: from inside aeon where it is there, else NAME_TRAIN and NAME_TEST files."""
    inside = name in _BUNDLED
    return Dataset(
        name=f"ucr/{name}",
        domain="series",
        summary=f"{name} of the UCR/UEA archive, its own train and test parts",
        task="classification",
        licence="UCR archive: cite",
        cite="UCR/UEA archive, Dau et al. 2018, arXiv 1810.07758; Bagnall et al. 2018, arXiv 1811.00075",
        main="" if inside else f"timeseries/{name}",
        size="in the package" if inside else "not known",
        archives={} if inside else {f"https://www.timeseriesclassification.com/aeon-toolkit/{name}.zip": ""},
        convert=None if inside else unpack,
        package="aeon" if inside else None,
        read=_inside_aeon if inside else None,
    )


SETS = (
    Dataset(
        name="etth1",
        domain="series",
        summary="an electricity transformer's oil temperature and six loads, hourly for two years",
        task="forecasting",
        licence="CC BY-ND 4.0",
        cite="Zhou et al. 2021, arXiv 2012.07436, github.com/zhouhaoyi/ETDataset",
        main="forecast/ETTh1.csv",
        size="2.6 MB",
        columns={"time": "date"},
        files={"forecast/ETTh1.csv": "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066"},
        official={"https://raw.githubusercontent.com/zhouhaoyi/ETDataset/main/ETT-small/ETTh1.csv": "ETTh1.csv"},
    ),
    Dataset(
        name="solar",
        domain="series",
        summary="solar power of Great Britain, half-hourly for six days of May 2021",
        task="forecasting",
        licence="BSD-3-Clause (aeon), data of Sheffield Solar",
        cite="aeon, aeon-toolkit.org; Sheffield Solar PV_Live",
        main="forecast/solar/solar.csv",
        size="in the package",
        columns={"time": "datetime_gmt"},
        files={"forecast/solar/solar.csv": "205b61343a9233f6f532e918154a19b177557086f77801ec26277a1868af7e7e"},
        convert=solar,
    ),
    *(ucr(name) for name in (*_BUNDLED, *_OTHERS)),
)

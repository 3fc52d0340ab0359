"""Public sets of texts: official files to `data.csv` (text, label, set) in the set's own folder."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from xmr.core.files import write_csv
from xmr.data.public.archives import ArchiveError, members, read_whole
from xmr.data.public.dataset import Convert, Dataset, Files
from xmr.errors import Problem

Row = tuple[str, str, str]  # text, label, set ("" where the set has no official parts)


def _written(rows: Callable[[Files], Iterator[Row]]) -> Convert:
    """A converter that writes data.csv from the rows of the official files."""

    def convert(files: Files, folder: Path) -> None:
        made = list(rows(files))
        if not made:
            raise ArchiveError(Problem(", ".join(map(str, files.values())), "no texts", "the official files"))
        write_csv(folder / "data.csv", ["text", "label", "set"], made)

    return convert


def _member(archive: Path, name: str) -> str:
    """A text member of an archive, by the end of its path."""
    for member in members(archive):
        if PurePosixPath(member.name).name == name:
            return member.read().decode("utf-8")
    raise ArchiveError(Problem(str(archive), f"no member {name}", "the official archive"), archive)


def sms_spam(files: Files) -> Iterator[Row]:
    """SMSSpamCollection: `ham` or `spam`, a tab, the message."""
    for line in _member(files["smsspamcollection.zip"], "SMSSpamCollection").splitlines():
        label, _, text = line.partition("\t")
        if label not in ("ham", "spam"):
            raise ValueError(f"a message of the class {label[:20]!r}")
        yield text, label, ""


def trec(files: Files) -> Iterator[Row]:
    """`CLASS:kind question`, in Latin-1; the six coarse classes are kept."""
    for name, part in (("train_5500.label", "train"), ("TREC_10.label", "test")):
        for line in read_whole(files[name]).decode("latin-1").splitlines():
            label, _, text = line.partition(" ")
            yield text, label[: label.index(":")], part


def ag_news(files: Files) -> Iterator[Row]:
    """Rows of class number, title and description, which are joined; a backslash stands for a line break."""
    classes = ("World", "Sports", "Business", "Sci/Tech")
    for part in ("train", "test"):
        for number, title, description in csv.reader(io.StringIO(read_whole(files[f"{part}.csv"]).decode("utf-8"))):
            yield f"{title}. {description}".replace("\\", " "), classes[int(number) - 1], part


def banking77(files: Files) -> Iterator[Row]:
    """Questions to a bank and their intents, with a header."""
    for part in ("train", "test"):
        for row in csv.DictReader(io.StringIO(read_whole(files[f"{part}.csv"]).decode("utf-8"))):
            yield row["text"], row["category"], part


def sst2(files: Files) -> Iterator[Row]:
    """train.tsv, and dev.tsv as the test part (the official test part has no labels)."""
    for name, part in (("train.tsv", "train"), ("dev.tsv", "test")):
        for line in _member(files["SST-2.zip"], name).splitlines()[1:]:
            text, label = line.split("\t")
            yield text.strip(), ("negative", "positive")[int(label)], part


def _set(name: str, archives: dict[str, str], rows: Callable[[Files], Iterator[Row]], **more: Any) -> Dataset:
    return Dataset(
        name=name,
        domain="text",
        main=f"text/{name}/data.csv",
        columns={"input": "text", "target": "label", "set": "set"},
        archives=archives,
        convert=_written(rows),
        **more,
    )


_QUESTIONS = "https://cogcomp.seas.upenn.edu/Data/QA/QC"
_NEWS = "https://raw.githubusercontent.com/mhjabreel/CharCnn_Keras/master/data/ag_news_csv"
_BANK = "https://raw.githubusercontent.com/PolyAI-LDN/task-specific-datasets/master/banking_data"
SETS = (
    _set(
        "sms_spam",
        {
            "https://archive.ics.uci.edu/ml/machine-learning-databases/00228/smsspamcollection.zip": (
                "1587ea43e58e82b14ff1f5425c88e17f8496bfcdb67a583dbff9eefaf9963ce3"
            )
        },
        sms_spam,
        summary="unwanted (spam) or wanted (ham) text messages, 5,574 messages",
        task="classification, 2 classes",
        licence="CC BY 4.0",
        cite="Almeida et al. 2011, UCI",
        size="0.2 MB",
    ),
    _set(
        "trec",
        {
            f"{_QUESTIONS}/train_5500.label": "9e4c8bdcaffb96ed61041bd64b564183d52793a8e91d84fc3a8646885f466ec3",
            f"{_QUESTIONS}/TREC_10.label": "033f22c028c2bbba9ca682f68ffe204dc1aa6e1cf35dd6207f2d4ca67f0d0e8e",
        },
        trec,
        summary="what a question asks for, 5,452 + 500 questions",
        task="classification, 6 classes",
        licence="none stated by the authors",
        cite="Li & Roth 2002",
        size="0.4 MB",
    ),
    _set(
        "ag_news",
        {
            f"{_NEWS}/train.csv": "76a0a2d2f92b286371fe4d4044640910a04a803fdd2538e0f3f29a5c6f6b672e",
            f"{_NEWS}/test.csv": "521465c2428ed7f02f8d6db6ffdd4b5447c1c701962353eb2c40d548c3c85699",
        },
        ag_news,
        summary="topics of news articles, 120,000 + 7,600 articles",
        task="classification, 4 classes",
        licence="non-commercial use",
        cite="Zhang et al. 2015, arXiv 1509.01626",
        size="31 MB",
    ),
    _set(
        "banking77",
        {
            f"{_BANK}/train.csv": "b06e26ac675513959a63135f11b94ea7786ed02da65db93a5650d8838cbc664b",
            f"{_BANK}/test.csv": "d12d6e3bc4c3103966ae786dc435913c0c563dfa328f5a3646d0e62cfeeb474d",
        },
        banking77,
        summary="intents of questions to a bank, 10,003 + 3,080 questions",
        task="classification, 77 classes",
        licence="CC BY 4.0",
        cite="Casanueva et al. 2020, arXiv 2003.04807",
        size="1.1 MB",
    ),
    _set(
        "sst2",
        {
            "https://dl.fbaipublicfiles.com/glue/data/SST-2.zip": (
                "d67e16fb55739c1b32cdce9877596db1c127dc322d93c082281f64057c16deaa"
            )
        },
        sst2,
        summary="negative or positive phrases of film reviews, 67,349 + 872 phrases",
        task="classification, 2 classes",
        licence="none stated by the authors",
        cite="Socher et al. 2013; GLUE, arXiv 1804.07461",
        size="7.4 MB",
    ),
)

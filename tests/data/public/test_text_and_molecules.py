"""Official files of texts and molecules, rebuilt in miniature, become what xmr reads."""

import csv
import gzip
from dataclasses import replace

import pytest

from tests.data.public.archived import From, zipped
from xmr.data.columns import Columns
from xmr.data.public.catalog import dataset
from xmr.data.public.download import download
from xmr.data.readers.read import read_all
from xmr.data.records import Skipped
from xmr.errors import DataError


@pytest.fixture
def origin(tmp_path, monkeypatch):
    monkeypatch.delenv("XMR_DATA", raising=False)
    monkeypatch.setenv("XMR_CACHE", str(tmp_path / "cache"))
    (tmp_path / "origin").mkdir()
    return tmp_path / "origin"


FILES = {
    "sms_spam": ({"smsspamcollection.zip": {"SMSSpamCollection": "ham\tSee you, soon?\nspam\tWin \u00a3100\n"}}, 0),
    "trec": (
        {
            "train_5500.label": "DESC:manner How did it end ?\n".encode("latin-1"),
            "TREC_10.label": "LOC:city Where is Orl\u00e9ans ?\n".encode("latin-1"),
        },
        1,
    ),
    "ag_news": ({"train.csv": b'"3","Wall St.","Up\\again"\n', "test.csv": b'"4","Chips","Say ""more"""\n'}, 1),
    "banking77": (
        {"train.csv": b'text,category\n"Where, please?",card_arrival\n', "test.csv": b"text,category\nHow?,top_up\n"},
        1,
    ),
    "sst2": (
        {
            "SST-2.zip": {
                "SST-2/train.tsv": "sentence\tlabel\nhide new secretions \t0\n",
                "SST-2/dev.tsv": "sentence\tlabel\na charming film\t1\n",
            }
        },
        1,
    ),
}
EXPECTED = {
    "sms_spam": [("See you, soon?", "ham"), ("Win \u00a3100", "spam")],
    "trec": [("How did it end ?", "DESC"), ("Where is Orl\u00e9ans ?", "LOC")],
    "ag_news": [("Wall St.. Up again", "Business"), ('Chips. Say "more"', "Sci/Tech")],
    "banking77": [("Where, please?", "card_arrival"), ("How?", "top_up")],
    "sst2": [("hide new secretions", "negative"), ("a charming film", "positive")],
}


def made(name, origin, files):
    """The set with small official files in `origin`, whose checksums nobody has published."""
    for file, content in files.items():
        if isinstance(content, dict):
            zipped(origin / file, content)
        else:
            (origin / file).write_bytes(content)
    chosen = dataset(name)
    assert [address.rsplit("/", 1)[1] for address in chosen.archives] == list(files)
    return replace(chosen, archives=dict.fromkeys(chosen.archives, ""))


@pytest.mark.parametrize("name", FILES)
def test_texts(name, origin):
    files, parts = FILES[name]
    chosen = made(name, origin, files)
    (path,) = download(chosen, None, From(origin))
    with path.open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [(row["text"], row["label"]) for row in rows] == EXPECTED[name]
    assert [row["set"] for row in rows] == (["train", "test"] if parts else ["", ""])
    records = read_all(path, Columns("text", ("label",), None, "set"), "fail", Skipped())
    assert list(zip(records.inputs, records.labels["label"])) == EXPECTED[name]


@pytest.mark.parametrize("name", FILES)
def test_the_page_of_a_proxy_is_no_set(name, origin):
    page = b"<html>\nLog in, please.\n</html>\n"
    files = {file: {"x.txt": "x"} if isinstance(content, dict) else page for file, content in FILES[name][0].items()}
    with pytest.raises(DataError, match="expected the official"):
        download(made(name, origin, files), None, From(origin))


def test_a_packed_file_is_unpacked_within_the_limit(origin, monkeypatch):
    content = b"smiles,Eye disorders\nCCO,1\n"
    (origin / "sider.csv.gz").write_bytes(gzip.compress(content))
    (path,) = download(dataset("sider"), None, From(origin))
    assert path.name == "sider.csv"
    assert path.read_bytes() == content
    with gzip.open(origin / "sider.csv.gz", "wb", compresslevel=1) as large:
        for _ in range(257):
            large.write(bytes(1 << 20))
    with pytest.raises(DataError, match=r"sider\.csv\.gz: found more than 268,435,456 bytes"):
        download(dataset("sider"), origin.parent / "other", From(origin))
    (origin / "sider.csv.gz").write_bytes(gzip.compress(content)[:-5])
    with pytest.raises(DataError, match=r"sider\.csv\.gz: found a damaged archive"):
        download(dataset("sider"), origin.parent / "third", From(origin))

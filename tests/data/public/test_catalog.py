"""The list of public data sets, `xmr data list` and `get`, and the scripts of data_prep/."""

import re
import subprocess
import sys
from dataclasses import replace

import pytest

from tests.conftest import ROOT, SHARED
from tests.data.public.archived import From, cut, spoken
from xmr.cli.app import execute
from xmr.cli.data import DatasetDomain
from xmr.data.public import catalog
from xmr.data.public.catalog import DATASETS, DOMAINS, dataset, select
from xmr.data.public.download import download
from xmr.errors import DataError


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.delenv("XMR_DATA", raising=False)
    monkeypatch.setenv("XMR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "300")
    return tmp_path / "cache"


@pytest.mark.parametrize("name", DATASETS)
def test_every_set_is_described_and_can_be_obtained(name):
    chosen = DATASETS[name]
    assert chosen in DOMAINS[chosen.domain]
    assert all((chosen.summary, chosen.task, chosen.licence, chosen.cite, chosen.size))
    sorts = (chosen.package, chosen.archives, chosen.official, chosen.generated)
    assert sum(map(bool, sorts)) == (name != "cifar10_sample")
    assert bool(chosen.archives or chosen.generated) == bool(chosen.convert)
    assert all(address.startswith("https://") for address in chosen.addresses)
    for digests in (*chosen.archives.values(), *chosen.files.values()):
        assert re.fullmatch(r"(([0-9a-f]{32}|[0-9a-f]{64})( |$))*", digests)
    if chosen.official:
        assert sorted(chosen.official.values()) == sorted(chosen.official.values(), key=str)
        assert {path.rsplit("/", 1)[1] for path in chosen.files} == {
            member.rsplit("/", 1)[-1] for member in chosen.official.values()
        }


def test_domains_have_a_script_each():
    assert [domain.value for domain in DatasetDomain] == list(DOMAINS)
    assert {path.stem for path in (ROOT / "data_prep").glob("*.py")} == {*DOMAINS, "sources"}


@pytest.mark.skipif(not SHARED.is_dir(), reason="no folder of real data")
@pytest.mark.parametrize("name", [name for name, chosen in DATASETS.items() if chosen.official])
def test_checksums_are_those_of_real_files(name, monkeypatch, capsys):
    monkeypatch.setenv("XMR_DATA", str(SHARED))
    chosen = DATASETS[name]
    if not all((SHARED / path).is_file() for path in chosen.files):
        pytest.skip("not among the real data")
    if name == "bace":  # cut to five columns there
        assert execute(["data", "get", "bace", "--check"]) == 2
        return
    assert execute(["data", "get", name, "--check"]) == 0
    lines = capsys.readouterr().out.splitlines()
    known = "matches the published sha256" if all(chosen.files.values()) else "has no known checksum"
    assert all(line.endswith(known) for line in lines)
    assert len(lines) == len(chosen.files)


def test_names_of_several_sets():
    assert [chosen.name for chosen in select(["gb1", "trec", "gb1_sampled"])] == [
        "gb1_two_vs_rest",
        "gb1_low_vs_high",
        "gb1_sampled",
        "trec",
    ]
    assert [chosen.name for chosen in select(["ucr/Adiac"], "series")] == ["ucr/Adiac"]
    with pytest.raises(DataError, match=r"data get: found 'trek'.* did you mean .*trec"):
        select(["trek"])
    with pytest.raises(DataError, match=r"data get: found 'trec'; expected one of promoters, splice"):
        select(["trec"], "dna")
    with pytest.raises(DataError, match="found 'ucr/Coffee'"):
        select(["ucr/Coffee"], "text")


def test_the_list_of_a_domain(capsys):
    assert execute(["data", "list", "--domain", "molecules"]) == 0
    out = capsys.readouterr().out
    assert "bbbp" in out
    assert "classification, 2 classes" in out
    assert "splice" not in out
    assert execute(["data", "list"]) == 0
    assert "splice" in capsys.readouterr().out
    assert execute(["data", "list", "--domain", "molecule"]) == 2
    assert "did you mean molecules?" in capsys.readouterr().err


def test_several_sets_into_a_folder(tmp_path, monkeypatch, capsys):
    (tmp_path / "origin").mkdir()
    (tmp_path / "origin" / "promoters.data").write_bytes(b"+,S10,\tacgt\n-,S11,\tttga\n")
    chosen = spoken(tmp_path / "origin")
    monkeypatch.setitem(catalog.DATASETS, "fsdd", chosen)
    monkeypatch.setattr(
        "xmr.data.public.download.download.__defaults__",
        tuple(
            From(tmp_path / "origin") if callable(each) and each.__name__ == "fetch" else each
            for each in download.__defaults__
        ),
    )
    folder = tmp_path / "mine"
    assert execute(["data", "get", "fsdd", "promoters", "--folder", str(folder)]) == 0
    assert capsys.readouterr().out.splitlines() == [str(folder / "audio/fsdd"), str(folder / "dna/promoters.data")]
    assert execute(["data", "get", "fsdd", "promoters", "--folder", str(folder), "--check"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{folder / 'audio/fsdd'} is as it was prepared",
        f"{folder / 'official/fsdd/v.zip'} matches the first download",
        f"{folder / 'dna/promoters.data'} is as it was prepared",
    ]
    cut(folder / "official/fsdd/v.zip")
    assert execute(["data", "get", "fsdd", "--folder", str(folder), "--check"]) == 2
    assert re.search(r"v\.zip: found sha256 \w+; expected \w+", capsys.readouterr().err)
    cut(folder / "dna/promoters.data")
    assert execute(["data", "get", "promoters", "--folder", str(folder), "--check"]) == 2
    assert "promoters.data with sha256" in capsys.readouterr().err


def test_a_check_downloads_nothing(cache, capsys):
    assert execute(["data", "get", "trec", "--check"]) == 2
    assert "found no text/trec/data.csv in" in capsys.readouterr().err
    assert not cache.exists()
    assert execute(["data", "get", "amp_vs_uniprot", "digits", "--check"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("AMPvsUniProt.csv matches the published sha256")
    assert lines[1] == "inside the package sklearn is part of the package"


@pytest.mark.parametrize("domain", DOMAINS)
def test_scripts_list_their_domain(domain):
    """A script is what `xmr data` does for one domain."""
    script = str(ROOT / "data_prep" / f"{domain}.py")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert DOMAINS[domain][0].name in done.stdout
    other = next(chosen.name for name, sets in DOMAINS.items() for chosen in sets if name != domain)
    assert other not in done.stdout


def test_scripts_say_what_is_wrong(tmp_path):
    script = str(ROOT / "data_prep" / "audio.py")
    for arguments, message in (
        (["fsd"], "expected one of esc50, espeak_digits, fsdd, lt_commands, speech_commands; did you mean fsdd"),
        (["fsdd", "--check"], "found no audio/fsdd in"),
        (["fsdd", "--x"], "No such option"),
    ):
        done = subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True)
        assert done.returncode == 2
        assert message in done.stderr
        assert "Traceback" not in done.stderr


def test_sets_of_packages_are_read(monkeypatch):
    for name in ("digits", "glyphs", "sklearn/wine", "ucr/GunPoint", "acp_vs_random"):
        chosen = dataset(name)
        assert len(chosen.records()) > 100
    chosen = replace(dataset("digits"), package=None)
    assert not chosen.addresses

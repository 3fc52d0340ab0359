"""`xmr data get`: whole or nothing, whatever the archives, the network, the disk or another process do."""

import errno
import hashlib
import json
import os
import socket
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest

from tests.conftest import SHARED
from tests.data.public.archived import From, coffee, cut, everything, kinds_of_sound, spoken, tree, unreachable, zipped
from xmr.cli.app import execute
from xmr.data.public.catalog import DATASETS, dataset, status
from xmr.data.public.dataset import package_file
from xmr.data.public.download import download
from xmr.data.public.glyphs import glyphs
from xmr.data.public.location import IncompleteError, cache_folder, locate
from xmr.data.public.stamp import STAMP
from xmr.errors import DataError, DataUnavailableError


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.delenv("XMR_DATA", raising=False)
    monkeypatch.setenv("XMR_CACHE", str(tmp_path / "cache"))
    (tmp_path / "origin").mkdir()
    return tmp_path / "cache"


@pytest.fixture
def origin(tmp_path):
    return tmp_path / "origin"


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_set_is_stamped(cache, origin):
    chosen = spoken(origin)
    assert download(chosen, None, From(origin)) == [cache / "audio/fsdd"]
    stamp = json.loads((cache / "audio/fsdd" / STAMP).read_text())
    assert (stamp["set"], stamp["files"], stamp["bytes"]) == ("fsdd", 4, 200)
    assert stamp["archives"]["v.zip"]["sha256"] == sha256(origin / "v.zip")
    assert locate(dataset("fsdd")) == cache / "audio/fsdd"
    record = json.loads((cache / "checksums/fsdd.json").read_text())
    assert record["fetched"]["v.zip"] == {
        "sha256": sha256(origin / "v.zip"),
        "bytes": (origin / "v.zip").stat().st_size,
        "address": "https://example.org/v.zip",
    }
    hidden = [name for name in everything(cache) if "/." in name]
    assert hidden == [f"audio/fsdd/{STAMP}"]


def test_a_part_is_not_taken_for_the_whole(cache, origin, capsys):
    chosen, fetcher = spoken(origin), From(origin)
    for spoil in ("no stamp", "a file less", "a file cut", "another set", "damaged stamp", "another version"):
        (folder,) = download(chosen, None, fetcher)
        stamp = folder / STAMP
        if spoil == "no stamp":
            stamp.unlink()
        elif spoil == "a file less":
            (folder / "1_a_1.wav").unlink()
        elif spoil == "a file cut":
            cut(folder / "1_a_1.wav")
        elif spoil == "damaged stamp":
            cut(stamp)
        else:
            entry = {"another set": {"set": "x"}, "another version": {"converters_version": 0}}[spoil]
            stamp.write_text(json.dumps(json.loads(stamp.read_text()) | entry))
        with pytest.raises(
            IncompleteError, match=r"data\.dataset: fsdd: found .*audio/fsdd with .*; expected the whole"
        ) as e:
            locate(dataset("fsdd"))
        assert "run `xmr data get fsdd`, or set XMR_DATA to a folder that holds it" in str(e.value)
        assert {s.name: where for s, where in status()}["fsdd"] == "not here whole"
    download(chosen, None, fetcher)
    assert len(tree(cache / "audio/fsdd")) == 4
    assert fetcher.asked == ["v.zip"]  # the archive was kept throughout
    # what was in place of the set may be the user's: renamed, and said
    assert sorted(path.name for path in (cache / "audio").glob("fsdd.*")) == [
        f"fsdd.replaced{number}" for number in ("", "-2", "-3", "-4", "-5", "-6")
    ]
    assert "renamed to fsdd.replaced: found not the whole set fsdd" in capsys.readouterr().err


def test_an_index_of_another_size_is_noticed(cache, origin):
    chosen = kinds_of_sound(origin)
    (index,) = download(chosen, None, From(origin))
    assert locate(chosen) == index
    cut(index)
    with pytest.raises(IncompleteError, match=r"another index\.csv than was prepared"):
        locate(chosen)
    download(chosen, None, From(origin))
    (index.parent / "2.wav").unlink()  # not looked for on every run, but by `data get`
    assert locate(chosen) == index
    download(chosen, None, From(origin))
    assert (index.parent / "2.wav").is_file()


def test_what_lies_below_xmr_data_is_the_users(tmp_path, origin, monkeypatch):
    own = tmp_path / "own"
    (own / "audio/fsdd").mkdir(parents=True)
    (own / "audio/fsdd/1_a_1.wav").write_bytes(b"x")
    monkeypatch.setenv("XMR_DATA", str(own))
    assert locate(dataset("fsdd")) == own / "audio/fsdd"
    assert download(spoken(origin), None, unreachable) == [own / "audio/fsdd"]
    (own / "images/cifar10").mkdir(parents=True)
    assert locate(dataset("cifar10_sample")) == own / "images/cifar10"
    (own / "images/cifar10" / STAMP).write_text(
        json.dumps({"set": "cifar10", "converters_version": 1, "main": "", "main_bytes": 0, "files": 0, "bytes": 0})
    )
    with pytest.raises(IncompleteError, match=r"found .*images/cifar10 with the files of 'cifar10'"):
        locate(dataset("cifar10_sample"))


def test_a_run_refuses_a_part(cache, origin, tmp_path, capsys):
    (folder,) = download(spoken(origin), None, From(origin))
    (folder / STAMP).unlink()
    recipe = tmp_path / "digits.yaml"
    recipe.write_text(
        "task: classification\ndata: {dataset: fsdd}\nencoder: {name: audio}\nsource: {name: identity}\n"
        "transform: {name: signal_patches}\noutput: {name: linear}\n"
    )
    assert execute(["run", str(recipe), "-o", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "out" / "metrics.json").exists()
    message = capsys.readouterr().err
    assert f"xmr: data.dataset: fsdd: found {folder} with no stamp (.xmr-set.json): a preparation" in message
    assert "expected the whole set: run `xmr data get fsdd`" in message


def test_files_in_packages_are_compared(tmp_path, monkeypatch):
    (tmp_path / "modlamp" / "data").mkdir(parents=True)
    chosen = DATASETS["amp_vs_uniprot"]
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path / "modlamp")])
    monkeypatch.setattr("importlib.util.find_spec", lambda name: spec)
    with pytest.raises(DataError, match=r"AMPvsUniProt\.csv: found no such file; expected the file of modlamp"):
        package_file(chosen)
    (tmp_path / "modlamp/data/AMPvsUniProt.csv").write_text("200,1,AMP,UniProt\n")
    with pytest.raises(DataError, match=r"AMPvsUniProt\.csv: found sha256 \w+; expected the file of modlamp"):
        package_file(chosen)


def test_letters_need_all_fonts(tmp_path, monkeypatch):
    monkeypatch.setattr("matplotlib.get_data_path", lambda: str(tmp_path))
    with pytest.raises(DataError, match=r"glyphs: found 0 of matplotlib's fonts in .*; expected its 20"):
        glyphs()


def test_a_set_without_an_address(capsys):
    assert execute(["data", "get", "cifar10_sample"]) == 2
    message = capsys.readouterr().err
    assert "found no images/cifar10 in" in message
    assert "expected the data set there: set XMR_DATA to a folder that holds it" in message
    assert execute(["data", "get", "digits"]) == 0
    assert capsys.readouterr().out == "digits: inside the package sklearn, nothing to download\n"


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_damaged_archive_is_set_aside_and_fetched_anew(cache, origin, by_hand, capsys):
    chosen, fetcher = spoken(origin), From(origin)
    official = cache / "official/fsdd"
    if by_hand:
        official.mkdir(parents=True)
        (official / "v.zip").write_bytes((origin / "v.zip").read_bytes())
    else:
        (folder,) = download(chosen, None, fetcher)
        (folder / STAMP).unlink()
    before = cut(official / "v.zip").read_bytes()
    download(chosen, None, fetcher)
    assert len(tree(cache / "audio/fsdd")) == 4
    assert (official / "v.zip.damaged").read_bytes() == before
    assert "v.zip renamed to v.zip.damaged: found " in capsys.readouterr().err


def test_a_damaged_archive_without_a_network(cache, origin):
    chosen = spoken(origin)
    official = cache / "official/fsdd"
    official.mkdir(parents=True)
    (official / "v.zip").write_bytes(b"PK and nothing more")
    with pytest.raises(DataError) as caught:
        download(chosen, None, unreachable)
    message = str(caught.value)
    assert "https://example.org/v.zip cannot be reached (ConnectionError: no network here)" in message
    assert (
        "the one here was set aside: v.zip.damaged, a damaged archive (BadZipFile: File is not a zip file)" in message
    )
    assert f"expected a network, or the file at {official / 'v.zip'}, brought by hand" in message
    assert everything(official) == ["v.zip.damaged"]
    (official / "v.zip").write_bytes((origin / "v.zip").read_bytes())
    download(chosen, None, unreachable)  # nothing blocks the next attempt


def test_a_download_that_is_damaged_leaves_nothing(cache, origin):
    chosen = spoken(origin)
    whole = (origin / "v.zip").read_bytes()
    cut(origin / "v.zip")
    fetcher = From(origin)
    with pytest.raises(
        DataError, match=r"v\.zip: found a damaged archive .*the download was deleted, `xmr data get fsdd`"
    ):
        download(chosen, None, fetcher)
    assert fetcher.asked == ["v.zip"]  # once, not for ever
    assert tree(cache) == {}
    (origin / "v.zip").write_bytes(whole)
    download(chosen, None, fetcher)  # nor was its checksum recorded
    chosen = coffee(origin)
    zipped(origin / "Coffee.zip", {"Coffee_TRAIN.ts": "train"})
    with pytest.raises(DataError, match=r"Coffee\.zip: found 1 \.ts files; expected NAME_TRAIN\.ts and NAME_TEST\.ts"):
        download(chosen, None, From(origin))


def test_an_interrupted_download_is_not_taken_for_whole(cache, origin):
    chosen = spoken(origin)
    for error in (KeyboardInterrupt, ConnectionError):

        def fetcher(address, folder, error=error):
            (folder / "v.zip").write_bytes((origin / "v.zip").read_bytes()[:100])
            raise error

        with pytest.raises((KeyboardInterrupt, DataError)):
            download(chosen, None, fetcher)
        assert tree(cache) == {}
        assert everything(cache) == ["official", "official/fsdd"]


def test_ctrl_c_while_unpacking(cache, origin, monkeypatch):
    chosen = spoken(origin)

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("xmr.data.public.download.write_stamp", stop)
    with pytest.raises(KeyboardInterrupt):
        download(chosen, None, From(origin))
    assert everything(cache) == ["audio", "official", "official/fsdd", "official/fsdd/v.zip"]
    monkeypatch.setattr("xmr.data.public.catalog.DATASETS", DATASETS | {"fsdd": chosen})
    monkeypatch.setattr("xmr.data.public.download.fetch", From(origin))
    assert execute(["data", "get", "fsdd"]) not in (0, 2)


def test_published_checksums_are_compared(cache, origin):
    spoken(origin)
    good = f"{hashlib.md5((origin / 'v.zip').read_bytes()).hexdigest()} {sha256(origin / 'v.zip')}"
    download(spoken(origin, digest=good), None, From(origin))
    for wrong in ("0" * 32, "0" * 64, good.split()[0] + " " + "0" * 64):
        with pytest.raises(DataError, match=r"found (md5|sha256) \w+; expected 0+, as published"):
            download(spoken(origin, digest=wrong), None, From(origin), force=True)  # force does not change that
    assert len(tree(cache / "audio/fsdd")) == 4  # what was here stays


def test_the_first_checksum_is_kept(cache, origin, capsys):
    chosen = spoken(origin)
    download(chosen, None, From(origin))
    first = sha256(origin / "v.zip")
    other = spoken(origin, recordings=5)
    (cache / "official/fsdd/v.zip").unlink()
    (cache / "audio/fsdd" / STAMP).unlink()
    with pytest.raises(DataError) as caught:
        download(other, None, From(origin))
    message = str(caught.value)
    assert f"found sha256 {sha256(origin / 'v.zip')}; expected {first}, as at the first download" in message
    assert "checksums/fsdd.json); `xmr data get fsdd --force` takes a file that was changed" in message
    assert not (cache / "official/fsdd/v.zip").exists()
    download(other, None, From(origin), force=True)
    assert len(tree(cache / "audio/fsdd")) == 5
    download(other, None, unreachable)
    # the same for a file brought by hand: kept, but not used
    spoken(origin, recordings=6)
    (cache / "official/fsdd/v.zip").write_bytes((origin / "v.zip").read_bytes())
    (cache / "audio/fsdd" / STAMP).unlink()
    with pytest.raises(DataError, match=r"set aside: v\.zip\.damaged, sha256"):
        download(other, None, unreachable)


def test_force_makes_a_set_anew(cache, origin):
    chosen, fetcher = spoken(origin), From(origin)
    (folder,) = download(chosen, None, fetcher)
    (folder / "1_a_1.wav").write_bytes(b"y" * 50)  # the size is the same
    assert download(chosen, None, fetcher) == [folder]
    download(chosen, None, fetcher, force=True)
    assert (folder / "1_a_1.wav").read_bytes() == bytes([1]) * 50
    assert sorted(p.name for p in folder.parent.iterdir()) == ["fsdd"]
    assert fetcher.asked == ["v.zip"]


def test_a_damaged_record_is_one_message(cache, origin):
    (cache / "checksums").mkdir(parents=True)
    for content in ("", "[]", '{"fetched": {"v.zip": 3}, "prepared": {}}', "[" * 100_000):
        (cache / "checksums/fsdd.json").write_text(content)
        with pytest.raises(DataError, match=r"checksums/fsdd\.json: found no record .*delete it to begin a new one"):
            download(spoken(origin), None, From(origin))


def test_single_files_are_compared_when_they_are_read(cache, origin, monkeypatch):
    content = b"+,S10,\tacgt\n-,S11,\tttga\n"
    (origin / "promoters.data").write_bytes(content)
    chosen = dataset("promoters")  # no published checksum
    assert download(chosen, None, From(origin)) == [cache / chosen.main]
    assert locate(chosen).read_bytes() == b"+,S10,acgt\n-,S11,ttga\n"
    (cache / chosen.main).write_bytes(b"+,S10,acgt\n")
    with pytest.raises(IncompleteError, match=r"dna/promoters\.data with sha256 \w+, not \w+; expected the whole set"):
        locate(chosen)
    download(chosen, None, From(origin))
    assert locate(chosen).read_bytes() == b"+,S10,acgt\n-,S11,ttga\n"
    assert (cache / "dna/promoters.data.replaced").read_bytes() == b"+,S10,acgt\n"  # it may have been the user's
    (cache / "dna/promoters.data.replaced").unlink()
    (cache / chosen.main).unlink()
    (cache / "official/promoters/promoters.data").unlink()
    (origin / "promoters.data").write_bytes(content + b"+,S12,aaaa\n")
    with pytest.raises(DataError, match="as at the first download"):
        download(chosen, None, From(origin))
    with (origin / "promoters.data").open("wb") as large:
        large.truncate(1 << 29)
    with pytest.raises(
        DataError, match=r"promoters\.data: found more than 268,435,456 bytes; expected the official file"
    ):
        download(chosen, None, From(origin), force=True)
    (cache / "checksums/promoters.json").unlink()
    (origin / "promoters.data").write_bytes(b"<html>\nLog in, please.\n</html>\n")
    with pytest.raises(
        DataError, match=r"promoters\.data: found .*official ones \(ValueError: row 1 has 1 cells, not 3\)"
    ):
        download(chosen, None, From(origin))
    assert tree(cache) == {}


def test_only_what_is_missing_is_fetched(cache, origin, shared_data_folder):
    real = shared_data_folder / "tabular"
    (origin / "adult.data").write_bytes((real / "adult-train.csv").read_bytes())
    (origin / "adult.test").write_bytes((real / "adult-test.csv").read_bytes())
    fetcher = From(origin)
    first = download(dataset("adult"), None, fetcher)
    (cache / "tabular/adult-test.csv").unlink()
    assert download(dataset("adult"), None, fetcher) == first
    assert fetcher.asked == ["adult.data", "adult.test"]
    cut(cache / "official/adult/adult.test")
    (cache / "tabular/adult-test.csv").unlink()
    assert download(dataset("adult"), None, fetcher) == first
    assert fetcher.asked == ["adult.data", "adult.test", "adult.test"]


@pytest.fixture
def shared_data_folder():
    if not SHARED.is_dir():
        pytest.skip("no folder of real data")
    return SHARED


def test_a_set_that_must_be_brought_by_hand(origin):
    splits = {f"t/{part}list01.txt": "A/v_A_g01_c01.avi\n" for part in ("train", "test")}
    zipped(origin / "UCF101TrainTestSplits-RecognitionTask.zip", splits)
    digest = sha256(origin / "UCF101TrainTestSplits-RecognitionTask.zip")
    chosen = dataset("ucf101")
    chosen = replace(chosen, archives=dict(zip(chosen.archives, (digest, ""))))
    fetcher = From(origin)
    with pytest.raises(
        DataError, match=r"found no .*UCF-101-midframes\.zip; expected the file, brought by hand: https"
    ):
        download(chosen, None, fetcher)
    assert fetcher.asked == ["UCF101TrainTestSplits-RecognitionTask.zip"]  # the page at that address is no archive


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    "where", ["shutil.copyfileobj", "xmr.data.public.download.write_stamp", "os.rename", "os.replace"]
)
def test_a_full_disk(cache, origin, monkeypatch, where):
    chosen = spoken(origin)
    with monkeypatch.context() as patch:
        patch.setattr(where, full)
        with pytest.raises(
            DataError, match=r"found a full disk \(No space left on device\); expected more room there, or XMR_"
        ):
            download(chosen, None, From(origin))
    assert not (cache / "audio/fsdd").exists()
    assert not list(cache.glob("audio/.*"))
    download(chosen, None, From(origin))


def test_a_full_disk_while_downloading(cache, origin):
    with pytest.raises(DataError, match="found a full disk"):
        download(spoken(origin), None, full)


def test_folders_that_cannot_be(tmp_path, origin, monkeypatch, capsys):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("XMR_CACHE", str(tmp_path / "file"))
    assert execute(["data", "get", "fsdd"]) == 2
    assert "file: found a file where a folder should be" in capsys.readouterr().err
    assert execute(["data", "list"]) == 0
    monkeypatch.setenv("XMR_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/audio").write_text("x")
    with pytest.raises(DataError, match=r"audio: found a file where a folder should be"):
        download(spoken(origin), None, From(origin))

    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "cache/official"))

    monkeypatch.setattr("pathlib.Path.mkdir", refuse)  # the tests may run as root, whom nothing refuses
    with pytest.raises(DataError, match=r"official: found what cannot be read or written \(Permission denied\)"):
        download(spoken(origin), None, From(origin))


def test_an_address_that_does_not_answer(origin, cache):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/v.zip"  # bound, but nobody listens
        with pytest.raises(DataError, match=r"/v\.zip cannot be reached .*expected a network, or the file at .*v\.zip"):
            download(replace(spoken(origin), archives={address: ""}))
    assert tree(cache) == {}


@pytest.fixture
def server(origin):
    class SourceOutput(BaseHTTPRequestHandler):
        def do_GET(self):
            content = (origin / "v.zip").read_bytes()
            self.send_response(404 if "missing" in self.path else 200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[:50] if "cut" in self.path else content)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), SourceOutput) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_over_http(server, origin, cache):
    chosen = spoken(origin)
    for place in ("missing", "cut"):
        with pytest.raises(DataError, match="cannot be reached"):
            download(replace(chosen, archives={f"{server}/{place}/v.zip": ""}))
        assert tree(cache) == {}
    download(replace(chosen, archives={f"{server}/v.zip": ""}))
    assert len(tree(cache / "audio/fsdd")) == 4


def test_two_at_once(cache, origin, capsys):
    """The second waits for the first, then finds the set made."""
    chosen, asked, begun = spoken(origin), [], threading.Event()
    said = []

    def slow(address, folder):
        asked.append(address)
        begun.set()
        while not said:
            time.sleep(0.01)
        return From(origin)(address, folder)

    first = threading.Thread(target=lambda: download(chosen, None, slow))
    first.start()
    assert begun.wait(10)
    assert download(chosen, None, slow, log=said.append) == [cache / "audio/fsdd"]
    first.join()
    assert len(asked) == 1
    assert said[0].startswith("waiting for another process that prepares fsdd (")
    assert len(tree(cache / "audio/fsdd")) == 4


def test_a_folder_of_ones_own(tmp_path, origin, cache):
    chosen = spoken(origin)
    assert download(chosen, tmp_path / "mine", From(origin)) == [tmp_path / "mine/audio/fsdd"]
    assert download(chosen, tmp_path / "mine", unreachable) == [tmp_path / "mine/audio/fsdd"]
    with pytest.raises(DataUnavailableError, match="found no audio/fsdd"):
        locate(dataset("fsdd"))


def test_empty_variables_are_no_folders(monkeypatch, tmp_path):
    monkeypatch.setenv("XMR_DATA", "")
    monkeypatch.setenv("XMR_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "xmr"
    with pytest.raises(DataUnavailableError, match=r"found no audio/fsdd in [^ ]*\.cache/xmr;"):
        locate(dataset("fsdd"))

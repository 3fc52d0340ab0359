"""Official archives of series and recordings become files that xmr reads; checksums are compared."""

import csv
import io
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import replace

import pytest

from xmr.data.public.audio import esc50, fsdd, lt_commands, speech_commands
from xmr.data.public.catalog import dataset
from xmr.data.public.download import download
from xmr.data.public.series import unpack
from xmr.errors import DataError


def zipped(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_ucr(tmp_path):
    files = {"Toy_TRAIN.ts": "train", "Toy_TEST.ts": "test", "Toy_TRAIN.txt": "x", "../evil_TRAIN.ts": "y"}
    del files["../evil_TRAIN.ts"]
    unpack({"Toy.zip": zipped(tmp_path / "Toy.zip", files)}, tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["Toy_TEST.ts", "Toy_TRAIN.ts"]
    with pytest.raises(DataError, match=r"1 \.ts files"):
        unpack({"One.zip": zipped(tmp_path / "One.zip", {"One_TRAIN.ts": "x"})}, tmp_path / "out")


def test_names_alone_count(tmp_path):
    files = {"../../Toy_TRAIN.ts": "train", "/abs/Toy_TEST.ts": "test"}
    unpack({"Toy.zip": zipped(tmp_path / "Toy.zip", files)}, tmp_path / "out")
    assert (tmp_path / "out" / "Toy_TRAIN.ts").read_text() == "train"
    assert not (tmp_path.parent / "Toy_TRAIN.ts").exists()


def test_fsdd(tmp_path):
    files = {"x-1/recordings/7_theo_0.wav": b"w", "x-1/README.md": "r", "x-1/other/1.wav": b"o"}
    fsdd({"v.zip": zipped(tmp_path / "v.zip", files)}, tmp_path / "fsdd")
    assert [p.name for p in (tmp_path / "fsdd").iterdir()] == ["7_theo_0.wav"]


def test_speech_commands(tmp_path):
    path = tmp_path / "c.tar.gz"
    files = {
        "bed/a_nohash_0.wav": b"1", "bed/b_nohash_0.wav": b"2", "cat/c_nohash_0.wav": b"3",
        "_background_noise_/n.wav": b"4", "validation_list.txt": b"bed/b_nohash_0.wav\n",
        "testing_list.txt": b"cat/c_nohash_0.wav\n",
    }  # fmt: skip
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    speech_commands({path.name: path}, tmp_path / "out")
    rows = list(csv.DictReader((tmp_path / "out" / "index.csv").open()))
    assert [(r["path"], r["label"], r["set"], r["group"]) for r in rows] == [
        ("bed/a_nohash_0.wav", "bed", "train", "a"),
        ("bed/b_nohash_0.wav", "bed", "validation", "b"),
        ("cat/c_nohash_0.wav", "cat", "test", "c"),
    ]


def test_lt_commands(tmp_path):
    root = "lt_speech_commands-19ab/dataset"
    files = {f"{root}/ne/01_nohash_0.wav": b"w", f"{root}/_background_noise_/1.wav": b"n", f"{root}/1.wav": b"o"}
    lt_commands({"v.zip": zipped(tmp_path / "v.zip", files)}, tmp_path / "lt")
    assert [str(p.relative_to(tmp_path / "lt")) for p in (tmp_path / "lt").rglob("*.wav")] == ["ne/01_nohash_0.wav"]
    with pytest.raises(DataError, match=r"dataset/WORD/\*\.wav"):
        lt_commands({"m.zip": zipped(tmp_path / "n.zip", {"a.txt": "x"})}, tmp_path / "none")


def test_esc50(tmp_path):
    table = "filename,fold,target,category,esc10,src_file,take\n1-a-A-0.wav,1,0,dog,True,1,A\n"
    files = {"ESC-50-master/meta/esc50.csv": table, "ESC-50-master/audio/1-a-A-0.wav": b"w"}
    esc50({"m.zip": zipped(tmp_path / "m.zip", files)}, tmp_path / "esc50")
    assert list(csv.DictReader((tmp_path / "esc50" / "index.csv").open())) == [
        {"path": "1-a-A-0.wav", "label": "dog", "group": "1"}
    ]
    with pytest.raises(DataError, match="esc50"):
        esc50({"m.zip": zipped(tmp_path / "n.zip", {"a.txt": "x"})}, tmp_path / "none")


def test_a_wrong_checksum_is_refused(tmp_path, monkeypatch):
    monkeypatch.delenv("XMR_DATA", raising=False)
    monkeypatch.setenv("XMR_CACHE", str(tmp_path / "cache"))
    archive = zipped(tmp_path / "x.zip", {"a/recordings/1_a_0.wav": b"w"})

    def fetcher(address, folder):
        return shutil.copy(archive, folder / "x.zip")

    chosen = replace(dataset("fsdd"), archives={"https://example.org/x.zip": "0" * 64})
    with pytest.raises(DataError, match="sha256"):
        download(chosen, tmp_path / "root", fetcher)
    good = replace(dataset("fsdd"), archives={"https://example.org/x.zip": ""})
    (made,) = download(good, tmp_path / "root", fetcher)
    assert (made / "1_a_0.wav").read_bytes() == b"w"


def test_digits_of_a_synthesizer_are_always_the_same(tmp_path):
    """In each of two processes: the library keeps a state."""
    pytest.importorskip("espeakng_loader")
    found = []
    for copy in ("one", "two"):
        command = [sys.executable, "-m", "xmr", "data", "get", "espeak_digits", "--folder", str(tmp_path / copy)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        folder = tmp_path / copy / "audio" / "espeak_digits"
        assert done.stdout.strip() == str(folder)
        found.append({path.name: path.read_bytes() for path in folder.glob("*.wav")})
    assert found[0] == found[1]
    assert len(set(found[0].values())) == 480

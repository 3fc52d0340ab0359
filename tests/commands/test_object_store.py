"""Input and parts in an object store: a server of S3 on this machine, asked through fsspec's own driver."""

import csv
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from tests.clusters import ROOT
from tests.commands.test_predict import fasta, folder  # noqa: F401
from tests.commands.test_predict_parts import BAD
from xmr.cli.app import execute
from xmr.commands.predict import predict_file
from xmr.commands.predict_parts import MANIFEST, SKIPPED, _Maker

pytest.importorskip("moto", reason="moto, a server of S3 for tests, is not installed")
s3fs = pytest.importorskip("s3fs", reason="s3fs, fsspec's driver of S3, is not installed")
NOBODY = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}  # the driver tries for some seconds
SERVER = "import sys; from moto.moto_server.werkzeug_app import *; from werkzeug.serving import run_simple; "
SERVER += "run_simple('127.0.0.1', int(sys.argv[1]), DomainDispatcherApplication(create_backend_app), threaded=True)"


@pytest.fixture(scope="module")
def service():
    """The address of a server, which holds an empty bucket `lab`; the environment names it, as for any client."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-c", SERVER, str(port)], stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ENDPOINT_URL": address,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }.items():
            patch.setenv(name, value)
        try:
            for _ in range(300):
                try:
                    urllib.request.urlopen(address, timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.1)
            s3fs.S3FileSystem().mkdir("lab")
            yield address
        finally:
            process.kill()
            process.wait()
            s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture(scope="module")
def whole(folder, service, tmp_path_factory):  # noqa: F811
    """10,000 peptides here and in the bucket, and what one process makes of them."""
    place = tmp_path_factory.mktemp("whole")
    source = fasta(place / "in.fasta", 10_000, BAD)
    predict_file(folder, source, place / "whole.csv", on_error="skip")
    s3fs.S3FileSystem().put_file(str(source), "lab/in.fasta")
    return place


def joined(out):
    """The CSV parts in order as one file."""
    store = s3fs.S3FileSystem()
    store.invalidate_cache()
    parts = [store.cat_file(path) for path in sorted(store.glob(f"{out}/part-*.csv"))]
    return parts[0] + b"".join(part.partition(b"\n")[2] for part in parts[1:])


def command(folder, out, *more):  # noqa: F811
    words = ["predict", folder, "s3://lab/in.fasta", "-o", f"s3://lab/{out}", "--format", "csv"]
    return [*map(str, words), "--part-records", "4000", "--on-error", "skip", *more]


def test_parts_in_a_bucket_are_those_of_one_process(folder, whole, monkeypatch):  # noqa: F811
    store, made, part = s3fs.S3FileSystem(), [], _Maker.part
    monkeypatch.setattr(
        _Maker, "part", lambda self, predictor, shard: (made.append(shard.number), part(self, predictor, shard))[1]
    )
    for expected in ([0, 1, 2], []):  # the second time, nothing is computed
        made.clear()
        assert execute([*command(folder, "out"), "--engine", "local"]) == 0
        assert made == expected
        assert joined("lab/out") == (whole / "whole.csv").read_bytes()
    skipped, expected = (
        [row[1:] for row in csv.reader(text.splitlines())]  # without the place: the file that was fetched
        for text in (store.cat_file(f"lab/out/{SKIPPED}").decode(), (whole / "whole.csv.skipped.csv").read_text())
    )
    assert skipped == expected
    manifest = json.loads(store.cat_file(f"lab/out/{MANIFEST}"))
    assert (manifest["records"], manifest["written"], manifest["skipped"]) == (10_000, 9_997, 3)
    store.pipe_file("lab/out/part-00001.csv", b"damaged")
    store.rm_file("lab/out/part-00002.csv")
    made.clear()
    assert execute([*command(folder, "out"), "--engine", "local"]) == 0
    assert made == [1, 2]
    assert joined("lab/out") == (whole / "whole.csv").read_bytes()


def test_several_processes_write_into_a_bucket(folder, whole):  # noqa: F811
    assert execute([*command(folder, "two"), "--engine", "local", "--jobs", "2"]) == 0
    assert joined("lab/two") == (whole / "whole.csv").read_bytes()


def test_a_changed_input_is_fetched_again(folder, whole, tmp_path):  # noqa: F811
    store = s3fs.S3FileSystem()
    for n in (5, 7):
        store.put_file(str(fasta(tmp_path / "few.fasta", n, ())), "lab/few.fasta")
        assert execute(["predict", str(folder), "s3://lab/few.fasta", "-o", str(tmp_path / "few.csv")]) == 0
        assert len((tmp_path / "few.csv").read_text().splitlines()) == n + 1


@pytest.mark.slow
def test_ray_actors_write_into_a_bucket(folder, whole):  # noqa: F811
    pytest.importorskip("ray", reason="the extra scale is not installed")
    done = subprocess.run(
        [sys.executable, "-m", "xmr", *command(folder, "ray"), "--engine", "ray", "--jobs", "2"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert joined("lab/ray") == (whole / "whole.csv").read_bytes()


@pytest.mark.parametrize(
    ("source", "out", "environment", "named"),
    [
        ("s3://lab/none.fasta", "s3://lab/x", {}, "s3://lab/none.fasta"),
        ("s3://nobody/in.fasta", "s3://lab/x", {}, "s3://nobody/in.fasta"),
        ("s3://lab/in.fasta", "s3://nobody/x", {}, "s3://nobody/x"),
        ("s3://lab/in.fasta", "s3://lab/x", {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "s3://lab"),
        pytest.param("s3://lab/in.fasta", "s3://lab/x", NOBODY, "s3://lab/in.fasta", marks=pytest.mark.slow),
        pytest.param("{whole}/in.fasta", "s3://lab/x", NOBODY, "s3://lab/x", marks=pytest.mark.slow),
    ],
)
def test_what_a_bucket_refuses_is_one_line(
    folder,  # noqa: F811
    whole,
    source,
    out,
    environment,
    named,
    tmp_path,
):
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "xmr",
            "predict",
            str(folder),
            source.format(whole=whole),
            "-o",
            out,
            "--engine",
            "local",
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert named in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 6

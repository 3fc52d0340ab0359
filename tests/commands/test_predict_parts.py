"""A prediction in parts is the prediction of one process, whatever computes it and whatever is killed."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.clusters import ROOT, cluster
from tests.commands.test_predict import fasta, folder, rows_of  # noqa: F401
from xmr.cli.app import execute
from xmr.commands.predict import predict_file
from xmr.commands.predict_parts import MANIFEST, SKIPPED, Shard, _Maker, predict_parts
from xmr.commands.workers.base import Engine, EngineError
from xmr.errors import DataError, InputError, OutputError
from xmr.program import Program

BAD = (3, 4_096, 9_999)


def joined(out):
    """The CSV parts in order as one file."""
    parts = [path.read_bytes() for path in sorted(Path(out).glob("part-*.csv"))]
    return parts[0] + b"".join(part.partition(b"\n")[2] for part in parts[1:])


@pytest.fixture(scope="module")
def whole(folder, tmp_path_factory):  # noqa: F811
    """10,000 peptides, three of them unreadable, and what one process makes of them."""
    place = tmp_path_factory.mktemp("whole")
    source = fasta(place / "in.fasta", 10_000, BAD)
    predict_file(folder, source, place / "whole.csv", on_error="skip")
    return place


def test_parts_are_what_one_process_writes(folder, whole, tmp_path, capsys):  # noqa: F811
    source, out = str(whole / "in.fasta"), str(tmp_path / "out")
    command = ["predict", str(folder), source, "-o", out, "--engine", "local", "--format", "csv", "--on-error", "skip"]
    assert execute([*command, "--part-records", "4000"]) == 0
    assert joined(out) == (whole / "whole.csv").read_bytes()
    assert (tmp_path / "out" / SKIPPED).read_bytes() == (whole / "whole.csv.skipped.csv").read_bytes()
    manifest = json.loads((tmp_path / "out" / MANIFEST).read_text())
    assert [part["first_record"] for part in manifest["parts"]] == [0, 4096, 8192]
    assert (manifest["records"], manifest["written"], manifest["skipped"]) == (10_000, 9_997, 3)
    assert "9,997 records, 3 skipped" in " ".join(capsys.readouterr().err.split())
    # Other options, and another input, are another prediction.
    with pytest.raises(OutputError, match="another program, input or options; expected another folder"):
        predict_parts(folder, [source], out, Engine(), form="csv", part=4000)
    assert execute([*command, "--part-records", "8000"]) == 2
    assert execute([*command, "--part-records", "8000", "--force"]) == 0
    assert len([*(tmp_path / "out").glob("part-*")]) == 2
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()
    with pytest.raises(OutputError, match="files that xmr did not write"):
        predict_parts(folder, [source], str(tmp_path / "mine"), Engine())
    with pytest.raises(InputError, match="--queries: found a limit, where several processes count on their own"):
        predict_parts(folder, [source], str(tmp_path / "mine"), Engine(), queries=10)


def test_only_missing_and_damaged_parts_are_computed(folder, whole, tmp_path, monkeypatch):  # noqa: F811
    source, out = str(whole / "in.fasta"), tmp_path / "out"
    made, part = [], _Maker.part

    def counted(self, predictor, shard: Shard):
        made.append(shard.number)
        if len(made) == 2:
            raise KeyboardInterrupt
        return part(self, predictor, shard)

    monkeypatch.setattr(_Maker, "part", counted)

    def again():
        made.clear()
        predict_parts(folder, [source], str(out), Engine(), form="csv", part=4000, on_error="skip")
        assert joined(out) == (whole / "whole.csv").read_bytes()
        return [*made]

    with pytest.raises(KeyboardInterrupt):
        again()
    made.append(-1)  # no second stop
    monkeypatch.setattr(
        _Maker, "part", lambda self, predictor, shard: (made.append(shard.number), part(self, predictor, shard))[1]
    )
    assert again() == [1, 2]
    assert again() == []
    (out / "part-00001.csv").write_text("damaged")
    (out / "_skipped-00002.csv").unlink()
    assert again() == [1, 2]
    assert len(rows_of(out / SKIPPED)) == 4


def test_parquet_holds_the_values_of_csv_and_parts_may_have_addresses(folder, whole, tmp_path):  # noqa: F811
    pandas, parquet = pytest.importorskip("pandas"), pytest.importorskip("pyarrow.parquet")
    source, one = f"file://{whole / 'in.fasta'}", tmp_path / "one.parquet"
    command = ["predict", str(folder), source, "--on-error", "skip", "-o"]
    assert execute([*command, str(one)]) == 0
    assert execute([*command, str(one)]) == 0  # a prediction is replaced
    expected = pandas.read_csv(whole / "whole.csv")
    assert (pandas.read_parquet(one).to_numpy() == expected.to_numpy()).all()
    assert {str(kind) for kind in parquet.read_schema(one).types} == {"string", "double"}
    assert execute([*command, f"file://{tmp_path / 'out'}", "--engine", "local"]) == 0
    assert pandas.read_parquet(tmp_path / "out").equals(pandas.read_parquet(one))
    pandas.DataFrame({"mine": [1]}).to_parquet(tmp_path / "mine.parquet")
    assert execute([*command, str(tmp_path / "mine.parquet")]) == 2
    # An address that is no folder: of this process's memory, as an object store is of a service.
    predict_parts(folder, [source], "memory://bucket/out", Engine(), form="csv", part=4000, on_error="skip")
    from fsspec.implementations.memory import MemoryFileSystem

    store = MemoryFileSystem()
    parts = [store.cat(f"/bucket/out/part-0000{number}.csv") for number in range(3)]
    assert b"".join([parts[0], *(part.partition(b"\n")[2] for part in parts[1:])]) == (whole / "whole.csv").read_bytes()
    store.pipe("/bucket/in.fasta", (whole / "in.fasta").read_bytes())
    predict_parts(folder, ["memory://bucket/in.fasta"], "memory://b/two", Engine(), form="csv", on_error="skip")
    assert store.cat("/b/two/part-00000.csv") == (whole / "whole.csv").read_bytes()
    for wrong in ("nowhere://bucket/out", "gs://bucket/out"):
        with pytest.raises(InputError, match="whose driver is installed"):
            predict_parts(folder, [source], wrong, Engine())


def test_what_is_read_in_one_pass_is_cut_as_well(folder, tmp_path):  # noqa: F811
    rows = [line.strip() for line in fasta(tmp_path / "in.fasta", 9000).open() if line[0] != ">"]
    with (tmp_path / "in.csv").open("w", newline="") as handle:
        csv.writer(handle).writerows([["sequence"], *([row] for row in rows)])
    predict_file(folder, tmp_path / "in.csv", tmp_path / "one.csv")
    predict_parts(folder, [str(tmp_path / "in.csv")], str(tmp_path / "out"), Engine(), form="csv", part=1)
    assert joined(tmp_path / "out") == (tmp_path / "one.csv").read_bytes()


def test_notes_are_those_of_one_process(folder, tmp_path):  # noqa: F811
    rows = [line.strip() for line in fasta(tmp_path / "in.fasta", 9000).open() if line[0] != ">"]
    names = [["", "a", "b"][i % 7 % 3] if i % 7 < 3 else str(i) for i in range(9000)]
    source, known = tmp_path / "in.csv", tmp_path / "known.csv"
    source.write_text("id,sequence\n" + "".join(f"{name},{row}\n" for name, row in zip(names, rows)))
    labels = Program.load(folder).task.names
    known.write_text("sequence,label\n" + "".join(f"{row},{labels[i % 2]}\n" for i, row in enumerate(rows[:40])))
    asked = {"calibrate": known, "coverage": 0.8}
    one = predict_file(folder, source, tmp_path / "one.csv", **asked).notes
    assert [note.partition(" ")[2] for note in one[-3:-1]] == [
        "ids are empty",
        "records have the id of an earlier one; rows are in the order of the input",
    ]
    assert one[-1].startswith("coverage of 80% from 40 labelled records")
    for _ in range(2):  # the second time, no part is computed
        made = predict_parts(folder, [str(source)], str(tmp_path / "out"), Engine(jobs=2), form="csv", part=1, **asked)
        assert made.notes == one
    assert joined(tmp_path / "out") == (tmp_path / "one.csv").read_bytes()


RECORDS = int(os.environ.get("XMR_TEST_RECORDS", "200000"))  # of the tests that kill
SKIPPING = {"form": "csv", "part": 4000, "on_error": "skip"}


def test_actors_give_the_same(folder, whole, tmp_path):  # noqa: F811
    with cluster(1) as made:
        engine = Engine("ray", address=made.address)
        predict_parts(folder, [str(whole / "in.fasta")], str(tmp_path / "out"), engine, **SKIPPING)
    assert joined(tmp_path / "out") == (whole / "whole.csv").read_bytes()
    assert (tmp_path / "out" / SKIPPED).read_bytes() == (whole / "whole.csv.skipped.csv").read_bytes()


@pytest.mark.slow
def test_what_actors_refuse_is_said_as_here(folder, whole, tmp_path):  # noqa: F811
    with cluster(1) as made:
        engine = Engine("ray", address=made.address)
        handle = os.open(tmp_path, os.O_RDONLY)
        if (unseen := Path(f"/proc/self/fd/{handle}")).exists():  # where only this process sees a folder
            with pytest.raises(EngineError, match=r"no _manifest\.json of this prediction on node .* all nodes share"):
                predict_parts(folder, [str(whole / "in.fasta")], str(unseen / "x"), engine, **SKIPPING)
        os.close(handle)
        with pytest.raises(DataError, match=r"in\.fasta:7: record 's3'"):
            predict_parts(folder, [str(whole / "in.fasta")], str(tmp_path / "bad"), engine)


DRIVER = """
import sys
from pathlib import Path
from xmr.commands.predict_parts import predict_parts
from xmr.commands.workers.base import Engine
folder, source, out, address = sys.argv[1:]
engine = Engine("ray", address=address or None)
predict_parts(Path(folder), [source], out, engine, form="csv", part=4000, on_error="skip")
"""


@pytest.fixture(scope="module")
def many(folder, tmp_path_factory):  # noqa: F811
    """Peptides, and what two processes make of them."""
    place = tmp_path_factory.mktemp("many")
    fasta(place / "in.fasta", RECORDS, BAD)
    predict_parts(folder, [str(place / "in.fasta")], str(place / "local"), Engine(jobs=2), **SKIPPING)
    return place


def parts_of(out):
    return [*Path(out).glob("part-*.csv")]


def wait_for(out, number, driver):
    """Wait until so many parts are there."""
    while len(parts_of(out)) < number:
        assert driver.poll() is None
        time.sleep(0.1)


@pytest.mark.slow
def test_a_prediction_survives_a_killed_node_and_driver(folder, many, tmp_path):  # noqa: F811
    out = tmp_path / "out"
    with cluster(0, 1, 1, 1) as made:
        command = [sys.executable, "-c", DRIVER, str(folder), str(many / "in.fasta"), str(out), made.address]
        driver = subprocess.Popen(command, cwd=ROOT)
        wait_for(out, 3, driver)
        made.remove_node(next(iter(made.worker_nodes)), allow_graceful=False)
        wait_for(out, 8, driver)
        os.kill(driver.pid, signal.SIGKILL)
        driver.wait()
        time.sleep(2)  # Ray ends what the driver had begun
        noted = [out / f"{note.stem[1:]}.csv" for note in out.glob("_part-*.json")]
        before = {path: path.stat().st_mtime_ns for path in noted}
        subprocess.run(command, cwd=ROOT, check=True, timeout=300)
    assert all(path.stat().st_mtime_ns == written for path, written in before.items())
    assert joined(out) == joined(many / "local")
    assert (out / SKIPPED).read_bytes() == (many / "local" / SKIPPED).read_bytes()
    assert not [*out.glob("_part*"), *out.glob(".part*")]


@pytest.mark.slow
def test_a_prediction_survives_killed_processes(folder, many, tmp_path):  # noqa: F811
    """A cluster of its own, whose actors are killed again and again."""
    out, killed = tmp_path / "out", 0
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(folder), str(many / "in.fasta"), str(out), ""], cwd=ROOT
    )
    while driver.poll() is None:
        time.sleep(1)
        ours = {driver.pid}
        for _ in range(3):
            ours |= {one for one, parent, _ in processes() if parent in ours}
        actors = [one for one, _, words in processes() if one in ours and words.startswith("ray::_Actor.apply")]
        if actors and killed < 10 and len(parts_of(out)) > killed:
            os.kill(actors[killed % len(actors)], signal.SIGKILL)
            killed += 1
    assert (driver.returncode, killed) == (0, 10)
    assert joined(out) == joined(many / "local")
    assert (out / SKIPPED).read_bytes() == (many / "local" / SKIPPED).read_bytes()


def processes():
    """Of the system: number, its parent, and the words by which it was called."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            yield int(place.name), parent, (place / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue


@pytest.mark.slow
def test_processes_of_torchrun_take_parts(folder, whole, tmp_path):  # noqa: F811
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "-m", "xmr", "predict"]
    asked = [folder, whole / "in.fasta", "-o", tmp_path / "out", "--format", "csv", "--on-error", "skip"]
    done = subprocess.run([*launch, *map(str, asked), "--part-records", "1"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert joined(tmp_path / "out") == (whole / "whole.csv").read_bytes()
    assert done.stderr.count("9,997 records") == 1

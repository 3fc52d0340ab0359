"""A run touches only its own folder and files, one process at a time, and replaces a finished run at the end alone."""

import json
import multiprocessing
import os
import pathlib
import shutil
import threading

import pytest

from tests.test_job import write
from xmr.commands.run import run
from xmr.commands.run_folder import claimed, is_finished, own_files
from xmr.core.output_folder import LOCK, MARK, check_folder, held
from xmr.errors import DataError, OutputError, ProgramError
from xmr.recipe.load import load_recipe
from xmr.training.checkpoint import load_checkpoint

DONE = {".xmr.json", "recipe.yaml", "metrics.json", "predictions.csv", "history.csv", "report.html", "skipped.csv"}
DONE |= {"environment.json", "program", "trained_on.npy", "card.md", "tested.safetensors"}


@pytest.fixture
def recipe(tmp_path):
    recipe = write(tmp_path)
    return recipe.model_copy(update={"baselines": []})


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(
    "name", ["main.c", "recipe.yaml", "checkpoint/mine.pt", "program/main.c", "report.html", "metrics.json"]
)
def test_a_folder_with_files_of_others_is_refused_untouched(tmp_path, recipe, name, force):
    out = tmp_path / "out"
    (out / name).parent.mkdir(parents=True)
    (out / name).write_text('{"mine": 1}')
    before = contents(out)
    found = rf"out: found a folder with files that xmr did not write \({name.split('/')[0]}\); expected a new or empty"
    with pytest.raises(OutputError, match=found):
        run(recipe, out, device="cpu", force=force)
    assert contents(out) == before


def test_an_empty_folder_is_taken_and_what_the_user_puts_into_a_run_stays(tmp_path, recipe):
    out = tmp_path / "out"
    out.mkdir()
    run(recipe, out, device="cpu")
    assert {path.name for path in out.iterdir()} == DONE
    for name in ("notes.txt", "program/main.c", ".other.csv.part"):
        (out / name).write_text("mine")
    (out / "checkpoint").mkdir()
    (out / "checkpoint" / "mine.pt").write_text("mine")
    run(recipe, out, device="cpu", force=True)
    for name in ("notes.txt", "program/main.c", ".other.csv.part", "checkpoint/mine.pt"):
        assert (out / name).read_text() == "mine"


def test_a_finished_run_outlives_a_forced_one_that_fails(tmp_path, recipe):
    out = tmp_path / "out"
    run(recipe, out, device="cpu")
    before = contents(out)
    (tmp_path / "bad.csv").write_text("id,sequence,label,set\nr,A1,a,train\n")
    bad = load_recipe(tmp_path / "r.yaml", ["baselines=[]", f"data.path={tmp_path / 'nowhere.csv'}"])
    for path in ("nowhere.csv", "bad.csv"):
        bad.data.path = str(tmp_path / path)
        with pytest.raises(DataError):
            run(bad, out, device="cpu", force=True)
        assert contents(out) == before

    def stop(event):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(recipe.model_copy(update={"seed": 3}), out, device="cpu", force=True, report=stop)
    assert {name: content for name, content in contents(out).items() if name.parts[0] != ".new"} == before


def test_a_forced_run_that_was_stopped_goes_on_and_takes_the_place(tmp_path, recipe):
    out, other = tmp_path / "out", recipe.model_copy(update={"seed": 3})
    run(recipe, out, device="cpu")
    straight = run(other, tmp_path / "straight", device="cpu")

    def stop(event):
        if event["kind"] == "epoch":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(other, out, device="cpu", force=True, report=stop)
    result = run(other, out, device="cpu", resume=True)
    assert result["test"] == straight["test"]
    assert {path.name for path in out.iterdir()} == DONE
    for name in ("program/program.safetensors", "program/program.json", "predictions.csv"):
        assert (out / name).read_bytes() == (tmp_path / "straight" / name).read_bytes()


def test_an_exchange_that_a_kill_stopped_is_finished_by_the_next_call(tmp_path, recipe, monkeypatch):
    """Die before each step of the exchange in turn, then resume."""
    other = recipe.model_copy(update={"seed": 3})
    run(recipe, tmp_path / "old", device="cpu")
    run(other, tmp_path / "new", device="cpu")
    new = contents(tmp_path / "new")
    finished = 0
    for step in range(60):
        out = tmp_path / f"out{step}"
        shutil.copytree(tmp_path / "old", out)
        shutil.copytree(tmp_path / "new", out / ".new")
        (out / ".new" / MARK).unlink()
        for part in (out / ".recipe.yaml.1.part", out / ".new" / "program" / ".program.json.1.part"):
            part.write_text("what a kill left")
        left, dead = step, False

        def counted(call):
            def wrapped(*args, **kwargs):
                nonlocal left, dead
                if left == 0:
                    dead = True
                if dead:
                    raise KeyboardInterrupt  # what `finally` does after it fails as well, as after a kill
                left -= 1
                return call(*args, **kwargs)

            return wrapped

        with monkeypatch.context() as patch:
            patch.setattr("xmr.commands.run_folder.os.replace", counted(os.replace))
            patch.setattr("xmr.commands.run_folder.os.rename", counted(os.rename))
            patch.setattr(pathlib.Path, "unlink", counted(pathlib.Path.unlink))
            try:
                with claimed(out, other, resume=True, force=False):
                    pass
            except KeyboardInterrupt:
                pass
            else:
                finished += 1
        with claimed(out, other, resume=True, force=False) as place:
            assert place.metrics is not None
        assert {name: c for name, c in contents(out).items() if name.name not in (MARK, LOCK)} == {
            name: content for name, content in new.items() if name.name != MARK
        }
        if finished:
            break
    assert finished
    assert step > 10


def test_two_runs_of_one_folder(tmp_path, recipe):
    out, inside, go_on = tmp_path / "out", threading.Event(), threading.Event()

    def wait(event):
        inside.set()
        go_on.wait(60)

    thread = threading.Thread(target=run, args=(recipe, out), kwargs={"device": "cpu", "report": wait})
    thread.start()
    assert inside.wait(60)
    for options in ({}, {"resume": True}, {"force": True}):
        with pytest.raises(OutputError, match="another xmr process is writing it"):
            run(recipe.model_copy(update={"seed": 2}), out, device="cpu", **options)
    go_on.set()
    thread.join(120)
    assert is_finished(out)
    assert json.loads((out / "metrics.json").read_text())["seed"] == recipe.seed
    assert not (out / LOCK).exists()


def _die_holding(folder):
    with held(folder):
        os._exit(9)


def test_a_command_that_fails_before_it_writes_leaves_no_folder(tmp_path, recipe):
    for name in ("new", "new/seed-0", "there"):
        (tmp_path / "there").mkdir(exist_ok=True)
        with pytest.raises(DataError), held(tmp_path / name):
            raise DataError("no such file")
        assert not (tmp_path / "new").exists()
        assert not [*(tmp_path / "there").iterdir()], "a folder of the user's stays, empty"


def test_a_single_run_takes_the_place_of_seeds_that_failed(tmp_path, recipe):
    bad = recipe.model_copy(update={"data": recipe.data.model_copy(update={"path": str(tmp_path / "none.csv")})})
    with pytest.raises(DataError):
        run(bad, tmp_path / "out" / "seed-0", device="cpu")
    assert run(recipe, tmp_path / "out", device="cpu", force=True)["finished"]


def test_a_crash_blocks_nobody(tmp_path):
    process = multiprocessing.get_context("spawn").Process(target=_die_holding, args=(tmp_path / "out",))
    process.start()
    process.join(120)
    assert process.exitcode == 9
    assert (tmp_path / "out" / LOCK).exists()
    with held(tmp_path / "out"):
        assert (tmp_path / "out" / MARK).exists()
    assert not (tmp_path / "out").exists()  # nothing came of it


def test_a_report_that_fails_loses_no_run_and_resume_draws_it(tmp_path, recipe, monkeypatch):
    said = []

    def broken(*_):
        raise ValueError("the drawing library broke")

    with monkeypatch.context() as patch:
        patch.setattr("xmr.commands.run.write_report", broken)
        result = run(recipe, tmp_path / "out", device="cpu", log=said.append)
    assert any("the report could not be written (ValueError: the drawing library broke)" in text for text in said)
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["test"] == result["test"]
    assert not (tmp_path / "out" / "report.html").exists()
    again = run(recipe, tmp_path / "out", device="cpu", resume=True)
    assert again["test"] == result["test"]
    assert (tmp_path / "out" / "report.html").is_file()
    assert {path.name for path in (tmp_path / "out").iterdir()} == DONE


def test_metrics_are_there_before_baselines_and_report(tmp_path, recipe, monkeypatch):
    seen = []

    def look(*_):
        seen.append(json.loads((tmp_path / "out" / "metrics.json").read_text()))
        raise KeyboardInterrupt

    monkeypatch.setattr("xmr.commands.run_baselines.run_baseline", look)
    with pytest.raises(KeyboardInterrupt):
        run(recipe.model_copy(update={"baselines": ["majority"]}), tmp_path / "out", device="cpu")
    assert seen[0]["finished"] is False
    assert seen[0]["test"]["auroc"] is not None
    assert not is_finished(tmp_path / "out")


@pytest.mark.parametrize("labels", [("$", "$$"), ("$a^$", "$\\foo$"), ("\x07bell", "<script>x</script>")])
def test_labels_are_text_to_the_plots(tmp_path, labels):
    recipe = write(tmp_path).model_copy(update={"baselines": []})
    path = tmp_path / "x.csv"
    rows = path.read_text().replace(",a,", f",{labels[0]},").replace(",b,", f",{labels[1]},").replace("odd", labels[0])
    path.write_text(rows)
    result = run(recipe, tmp_path / "out", device="cpu")
    assert "report_error" not in result
    page = (tmp_path / "out" / "report.html").read_text()
    assert "\x07" not in page
    assert "<script" not in page


def test_a_damaged_checkpoint_is_refused(tmp_path, recipe):
    out = tmp_path / "out"
    epochs = iter(range(2))

    def later(event):
        if event["kind"] == "epoch" and next(epochs) == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(recipe, out, device="cpu", report=later)
    kept = {path: path.read_bytes() for path in (out / "checkpoint").iterdir()}
    assert load_checkpoint(out / "checkpoint") is not None
    for path, content in kept.items():
        for place in range(0, len(content), max(1, len(content) // 25)):
            path.write_bytes(content[:place] + bytes([content[place] ^ 2]) + content[place + 1 :])
            try:
                load_checkpoint(out / "checkpoint")
            except ProgramError as error:
                assert "--force starts over" in str(error)  # noqa: PT017
            else:
                assert path.name == "latest"  # white space
        for text in (b"null", b"", b"\xff", b'{"sha256": 1}', b"[" * 100_000):
            path.write_bytes(text)
            with pytest.raises(ProgramError, match="a damaged checkpoint"):
                load_checkpoint(out / "checkpoint")
        path.write_bytes(content)


def test_what_cannot_be_written_is_refused_first(tmp_path, recipe, monkeypatch):
    monkeypatch.setattr("xmr.commands.run.load_job", lambda *_: pytest.fail("loaded"))
    (tmp_path / "file").write_text("x")
    for out, found in (
        (tmp_path / "file", "found a file"),
        (tmp_path / "file" / "below", "cannot be used"),
        (tmp_path / ("x" * 300), "cannot be used"),
    ):
        with pytest.raises(OutputError, match=found):
            run(recipe, out, device="cpu")


def test_runs_of_version_0_1_are_known(tmp_path, recipe):
    out = tmp_path / "out"
    run(recipe, out, device="cpu")
    (out / MARK).unlink()
    metrics = json.loads((out / "metrics.json").read_text())
    del metrics["finished"]
    (out / "metrics.json").write_text(json.dumps(metrics))
    check_folder(out)
    assert is_finished(out)
    (out / "metrics.json").write_text('{"accuracy": 1}')
    with pytest.raises(OutputError, match="files that xmr did not write"):
        check_folder(out)


def test_links_in_a_run_are_not_followed(tmp_path, recipe):
    out, mine = tmp_path / "out", tmp_path / "mine"
    run(recipe, out, device="cpu")
    mine.mkdir()
    (mine / "latest").write_text("mine")
    (out / "checkpoint").symlink_to(mine)
    assert not any("checkpoint" in path.parts for path in own_files(out))
    run(recipe, out, device="cpu", resume=True)
    assert (mine / "latest").read_text() == "mine"


def test_what_a_kill_left_of_a_table_is_swept(tmp_path):
    with held(tmp_path / "out"):
        for name in (".sweep.json.1.part", ".compare.csv.22.part", ".mine.csv.part"):
            (tmp_path / "out" / name).write_text("half")
    with held(tmp_path / "out"):
        pass
    assert {path.name for path in (tmp_path / "out").iterdir()} == {MARK, ".mine.csv.part"}

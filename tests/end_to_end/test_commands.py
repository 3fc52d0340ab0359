"""The commands of the README, end to end, on real data with the real pretrained source."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.end_to_end.conftest import SMALL, xmr, xmr_process
from xmr.data.public.catalog import DATASETS
from xmr.data.public.dataset import package_file
from xmr.data.public.proteins import read_modlamp


def rows_of(path):
    with path.open() as handle:
        return list(csv.DictReader(handle))


def test_run_leaves_what_it_promises(small_run):
    names = {path.name for path in small_run.iterdir()}
    assert names == {
        ".xmr.json",
        "recipe.yaml",
        "program",
        "metrics.json",
        "predictions.csv",
        "history.csv",
        "report.html",
        "environment.json",
        "trained_on.npy",
        "tested.safetensors",
        "card.md",
        "skipped.csv",
    }
    metrics = json.loads((small_run / "metrics.json").read_text())
    assert metrics["source_unchanged"] is True
    assert (metrics["n_train"] + metrics["n_validation"], metrics["n_test"]) == (200, 300)
    assert metrics["test"]["auroc"] > 0.7
    low, high = metrics["test_interval"]["auroc"]
    assert low < metrics["test"]["auroc"] < high
    assert metrics["duplicates"] > 500
    assert metrics["program_bytes"] < 100_000
    assert metrics["baselines"]["majority"]["auroc"] == 0.5
    assert len(rows_of(small_run / "history.csv")) == 7  # with the untrained program
    test = rows_of(small_run / "predictions.csv")
    assert len(test) == 300
    right = np.mean([row["label"] == row["predicted"] for row in test])
    assert abs(right - metrics["test"]["accuracy"]) < 1e-9


def test_the_report_is_one_offline_file_with_pictures(small_run):
    page = (small_run / "report.html").read_text()
    assert page.count("<svg") >= 6
    assert "http://" not in page.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    )
    assert "<script" not in page
    assert "kmer_logistic" in page


def test_the_written_recipe_reruns_to_the_same_program(small_run, tmp_path):
    xmr("run", small_run / "recipe.yaml", "-o", tmp_path / "again", "--quiet")
    one, two = ((folder / "program" / "program.safetensors").read_bytes() for folder in (small_run, tmp_path / "again"))
    assert one == two


def test_a_killed_run_resumes_to_the_same_program(small_run, tmp_path):
    folder = tmp_path / "killed"
    command = [sys.executable, "-m", "xmr", "run", "protein/amp", *SMALL, "-o", str(folder), "--quiet"]
    running = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (folder / "checkpoint" / "latest").is_file() and time.monotonic() < deadline:
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert not (folder / "metrics.json").exists()
    refused = xmr("run", "protein/amp", *SMALL, "-o", folder, check=False)
    assert refused.returncode == 2
    assert "--resume" in refused.stderr
    xmr("run", "protein/amp", *SMALL, "-o", folder, "--resume", "--quiet")
    one, two = ((path / "program" / "program.safetensors").read_bytes() for path in (small_run, folder))
    assert one == two
    assert "nothing to do" in xmr("run", "protein/amp", *SMALL, "-o", folder, "--resume", "--quiet").stderr
    other = xmr("run", "protein/amp", *SMALL, "seed=9", "-o", folder, "--resume", check=False)
    assert other.returncode == 2
    assert "another recipe" in other.stderr


def test_predict_fasta_keeps_order_and_ids(small_run, tmp_path):
    xmr("predict", small_run, "docs/examples/peptides.fasta", "-o", tmp_path / "p.csv")
    rows = rows_of(tmp_path / "p.csv")
    assert [row["id"] for row in rows][:2] == ["magainin_2", "ll_37"]
    assert all(abs(float(row["p[AMP]"]) + float(row["p[UniProt]"]) - 1) < 1e-4 for row in rows)


def test_predict_agrees_with_the_test_of_the_run(small_run, tmp_path):
    held = {row["id"]: row for row in rows_of(small_run / "predictions.csv")}
    records = read_modlamp(package_file(DATASETS["amp_vs_uniprot"]))
    chosen = [i for i, name in enumerate(records.ids) if name in held]
    text = "id,sequence\n" + "".join(f"{records.ids[i]},{records.inputs[i]}\n" for i in chosen)
    (tmp_path / "x.csv").write_text(text)
    xmr("predict", small_run, tmp_path / "x.csv", "-o", tmp_path / "p.csv")
    got = rows_of(tmp_path / "p.csv")
    assert [row["id"] for row in got] == [records.ids[i] for i in chosen]
    worst = max(abs(float(row["p[AMP]"]) - float(held[row["id"]]["p[AMP]"])) for row in got)
    assert worst < 1e-4


def test_a_killed_prediction_resumes(small_run, tmp_path):
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), size=int(rng.integers(5, 40)))) for _ in range(9000)]
    source = tmp_path / "many.fasta"
    source.write_text("".join(f">s{i}\n{text}\n" for i, text in enumerate(texts)))
    out, part = tmp_path / "p.csv", tmp_path / ".p.csv.part.json"
    command = [sys.executable, "-m", "xmr", "predict", str(small_run), str(source), "-o", str(out)]
    running = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 240
    while not part.is_file() and time.monotonic() < deadline:
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert json.loads(part.read_text())["state"]["written"] >= 4096
    assert not out.exists()
    with (tmp_path / ".p.csv.part").open("ab") as handle:
        handle.write(b"half a row that was never noted")
    xmr("predict", small_run, source, "-o", out)
    rows = rows_of(out)
    assert [row["id"] for row in rows] == [f"s{i}" for i in range(9000)]
    assert not part.exists()


def test_predict_skips_and_lists(small_run, tmp_path):
    (tmp_path / "x.fasta").write_text(">good\nACDEF\n>bad\nAC1\n>empty\n\n>fine\nGGG\n")
    refused = xmr("predict", small_run, tmp_path / "x.fasta", check=False)
    assert refused.returncode == 2
    assert "x.fasta:3" in refused.stderr
    assert "x.fasta:5" in refused.stderr
    xmr("predict", small_run, tmp_path / "x.fasta", "--on-error", "skip", "-o", tmp_path / "p.csv")
    assert [row["id"] for row in rows_of(tmp_path / "p.csv")] == ["good", "fine"]
    skipped = rows_of(tmp_path / "p.csv.skipped.csv")
    assert [row["id"] for row in skipped] == ["bad", "empty"]
    assert "position 3" in skipped[0]["reason"]


def test_evaluate_gives_the_metrics_of_the_run(small_run, tmp_path):
    held = rows_of(small_run / "predictions.csv")
    records = read_modlamp(package_file(DATASETS["amp_vs_uniprot"]))
    place = {name: i for i, name in enumerate(records.ids)}
    lines = [f"{records.inputs[place[row['id']]]},{row['label']}" for row in held]
    (tmp_path / "t.csv").write_text("sequence,label\n" + "\n".join(lines) + "\n")
    result = json.loads(xmr("evaluate", small_run, tmp_path / "t.csv").stdout)
    metrics = json.loads((small_run / "metrics.json").read_text())
    assert result["n"] == 300
    assert abs(result["test"]["auroc"] - metrics["test"]["auroc"]) < 1e-3


def test_new_check_and_run_on_a_file_of_ones_own(tmp_path):
    rng = np.random.default_rng(1)
    texts = ["".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), size=int(rng.integers(8, 20)))) for _ in range(80)]
    lines = [f"{t},{'basic' if t.count('K') + t.count('R') > 1 else 'other'}" for t in texts]
    (tmp_path / "my.csv").write_text("peptide,kind\n" + "\n".join(lines) + "\n")
    done = xmr("new", "protein", tmp_path / "my.csv", "--input", "peptide", "--target", "kind")
    assert "classification" in done.stderr + done.stdout
    checked = xmr("check", tmp_path / "my.yaml").stdout
    for word in ("valid", "trainable parameters", "frozen parameters", "MiB", "one epoch", "ids ("):
        assert word in checked
    xmr(
        "run",
        tmp_path / "my.yaml",
        "training.epochs=2",
        "source.layers=1",
        "ensemble=1",
        "-o",
        tmp_path / "out",
        "--quiet",
    )
    assert all((tmp_path / "out" / f"fold-{fold}" / "report.html").is_file() for fold in range(5))
    assert (tmp_path / "out" / "summary.json").is_file()
    xmr("predict", tmp_path / "out", tmp_path / "my.csv", "-o", tmp_path / "answers.csv")
    assert "auroc" in xmr("evaluate", tmp_path / "out", tmp_path / "my.csv").stdout
    wrong = xmr("new", "protien", tmp_path / "my.csv", "-o", tmp_path / "other.yaml", check=False)
    assert wrong.returncode == 2
    assert "did you mean protein" in wrong.stderr


def test_seeds_give_a_summary(tmp_path):
    out = tmp_path / "s"
    xmr("run", "protein/amp", *SMALL, "training.epochs=1", "data.split.test=100", "--seeds", 2, "-o", out, "--quiet")
    summary = json.loads((out / "summary.json").read_text())
    assert summary["seeds"] == [0, 1]
    values = summary["rows"]["program"]["auroc"]["values"]
    assert np.isclose(summary["rows"]["program"]["auroc"]["sd"], np.std(values, ddof=1))
    assert "kmer_logistic" in summary["paired"]


def test_listing_commands():
    assert "free_embedding" in xmr("list").stdout
    assert "Theta" in xmr("list", "transforms").stdout
    assert "protein/amp_200" in xmr("list", "recipes").stdout
    assert "layers: 2" in xmr("show", "protein/amp").stdout
    said = xmr("doctor").stdout
    for word in ("torch", "[audio]", "[series]", "[compare]", "XMR_MODELS", "hub"):
        assert word in said
    assert "amp_vs_uniprot" in xmr("data", "list").stdout
    assert xmr("check", "--all").returncode == 0


PLUGIN = '''
from xmr.core.registry import TRANSFORMS
from xmr.transforms.vocabulary import FreeEmbedding

class Loud(FreeEmbedding):
    """A free embedding, scaled.

    Args:
        gain: factor.
    """
    def __init__(self, gain: float = 2.0) -> None:
        super().__init__()
        self.gain = gain
    def table(self):
        return self.gain * self.weight
    def fold(self):
        return self
'''


def test_a_plugin_file(tmp_path):
    (tmp_path / "loud.py").write_text(PLUGIN + 'TRANSFORMS.add("loud", Loud, "louder")\n')
    assert "loud" in xmr_process("--plugin", tmp_path / "loud.py", "list", "transforms").stdout
    unknown = xmr("check", "protein/amp", "transform.name=loud", check=False)
    assert unknown.returncode == 2


def test_an_installed_plugin_package(tmp_path):
    """A tiny package with an entry point, installed by pip, trains, saves and predicts like a built-in component."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "xmr_loud.py").write_text(PLUGIN)
    (package / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "xmr-loud"\nversion = "0.1"\n'
        '[project.entry-points."xmr.transforms"]\nloud = "xmr_loud:Loud"\n'
        '[tool.hatch.build.targets.wheel]\ninclude = ["xmr_loud.py"]\n'
    )
    target = tmp_path / "site"
    install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--target",
        str(target),
        str(package),
    ]
    subprocess.run([sys.executable, *install], check=True, capture_output=True)
    environment = {**os.environ, "PYTHONPATH": str(target)}

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "xmr", *map(str, arguments)], capture_output=True, text=True, env=environment
        )

    assert "xmr-loud" in run("list", "transforms").stdout
    wrong = run("check", "protein/amp", "transform.name=loud", "transform.gian=3")
    assert "did you mean gain" in wrong.stderr
    done = run(
        "run", "protein/amp", *SMALL, "transform.name=loud", "training.epochs=1", "-o", tmp_path / "out", "--quiet"
    )
    assert done.returncode == 0, done.stderr
    assert run("predict", tmp_path / "out", "docs/examples/peptides.fasta", "-o", tmp_path / "p.csv").returncode == 0
    without = xmr("predict", tmp_path / "out", "docs/examples/peptides.fasta", "-o", tmp_path / "q.csv", check=False)
    assert without.returncode == 2
    assert "'loud'" in without.stderr


@pytest.mark.parametrize("control", ["source=identity", "source.weights=random", "encoder.shuffle=positions"])
def test_controls_are_overrides(tmp_path, control):
    override = [control] if control == "source=identity" else [control, "source.layers=1"]
    settings = [setting for setting in SMALL if not setting.startswith("source.")]
    xmr(
        "run",
        "protein/amp",
        *settings,
        "training.epochs=1",
        "data.split.test=50",
        *override,
        "-o",
        tmp_path,
        "--quiet",
        "--force",
    )
    assert json.loads((tmp_path / "metrics.json").read_text())["source_unchanged"] is True
    xmr("predict", tmp_path, "docs/examples/peptides.fasta", "-o", tmp_path / "p.csv")


@pytest.mark.slow
def test_shuffled_labels_fall_to_chance(tmp_path):
    xmr(
        "run",
        "protein/amp_200",
        "data.shuffle_labels=true",
        "ensemble=2",
        "baselines=[]",
        "-o",
        tmp_path / "s",
        "--quiet",
    )
    metrics = json.loads((tmp_path / "s" / "metrics.json").read_text())
    assert abs(metrics["test"]["auroc"] - 0.5) < 0.12


def test_a_test_part_of_one_class_opens_with_a_metric_that_is_defined(tmp_path):
    lines = ["sequence,label,set"]
    lines += [f"{'AC' * (3 + i % 4)}{'DE'[i % 2] * 3}{'GH' * (i // 2)},{i % 2},train" for i in range(20)]
    lines += [f"{'L' * (4 + i)},1,test" for i in range(6)]
    (tmp_path / "x.csv").write_text("\n".join(lines) + "\n")
    own = ["data=" + f"{{path: {tmp_path / 'x.csv'}, split: {{by: predefined, validation: 0}}}}"]
    quick = ["source={name: identity, width: 16}", "training={epochs: 1}", "ensemble=1", "output.name=linear"]
    asked = ["run", "protein/amp", *own, *quick, "baselines=[majority]", "--quiet", "-o", tmp_path / "out"]
    for more in ([], ["--resume"]):
        said = xmr(*asked, *more).stderr
        assert "auroc is not defined on the 6 test records" in said
        assert "test accuracy" in said
        assert "nan" not in said
    assert "auroc is not defined on these records" in (tmp_path / "out" / "report.html").read_text()

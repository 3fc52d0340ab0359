"""A program evaluates files in the form it was trained on: labels in headers, several labels in a cell."""

import json
import random

import pytest

from xmr.cli.app import execute

FAST = ["ensemble=1", "training.epochs=1", "training.min_steps=2", "source.layers=1", "baselines=[]"]
RNG = random.Random(0)
WHERE = ["membrane", "nucleus", "membrane|nucleus", "cell"]


def fasta(n):
    texts = ["".join(RNG.choices("ACDEFGHIKL", k=RNG.randint(9, 15))) for _ in range(n)]
    return "".join(f">p{i}|{'AMP' if i % 2 else 'none'}\n{text}\n" for i, text in enumerate(texts))


def cells(n):
    texts = ["".join(RNG.choices("ACDEFGHIKL", k=RNG.randint(9, 15))) for _ in range(n)]
    return "sequence,where\n" + "".join(f"{text},{WHERE[i % 4]}\n" for i, text in enumerate(texts))


@pytest.mark.parametrize(("suffix", "write", "counts"), [("fasta", fasta, {"AMP": 4, "none": 4}), ("csv", cells, None)])
def test_a_file_like_that_of_training(tmp_path, monkeypatch, capsys, suffix, write, counts):
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"x.{suffix}").write_text(write(40))
    (tmp_path / f"new.{suffix}").write_text(write(8))
    assert execute(["new", "protein", f"x.{suffix}", "--split", "random"]) == 0
    assert execute(["run", "x.yaml", *FAST, "--quiet", "-o", "out"]) == 0
    capsys.readouterr()
    assert execute(["evaluate", "out", f"new.{suffix}"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n"] == 8
    assert counts is None or found["test_counts"] == counts


def test_a_label_that_no_record_has(tmp_path, monkeypatch, capsys):
    """`cell` is a label of the program; none of the new records has it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.csv").write_text(cells(40))
    (tmp_path / "new.csv").write_text(cells(3))
    assert execute(["new", "protein", "x.csv", "--split", "random"]) == 0
    assert execute(["run", "x.yaml", *FAST, "--quiet", "-o", "out"]) == 0
    capsys.readouterr()
    assert execute(["evaluate", "out", "new.csv"]) == 0
    assert json.loads(capsys.readouterr().out)["test"]["accuracy"] is not None

"""The table of docs/bad-input.md: every broken file or recipe gives one clear line and exit status 2."""

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path

import pytest

from xmr.cli.app import execute

RECIPE = """task: classification
data:
  path: {file}
  split: {{by: random, test: 0.3, validation: 0}}
encoder: {{name: protein}}
source: {{name: minilm, layers: 1}}
transform: {{name: free_embedding}}
output: {{name: linear}}
training: {{epochs: 1}}
"""
ROWS = "sequence,label\n" + "".join(f"ACDEF{c}GHIK,{('no', 'yes')[i % 2]}\n" for i, c in enumerate("ACDEFGHIKLMN"))
PARQUET = b"PAR1 not really"

# name, file name, content, what the message must hold
FILES: list[tuple[str, str, str | bytes, str]] = [
    ("no such file", "missing.csv", b"", r"missing\.csv: found no such file"),
    ("an empty file", "x.csv", "", r"x\.csv: found an empty file"),
    ("a header and no rows", "x.csv", "sequence,label\n", r"x\.csv: found no record"),
    ("an unknown ending", "x.docx", "a", r"'\.docx'; expected one of \.fasta"),
    (
        "no sequence column",
        "x.csv",
        "peptid,label\nACD,1\n",
        r"x\.csv:1: found columns peptid, label; expected a column named sequence",
    ),
    ("no label column", "x.csv", "sequence,activity\nACD,1\n", r"x\.csv:1: .*expected a column named target or label"),
    ("a column twice", "x.csv", "sequence,label,label\nACD,1,1\n", r"x\.csv:1: found column 'label' twice"),
    ("a row too short", "x.csv", "sequence,label\nACD,1\nACD\n", r"x\.csv:3: found 1 fields; expected 2"),
    ("an unclosed quote", "x.csv", 'sequence,label\n"ACD,1\n', r"x\.csv:\d+: found unexpected end of data"),
    ("an illegal character", "x.csv", ROWS + "AC1D,1\n", r"x\.csv:14: record '14': found '1' at position 3"),
    ("a stop inside", "x.csv", ROWS + "AC*D,1\n", r"x\.csv:14: .*found a stop '\*' inside the sequence at position 3"),
    ("an empty sequence", "x.csv", ROWS + ",1\n", r"x\.csv:14: .*found an empty sequence"),
    ("a missing label", "x.csv", ROWS + "ACDW,\n", r"x\.csv:14: .*found no label in 'label'"),
    ("one class only", "x.csv", ROWS.replace(",no", ",yes"), r"only one class"),
    (
        "an id twice",
        "x.csv",
        "id," + ROWS.replace("\n", "\np,").removesuffix("p,"),
        r"x\.csv:3: .*found the id 'p' again \(first at .*x\.csv:2\)",
    ),
    ("bytes that are not text", "x.csv", b"sequence,label\nAC\xff\xfeD,1\n", r"bytes that are not text"),
    ("a gzip file cut short", "x.csv.gz", gzip.compress(ROWS.encode() * 50)[:60], r"gzip file cut short"),
    (
        "FASTA without a header",
        "x.fasta",
        "ACDEF\n>a TARGET=1\nACD\n",
        r"x\.fasta:1: found 'ACDEF'; expected a FASTA header",
    ),
    (
        "a FASTA header without an id",
        "x.fasta",
        ">a TARGET=1\nACD\n>\nACD\n",
        r"x\.fasta:3: found a header without an id",
    ),
    ("FASTA without labels", "x.fasta", ">a\nACD\n>b\nCDE\n", r"x\.fasta:1: record 'a': found no label in 'TARGET'"),
    (
        "an unknown SET",
        "x.fasta",
        ">a TARGET=1 SET=trian\nACD\n",
        r"x\.fasta:1: .*found the set 'trian'; expected train, validation or test",
    ),
    ("a file that is not Parquet", "x.parquet", PARQUET, r"x\.parquet: found a file that is not Parquet"),
    ("a sequence in another script", "x.csv", ROWS + "AC中,1\n", r"x\.csv:14: .*'中' at position 3"),
]
# name, overrides, what the message must hold
OVERRIDES: list[tuple[str, list[str], str]] = [
    ("an unknown key", ["training.epoch=2"], r"training\.epoch: found the unknown key 'epoch'.*did you mean epochs"),
    ("a field that was renamed", ["data.longest=60"], r"`data\.longest` is now `data\.max_length`"),
    ("a component that was renamed", ["source=none"], r"the source `none` is now `identity`"),
    ("a batch field without effect", ["training.batch_size=8"], r"found 8, which has no effect for symbols"),
    ("a name misspelt", ["output.nam=linear"], r"output\.nam: found the unknown key 'nam'.*did you mean name"),
    ("an unknown section", ["trainning.epochs=2"], r"'trainning'.*did you mean training"),
    ("an unknown transform", ["transform.name=free_embeding"], r"did you mean free_embedding"),
    ("an unknown source", ["source.name=minilmm"], r"did you mean minilm"),
    ("a number out of range", ["training.learning_rate=-1"], r"found -1; expected greater than 0"),
    ("a word for a number", ["training.epochs=many"], r"found 'many'; expected a valid integer"),
    ("too many layers", ["source.layers=9"], r"source\.layers: found 9; expected at most 6"),
    ("an output for another task", ["output.name=per_position"], r"'per_position' for task classification"),
    ("a regression with words", ["task=regression"], r"expected a finite number"),
    ("no split column", ["data.split.by=predefined"], r"found no split column"),
    ("more labels than records", ["data.split.n_labelled=500"], r"expected at least 500"),
    ("a column that is not there", ["data.target=labl"], r"a column 'labl' \(data\.target\); did you mean label"),
    ("a data set and a path", ["data.dataset=amp_vs_uniprot"], r"exactly one of"),
    ("an unknown baseline", ["baselines=[kmer_forst]"], r"did you mean kmer_forest"),
    (
        "a hub model while offline",
        ["source.name=hf_text", "source.model=bert-base-uncased"],
        r"source: \{name: minilm\}",
    ),
    (
        "a width that is even",
        ["transform.name=context_window", "transform.width=4"],
        r"transform\.width: found 4; expected an odd",
    ),
    ("no section.key=value", ["epochs"], r"expected e\.g\. training\.epochs=5"),
]


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    status = execute([*arguments])
    captured = capsys.readouterr()
    assert status == 2, captured.err
    assert "Traceback" not in captured.err
    assert captured.err.startswith("xmr: ")
    return captured.err


@pytest.mark.parametrize(("name", "file", "content", "message"), FILES, ids=[row[0] for row in FILES])
def test_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, file: str, content: str | bytes, message: str
) -> None:
    if file != "missing.csv":
        (tmp_path / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    (tmp_path / "r.yaml").write_text(RECIPE.format(file=tmp_path / file))
    error = answer(capsys, "run", str(tmp_path / "r.yaml"), "-o", str(tmp_path / "out"))
    assert re.search(message, error), error
    assert not (tmp_path / "out" / "metrics.json").exists()


@pytest.mark.parametrize(("name", "overrides", "message"), OVERRIDES, ids=[row[0] for row in OVERRIDES])
def test_recipes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, overrides: list[str], message: str
) -> None:
    (tmp_path / "x.csv").write_text(ROWS)
    (tmp_path / "r.yaml").write_text(RECIPE.format(file=tmp_path / "x.csv"))
    error = answer(capsys, "run", str(tmp_path / "r.yaml"), *overrides, "-o", str(tmp_path / "out"), "--quiet")
    assert re.search(message, error), error


@pytest.mark.parametrize("field", ["path", "test_path", "labels_path"])
def test_pipes_and_devices_are_no_data(tmp_path: Path, capsys: pytest.CaptureFixture[str], field: str) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "x.csv").write_text(ROWS)
    (tmp_path / "r.yaml").write_text(RECIPE.format(file=tmp_path / "x.csv"))
    for path in (tmp_path / "fifo", "/dev/zero"):
        error = answer(capsys, "run", str(tmp_path / "r.yaml"), f"data.{field}={path}", "-o", str(tmp_path / "out"))
        assert error == f"xmr: data.{field}: found {path}, a pipe or a device; expected a file or a folder\n"


def test_a_recipe_with_an_odd_name_runs_and_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "caf\udce9\x1b[31m.yaml"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.csv").write_text(ROWS)
    text = RECIPE.format(file=tmp_path / "x.csv").replace("name: minilm, layers: 1", "name: identity, width: 8")
    (tmp_path / name).write_text(text)
    asked = ["run", name, "expected={a: .nan, b: .inf, c: 2020-01-01}", "--quiet"]
    assert execute(asked) == 0
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.isprintable()
    assert (folder / "recipe.yaml").read_text().splitlines()[0].isprintable()
    (folder / "metrics.json").unlink()
    assert execute([*asked, "--resume"]) == 0
    assert (folder / "metrics.json").is_file()


def test_steps_that_are_too_large(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.csv").write_text(ROWS)
    (tmp_path / "r.yaml").write_text(RECIPE.format(file=tmp_path / "x.csv"))
    asked = ["run", str(tmp_path / "r.yaml"), "training.learning_rate=1e30", "-o", str(tmp_path / "out"), "--quiet"]
    assert execute(asked) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert re.fullmatch(
        r"xmr: training\.learning_rate: found 1e\+30 and (a )?NaN or infinite .*; expected a smaller one", last
    )
    assert not (tmp_path / "out" / "metrics.json").exists()


def test_the_good_one_is_good(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.csv").write_text(ROWS)
    (tmp_path / "r.yaml").write_text(RECIPE.format(file=tmp_path / "x.csv"))
    assert execute(["run", str(tmp_path / "r.yaml"), "-o", str(tmp_path / "out"), "--quiet"]) == 0


def test_skip_keeps_going_and_lists(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(ROWS + "AC1D,1\n,0\n")
    (tmp_path / "r.yaml").write_text(RECIPE.format(file=tmp_path / "x.csv"))
    assert execute(["run", str(tmp_path / "r.yaml"), "data.on_error=skip", "-o", str(tmp_path / "out"), "--quiet"]) == 0
    listed = (tmp_path / "out" / "skipped.csv").read_text()
    assert "x.csv:14" in listed
    assert "x.csv:15" in listed


def test_every_row_stands_in_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "bad-input.md").read_text()
    for name in [row[0] for row in FILES] + [row[0] for row in OVERRIDES]:
        assert f"| {name} |" in page

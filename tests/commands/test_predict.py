"""A prediction that was stopped goes on only as what it was begun as."""

import csv
import json
import os

import numpy as np
import pytest

from tests.test_program import build
from tests.tiny import tiny_model
from xmr.commands.predict import check_target, predict_file
from xmr.commands.prediction_table import is_prediction_header
from xmr.commands.predictor import Request, fingerprint
from xmr.core.component import create
from xmr.core.output_folder import locked
from xmr.core.registry import SOURCES
from xmr.data.columns import Columns
from xmr.errors import OutputError, ProgramError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("prediction")
    tiny_model("bert").save_pretrained(place / "model")
    source = create(SOURCES, {"name": "hf_text", "model": str(place / "model"), "layers": 2}).load()
    program, _ = build(source, programs=2)
    program.save(place / "program")
    return place / "program"


def fasta(path, n=40, bad=()):
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), size=12)) for _ in range(n)]
    path.write_text("".join(f">s{i}\n{'1' if i in bad else text}\n" for i, text in enumerate(texts)))
    return path


def rows_of(path):
    with path.open(newline="") as handle:
        return list(csv.reader(handle))


def test_the_input_is_never_the_output(folder, tmp_path):
    source = fasta(tmp_path / "in.fasta")
    before = source.read_bytes()
    os.link(source, tmp_path / "hard.fasta")
    (tmp_path / "link.fasta").symlink_to(source)
    for target in (source, tmp_path / "hard.fasta", tmp_path / "link.fasta"):
        for force in (False, True):
            with pytest.raises(OutputError, match="the input itself as the output; expected another name"):
                predict_file(folder, source, target, force=force)
    assert source.read_bytes() == before


def test_only_a_prediction_is_replaced_without_force(folder, tmp_path):
    source, other = fasta(tmp_path / "in.fasta"), tmp_path / "precious.txt"
    other.write_text("id,predicted,my own column\n")
    with pytest.raises(OutputError, match=r"precious.txt: found a file that no `xmr predict` wrote; .*--force"):
        predict_file(folder, source, other)
    assert other.read_text() == "id,predicted,my own column\n"
    predict_file(folder, source, other, force=True)
    assert len(rows_of(other)) == 41
    predict_file(folder, fasta(tmp_path / "in.fasta", 7), other)  # a prediction is replaced
    assert len(rows_of(other)) == 8


def test_what_cannot_be_written_is_refused_before_anything_is_loaded(folder, tmp_path, monkeypatch):
    source = fasta(tmp_path / "in.fasta")
    monkeypatch.setattr("xmr.commands.predictor.Program.load", lambda *_: pytest.fail("loaded"))
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for target, found in (
        (tmp_path / "folder", "found a folder"),
        (source / "below.csv", "cannot be used"),
        (tmp_path / ("x" * 300), "cannot be used"),
        (tmp_path / "pipe", "no regular file"),
    ):
        with pytest.raises(OutputError, match=found):
            predict_file(folder, source, target)
    (tmp_path / "out.csv.skipped.csv").write_text("mine\n")
    with pytest.raises(OutputError, match=r"skipped\.csv"):
        predict_file(folder, source, tmp_path / "out.csv")


def test_a_second_prediction_of_one_output_is_refused_and_a_dead_one_blocks_nobody(folder, tmp_path):
    source, target = fasta(tmp_path / "in.fasta"), tmp_path / "out.csv"
    with locked(tmp_path / ".out.csv.lock", target), pytest.raises(OutputError, match="another xmr process"):
        predict_file(folder, source, target)
    (tmp_path / ".out.csv.lock").touch()  # left by a process that is gone
    predict_file(folder, source, target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.fasta", "out.csv"]


def stopped(folder, source, target, after, **options):
    """A prediction that is stopped after so many reports."""
    count = 0

    def report(*_):
        nonlocal count
        count += 1
        if count == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_file(folder, source, target, chunk=10, report=report, **options)


@pytest.mark.parametrize("after", [1, 2, 3, 4])
def test_a_stopped_prediction_goes_on_with_its_skipped_records(folder, tmp_path, after):
    source, target = fasta(tmp_path / "in.fasta", bad=(3, 17, 25, 39)), tmp_path / "out.csv"
    predict_file(folder, source, tmp_path / "whole.csv", on_error="skip", chunk=10)
    stopped(folder, source, target, after, on_error="skip")
    done = predict_file(folder, source, target, on_error="skip", chunk=10)
    assert (done.written, done.skipped) == (36, 4)
    assert target.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    skipped = tmp_path / "out.csv.skipped.csv"
    assert skipped.read_bytes() == (tmp_path / "whole.csv.skipped.csv").read_bytes()
    assert [row[1] for row in rows_of(skipped)] == ["id", "s3", "s17", "s25", "s39"]


@pytest.mark.parametrize("name", [".out.csv.part", ".out.csv.part.json", ".out.csv.skipped.part"])
def test_what_was_changed_since_is_begun_anew(folder, tmp_path, name):
    source, target = fasta(tmp_path / "in.fasta", bad=(3,)), tmp_path / "out.csv"
    predict_file(folder, source, tmp_path / "whole.csv", on_error="skip", chunk=10)
    for place in (0.1, 0.9):
        stopped(folder, source, target, 2, on_error="skip")
        content = bytearray((tmp_path / name).read_bytes())
        content[int(len(content) * place)] ^= 4
        (tmp_path / name).write_bytes(bytes(content))
        predict_file(folder, source, target, on_error="skip", chunk=10)
        assert target.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    for note in ("null", '{"key": 1}', "[" * 100_000) if name.endswith("json") else ():
        stopped(folder, source, target, 2, on_error="skip")
        (tmp_path / ".out.csv.part.json").write_text(note, errors="surrogateescape")
        predict_file(folder, source, target, on_error="skip", chunk=10)
        assert target.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_an_old_list_of_skipped_records_does_not_stay(folder, tmp_path):
    target = tmp_path / "out.csv"
    predict_file(folder, fasta(tmp_path / "in.fasta", bad=(3,)), target, on_error="skip")
    assert (tmp_path / "out.csv.skipped.csv").is_file()
    predict_file(folder, fasta(tmp_path / "in.fasta"), target, on_error="skip")
    assert not (tmp_path / "out.csv.skipped.csv").exists()


def test_repeated_and_empty_ids_are_told(folder, tmp_path):
    (tmp_path / "in.csv").write_text("id,sequence\na,ACDE\na,ACDF\n,ACDG\n,ACDH\nb,ACDI\n")
    done = predict_file(folder, tmp_path / "in.csv", tmp_path / "out.csv", id_column="id", chunk=2)
    assert done.notes == (
        "2 ids are empty",
        "1 records have the id of an earlier one; rows are in the order of the input",
    )


def test_formulas_are_escaped_on_request(folder, tmp_path):
    (tmp_path / "in.csv").write_text("id,sequence\n=cmd|' /C calc'!A0,ACDE\n-5,ACDF\nplain,ACDG\n")
    predict_file(folder, tmp_path / "in.csv", tmp_path / "as_is.csv", id_column="id")
    assert [row[0] for row in rows_of(tmp_path / "as_is.csv")] == ["id", "=cmd|' /C calc'!A0", "-5", "plain"]
    predict_file(folder, tmp_path / "in.csv", tmp_path / "safe.csv", id_column="id", escape_formulas=True)
    assert [row[0] for row in rows_of(tmp_path / "safe.csv")] == ["id", "'=cmd|' /C calc'!A0", "'-5", "plain"]
    assert [row[1:] for row in rows_of(tmp_path / "safe.csv")] == [row[1:] for row in rows_of(tmp_path / "as_is.csv")]
    check_target(tmp_path / "in.csv", tmp_path / "safe.csv", force=False)


def test_a_file_in_the_place_of_a_program(folder, tmp_path):
    source = fasta(tmp_path / "in.fasta")
    with pytest.raises(ProgramError, match="found a file; expected a run's folder"):
        predict_file(source, source, tmp_path / "out.csv")


@pytest.mark.parametrize(
    ("header", "ours"),
    [
        ("id,predicted,p[a],p[b],std[a],std[b]", True),
        ("id,predicted,std", True),
        ("id,predicted,mean_probability", True),
        ("id,t+1,t+2", True),
        ("id,predicted", False),
        ("id,predicted,p[a],std[b]", False),
        ("id,label,predicted,p[a],std[a]", False),
        ("id,t+1,t+3", False),
        ("id", False),
        ("", False),
    ],
)
def test_the_header_of_a_prediction(header, ours):
    assert is_prediction_header(header.split(",")) is ours


def test_a_partial_prediction_belongs_to_its_file_columns_and_options(tmp_path, folder):
    place = tmp_path / "program"
    place.mkdir()
    for path in folder.iterdir():
        (place / path.name).write_bytes(path.read_bytes())
    source = tmp_path / "x.csv"
    source.write_text("a,b\nACDE,EDCA\n")

    def key(column="a", on_error="fail", precision="full", escaped=False):
        request = Request(place, Columns(column), on_error, precision, escape_formulas=escaped)
        return fingerprint(request, [source])

    first = key()
    assert key() == first
    others = [key(column="b"), key(on_error="skip"), key(precision="bf16"), key(escaped=True)]
    source.write_text("a,b\nACDE,EDCAA\n")
    others.append(key())
    content = json.loads((place / "program.json").read_text())
    (place / "program.json").write_text(json.dumps(content))  # the same, written otherwise
    others.append(key())
    assert len({first, *others}) == 7

"""Files of lines: an object of JSON on each, or a text on each."""

import gzip
import re

import pytest

from xmr.cli.app import execute
from xmr.data.columns import Columns
from xmr.data.readers.read import read_all
from xmr.data.records import Skipped
from xmr.errors import DataError


def read(path, **columns):
    return read_all(path, Columns(**{"need_target": False, **columns}), "fail", Skipped())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"sequence": "ACD"}\nACD\n', r"x\.jsonl:2: found no JSON object \(Expecting value"),
        ('{"sequence": "ACD"}\n[1]\n', r"x\.jsonl:2: found JSON that is no object: \[1\]; expected an object such as"),
        (
            '{"sequence": "ACD"}\n\n{"seq": "ACD"}\n',
            r"x\.jsonl:3: found the name 'seq'; expected sequence as in the first",
        ),
        (
            '{"sequence": [["A"]]}\n',
            r"x\.jsonl:1: sequence: found a list; expected a text, a number, true, false, null, or a list of these",
        ),
        ('{"a": 1, "a": 2}\n', r"x\.jsonl:1: found no JSON object \(the name 'a' twice in one object\)"),
        ("{}\n", r"x\.jsonl:1: found an empty object"),
        ("\n", r"x\.jsonl:1: found an empty file; expected a JSON object on each line"),
        ("[" * 100_000, r"x\.jsonl:1: found no JSON object"),
    ],
)
def test_what_is_no_object_is_named_by_its_line(tmp_path, text, said):
    (tmp_path / "x.jsonl").write_text(text)
    with pytest.raises(DataError, match=said):
        read(tmp_path / "x.jsonl")


def test_values_of_json_are_read_as_a_table_would_hold_them(tmp_path):
    (tmp_path / "x.jsonl").write_text(
        '{"id": 7, "sequence": "ACD", "label": true}\n{"sequence": "EFG", "label": null, "id": "b"}\n'
    )
    found = read(tmp_path / "x.jsonl")
    assert (found.ids, found.inputs, found.labels) == (["7", "b"], ["ACD", "EFG"], {"label": ["true", ""]})


def test_objects_in_objects_are_columns_and_lists_are_cells(tmp_path, capsys):
    (tmp_path / "x.jsonl").write_text(
        "".join(
            f'{{"text": "so {i}", "tags": {tags}, "meta": {{"user": {{"id": {i}}}, "lang": "en"}}}}\n'
            for i, tags in enumerate(['["a", "b"]', '["b"]', "[]", '["a"]'] * 6)
        )
    )
    found = read(tmp_path / "x.jsonl", reads="table")
    assert found.columns == ("text", "tags", "meta.user.id", "meta.lang")
    assert found.inputs[0].split("\x1f") == ["so 0", "a|b", "0", "en"]
    assert execute(["new", "text", str(tmp_path / "x.jsonl"), "--target", "tags", "--on-error", "skip"]) == 0
    assert "task multilabel (2 labels, several in one cell between |)" in capsys.readouterr().out
    (tmp_path / "y.jsonl").write_text('{"a": {"b": 1}, "a.b": 2}\n')
    with pytest.raises(DataError, match=r"y\.jsonl:1: found no JSON object \(the name 'a\.b' twice"):
        read(tmp_path / "y.jsonl", reads="table")


@pytest.mark.parametrize("name", ["x.txt", "x.txt.gz"])
def test_a_text_on_each_line_needs_no_header(tmp_path, name):
    text = "a great, fine film\n\nwhat a joy; truly\nbad | worse\n"
    (tmp_path / name).write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    found = read(tmp_path / name)
    assert found.inputs == ["a great, fine film", "what a joy; truly", "bad | worse"]
    assert found.ids == ["1", "3", "4"]
    assert found.notes == (f"{name}: each line is read as a record, because the first names no column",)


@pytest.mark.parametrize("text", ["so good, truly\nbad\n", "I love it\nit is bad\n", "awful; bad\nso, so\nfine\n"])
def test_one_file_of_texts_holds_no_labels(tmp_path, capsys, text):
    (tmp_path / "x.txt").write_text(text)
    said = r"x\.txt: found a text on each line and no label; expected a file for each class \(pos\.txt neg\.txt\), or"
    with pytest.raises(DataError, match=said):
        read(tmp_path / "x.txt", need_target=True)
    assert execute(["new", "text", str(tmp_path / "x.txt")]) != 0
    assert re.search(said, capsys.readouterr().err.replace("\n", " "))


@pytest.mark.parametrize(
    ("text", "columns", "inputs"),
    [
        ("text\na, b\nc, d\n", {}, None),  # a header of one column, then rows of two
        ("text,label\nab,x\n", {}, ["ab"]),
        ("id,review\n1,ab\n", {"trained": Columns(input="review")}, ["ab"]),
        ("1,ab\n2,cd\n", {"names": ("id", "text")}, ["ab", "cd"]),
        ("1\tab\n", {}, None),  # tabs make columns, which must have names
    ],
)
def test_a_text_file_with_columns_stays_a_table(tmp_path, text, columns, inputs):
    (tmp_path / "x.txt").write_text(text)
    if inputs is None:
        with pytest.raises(DataError, match=r"x\.txt:"):
            read(tmp_path / "x.txt", **columns)
    else:
        assert read(tmp_path / "x.txt", **columns).inputs == inputs


def test_an_array_of_objects_is_read_as_lines_are(tmp_path):
    (tmp_path / "x.json").write_text('[\n {"sequence": "ACD", "label": 1},\n {"sequence": "EFG", "label": null}]')
    found = read(tmp_path / "x.json")
    assert (found.ids, found.inputs, found.labels) == (["1", "2"], ["ACD", "EFG"], {"label": ["1", ""]})
    for text, said in (('{"a": {\n', "found no JSON object"), ("[1]", "no object: 1"), ("[{]", "found no JSON")):
        (tmp_path / "x.json").write_text(text)
        with pytest.raises(DataError, match=said):
            read(tmp_path / "x.json")

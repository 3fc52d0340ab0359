import gzip
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_wine

from xmr.data.columns import Columns
from xmr.data.public.catalog import DATASETS, dataset
from xmr.data.public.download import download
from xmr.data.public.uci import plain_rows
from xmr.data.readers.delimited import _quote
from xmr.data.readers.read import read_all, stream
from xmr.data.readers.tables import SEPARATOR, from_bunch, from_frame
from xmr.data.records import Skipped
from xmr.encoders.table import TableEncoder
from xmr.errors import DataError


def read(path, *target, **more):
    return read_all(path, Columns(target=target, reads="table", **more), "fail", Skipped())


def cells(records):
    return [text.split(SEPARATOR) for text in records.inputs]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("comma.csv", "age,job,label\n31,clerk,yes\n40,?,no\n"),
        ("semicolon.csv", "age;job;label\n31;clerk;yes\n40;?;no\n"),
        ("tabs.tsv", "age\tjob\tlabel\n31\tclerk\tyes\n40\t?\tno\n"),
        ("blanks.data", "age job label\n31 clerk yes\n40 ? no\n"),
        ("bars.txt", "age|job|label\n31|clerk|yes\n40|?|no\n"),
        ("quoted.csv", '"age","job","label"\n"31","clerk","yes"\n"40","?","no"\n'),
        ("single.csv", "'age','job','label'\n'31','clerk','yes'\n'40','?','no'\n"),
        ("spaced.csv", "age, job, label\n31, clerk, yes\n\n40, ?, no\n"),
        ("remarks.csv", "|a remark\nage,job,label\n31,clerk,yes\n40,?,no\n"),
    ],
)
def test_every_shape_of_delimited_text_reads_alike(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    records = read(tmp_path / name)
    assert records.columns == ("age", "job")
    assert cells(records) == [["31", "clerk"], ["40", "?"]]
    assert records.labels == {"label": ["yes", "no"]}
    with gzip.open(tmp_path / f"{name}.gz", "wt") as handle:
        handle.write(text)
    assert read(tmp_path / f"{name}.gz").inputs == records.inputs


def test_no_header_makes_names_and_asks_for_the_label(tmp_path):
    path = tmp_path / "plain.csv"
    path.write_text("31,clerk,yes\n40,smith,no\n")
    with pytest.raises(DataError, match=r"data.target \(the last column is 'column_3'\)"):
        read(path)
    records = read(path, "column_3")
    assert records.columns == ("column_1", "column_2")
    assert records.line == [1, 2]


def test_all_categories_without_a_header_are_no_header(tmp_path):
    path = tmp_path / "words.csv"
    path.write_text("red,round,yes\nblue,round,no\nred,long,yes\n")
    assert len(read(path, "column_3")) == 3
    path.write_text("color,shape,label\nblue,round,no\nred,long,yes\n")
    assert len(read(path)) == 2
    path.write_text("red,round,yes\nblue,long,no\n")  # nothing repeats: it looks like a header, so it can be said
    assert len(read(path, "column_3", header=False)) == 2


def test_yes_and_no_are_no_header(tmp_path):
    path = tmp_path / "votes.data"
    path.write_text("democrat,y,n,?\nrepublican,n,y,y\ndemocrat,y,n,y\n")
    records = read(path, "column_1")
    assert len(records) == 3
    assert cells(records)[0] == ["y", "n", "?"]


def test_a_file_without_a_header_takes_the_names_of_training(tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("31,clerk\n40,smith\n")
    known = {"names": ("age", "job", "label"), "features": ("age", "job"), "need_target": False}
    assert read(path, "label", **known).columns == ("age", "job")
    path.write_text("31,clerk,yes\n40,smith,no\n")
    assert read(path, "label", **known).labels == {"label": ["yes", "no"]}
    path.write_text("job,age,more\nclerk,31,1\n")
    assert read(path, "label", **known).columns == ("job", "age", "more")
    path.write_text("31,clerk,yes,1\n")
    with pytest.raises(DataError, match=r"4 columns without a header; expected 3: age, job, label"):
        read(path, "label", **known)


def test_label_in_the_middle_trailing_dots_ids_and_parts(tmp_path):
    path = tmp_path / "adult.csv"
    path.write_text("id,label,age,set\na,<=50K.,31,train\nb,>50K.,40,test\n")
    records = read(path)
    assert records.labels == {"label": ["<=50K", ">50K"]}
    assert records.columns == ("age",)
    assert records.ids == ["a", "b"]
    assert records.role == ["train", "test"]
    path.write_text("label,age\n1.,31\n2.,40\n")
    assert read(path).labels == {"label": ["1.", "2."]}  # a number keeps its dot


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("age,label\n31,yes\n40\n", r"t.csv:3: found 1 fields; expected 2"),
        ("age,age,label\n31,1,yes\n", r"t.csv:1: found column 'age' twice"),
        ('age,label\n"31,yes\n', r"t.csv:\d: found .*; expected well-formed quoting"),
        (
            "age,job\n31,yes\n",
            r"t.csv:1: found columns age, job; expected a column named target .*, or its name in data.target",
        ),
        ("label\nyes\n", r"expected at least one besides the label"),
        ("|only remarks\n", r"t.csv:1: found an empty file"),
    ],
)
def test_broken_tables_are_named_by_line(tmp_path, text, message):
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read(path)


def test_a_cell_that_goes_on_behind_the_first_lines_is_read(tmp_path):
    path = tmp_path / "long.csv"
    said = "\n".join(f"line {i}" for i in range(300))
    path.write_text(f'said,label\n"short",yes\n"{said}",no\n"%odd",yes\n"|bar",no\n')
    records = read(path)
    assert records.labels == {"label": ["yes", "no", "yes", "no"]}, "no row is taken for a remark"
    assert records.line == [2, 3, 303, 304]


def test_a_frame_with_a_column_twice():
    with pytest.raises(DataError, match="column 'a' twice"):
        from_frame(pd.DataFrame([[1, 2, "x"]], columns=["a", "a", "label"]), "label")


def test_nearest_label_name(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("age,income\n31,yes\n")
    with pytest.raises(DataError, match="did you mean income"):
        read(path, "incom")


def test_parquet_arff_frames_and_bunches_say_the_same(tmp_path):
    frame = pd.DataFrame({"age": [31, 40, None], "job": ["clerk", None, "smith"], "label": ["yes", "no", "yes"]})
    wanted = [["31", "clerk"], ["40", ""], ["", "smith"]]
    records = from_frame(frame, "label")
    assert cells(records) == wanted
    assert records.labels == {"label": ["yes", "no", "yes"]}
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    frame.to_parquet(tmp_path / "t.parquet")
    assert cells(read(tmp_path / "t.parquet")) == wanted
    (tmp_path / "t.arff").write_text(
        "@relation t\n@attribute age numeric\n@attribute job {clerk,smith}\n@attribute label {yes,no}\n@data\n"
        "31,clerk,yes\n40,?,no\n?,smith,yes\n"
    )
    assert cells(read(tmp_path / "t.arff")) == [["31", "clerk"], ["40", "?"], ["", "smith"]]
    (tmp_path / "s.arff").write_text("@relation t\n@attribute words relational\n@data\n'a b'\n")
    with pytest.raises(DataError, match=r"s\.arff:2: words: found the type 'relational'"):
        read(tmp_path / "s.arff")
    wine = from_bunch(load_wine())
    assert len(wine) == 178
    assert wine.columns[0] == "alcohol"
    assert set(wine.labels["target"]) == {"class_0", "class_1", "class_2"}
    assert float(cells(wine)[0][0]) == load_wine().data[0, 0]
    assert from_bunch(load_diabetes()).labels["target"][0] == "151"


def test_polars_frames():
    polars = pytest.importorskip("polars", reason="polars is not installed")
    frame = polars.DataFrame({"age": [31, None], "job": ["clerk", "smith"], "label": ["yes", "no"]})
    assert cells(from_frame(frame, "label")) == [["31", "clerk"], ["", "smith"]]


def test_named_tables_read_right_without_hand_edits(shared_data):
    sizes = {"adult": (48842, 14), "german": (1000, 20), "horse_colic": (300, 27), "breast_cancer": (286, 9)}
    for name, (rows, columns) in sizes.items():
        known = DATASETS[name].columns
        parts = [DATASETS[name].main, *([known["test"]] if "test" in known else [])]
        found = [read(shared_data / part, known["target"], names=known["names"]) for part in parts]
        assert sum(map(len, found)) == rows
        assert all(len(records.columns) == columns for records in found)
        assert len({label for records in found for label in records.labels[known["target"]]}) == 2


def test_splice_is_read_without_a_header(shared_data):
    chosen = dataset("splice")
    columns = Columns(names=tuple(chosen.columns["names"]))
    records = read_all(shared_data / chosen.main, columns, "fail", Skipped())
    assert len(records) == 3190
    assert set(map(len, records.inputs)) == {60}
    assert set(records.labels["label"]) == {"EI", "IE", "N"}


def test_what_is_fetched_becomes_the_checked_rows(tmp_path, monkeypatch, shared_data):
    monkeypatch.delenv("XMR_DATA")
    real = (shared_data / "tabular/german.csv").read_bytes()

    def fetcher(content):
        def fetch(address, folder):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "german.data").write_bytes(content)
            return folder / "german.data"

        return fetch

    with pytest.raises(DataError, match="row 1 has 3 cells, not 21"):
        download(dataset("german"), tmp_path, fetcher(b"1 2 3\n"))
    with pytest.raises(DataError, match="found sha256"):
        download(dataset("german"), tmp_path, fetcher(b" ".join([b"1"] * 21)))
    paths = download(dataset("german"), tmp_path, fetcher(real.replace(b",", b" ")))  # as UCI writes it
    assert paths[0].read_bytes() == plain_rows(real, 21)


def test_plain_rows():
    assert plain_rows(b"|remark\n'a', b ,c\n\n", 3, label_first=True) == b"b,c,a\n"
    assert plain_rows(b"a  b\tc\n", 3) == b"a,b,c\n"


def test_a_hundred_thousand_rows_are_read_in_chunks(tmp_path):
    path = tmp_path / "many.csv"
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 100, (100_000, 3))
    with path.open("w") as handle:
        handle.write("a,b,label\n")
        np.savetxt(handle, rows, fmt="%d", delimiter=",")
    parts = list(stream(path, Columns(reads="table"), 4096))
    assert max(map(len, parts)) == 4096
    assert sum(map(len, parts)) == 100_000
    assert parts[-1].line[-1] == 100_001


def test_a_cell_with_the_separator_itself_is_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b,label\nu,v,1\n" + "w,x\x1f5,2\n" * 3)
    with pytest.raises(DataError, match=r"t\.csv:3: b: found the control character 0x1f; expected text without it"):
        read(path)
    frame = pd.DataFrame({"a": ["u\x1fv"], "label": ["yes"]})
    with pytest.raises(DataError, match=r"<frame>:1: a: found the control character 0x1f"):
        from_frame(frame, "label")


def test_an_infinite_number_of_a_frame_is_no_gap():
    records = from_frame(pd.DataFrame({"a": [1.0, np.inf, np.nan, 2.5], "label": list("xyxy")}), "label")
    assert records.inputs == ["1", "inf", "", "2.5"]
    assert "found 'inf' in column 'a'" in TableEncoder(columns={"a": "number"}).check(records)[1]


def test_bytes_of_a_frame_that_are_no_text():
    with pytest.raises(DataError, match=r"<frame>: found bytes that are not text"):
        from_frame(pd.DataFrame({"a": [b"\xff"], "label": ["yes"]}), "label")


@pytest.mark.parametrize("delimiter", ["\t", "|", ","])
def test_long_runs_of_blanks_take_linear_time(delimiter):
    lines = ["a" + mark * 300_000 + "b" for mark in ("\t", " ", ",")]
    started = time.process_time()
    assert _quote(lines, delimiter) == '"'
    assert time.process_time() - started < 2
    assert _quote([f"a{delimiter} 'b c' {delimiter}d"], delimiter) == "'"
    assert _quote([f"'a'{delimiter}'b'\n", f"it's{delimiter}'tis\n"], delimiter) == '"', "an apostrophe before a word"
    assert _quote(["it's a b's"], delimiter) == '"'

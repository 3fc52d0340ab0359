"""Every format of rows and columns serves every modality that has columns, with the same result."""

import builtins
import csv
import gzip
import io
import json
import zipfile

import numpy as np
import pytest

from xmr.data.columns import Columns
from xmr.data.readers.read import read_all
from xmr.data.readers.tables import SEPARATOR
from xmr.data.readers.time_series import read_time_table
from xmr.data.records import Records, Skipped
from xmr.errors import DataError, MissingExtraError

ROWS = {
    "sequences": [["id", "sequence", "label"], ["p", "ACD", "x"], ["q", "EFG", "y"]],
    "table": [["age", "town", "label"], ["31", "Oslo", "x"], ["40.5", "", "y"]],
    "series": [["t0", "t1", "label"], ["1", "2.5", "x"], ["3", "", "y"]],
    "time": [["date", "a", "b"], ["2020-01-01", "1", "2.5"], ["2020-01-02", "", "4"]],
}
MODALITIES = list(ROWS)


def delimited(mark: str, rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    if mark == ";":
        rows = [[cell.replace(".", ",") for cell in row] for row in rows]
    csv.writer(text, delimiter=mark).writerows(rows)
    return text.getvalue().encode()


def number(cell: str) -> float | str | None:
    try:
        return float(cell) if cell else None
    except ValueError:
        return cell


def excel(rows: list[list[str]]) -> bytes:
    openpyxl = pytest.importorskip("openpyxl", reason="openpyxl is not installed")
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append([number(cell) for cell in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def parquet(rows: list[list[str]]) -> bytes:
    arrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    import pyarrow.parquet

    columns = {name: [number(row[at]) for row in rows[1:]] for at, name in enumerate(rows[0])}
    out = io.BytesIO()
    pyarrow.parquet.write_table(arrow.table(columns), out)
    return out.getvalue()


def json_lines(rows: list[list[str]]) -> bytes:
    objects = ({name: None if cell == "" else number(cell) for name, cell in zip(rows[0], row)} for row in rows[1:])
    return "".join(json.dumps(each) + "\n" for each in objects).encode()


FORMATS = {
    "x.csv": lambda rows: delimited(",", rows),
    "x.tsv": lambda rows: delimited("\t", rows),
    "semicolons.csv": lambda rows: delimited(";", rows),
    "bars.txt": lambda rows: delimited("|", rows),
    "x.csv.gz": lambda rows: gzip.compress(delimited(",", rows), mtime=0),
    "x.jsonl": json_lines,
    "x.parquet": parquet,
    "x.xlsx": excel,
}


def read(path, modality):
    if modality == "time":
        return read_time_table(path, Columns())
    return read_all(path, Columns(reads=modality), "fail", Skipped())


@pytest.mark.parametrize("modality", MODALITIES)
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_serves_every_modality(tmp_path, name, modality):
    (tmp_path / name).write_bytes(FORMATS[name](ROWS[modality]))
    found = read(tmp_path / name, modality)
    if modality == "time":
        assert (found.names, found.times) == (("a", "b"), ["2020-01-01", "2020-01-02"])
        np.testing.assert_array_equal(found.values, np.array([[1, 2.5], [np.nan, 4]], np.float32))
        return
    assert isinstance(found, Records)
    assert found.labels == {"label": ["x", "y"]}
    if modality == "series":
        np.testing.assert_array_equal(found.arrays[:, 0], np.array([[1, 2.5], [3, np.nan]], np.float32))
    else:
        cells = [row[:2] if modality == "table" else [row[1]] for row in ROWS[modality][1:]]
        assert found.inputs == [SEPARATOR.join(row) for row in cells]


@pytest.mark.parametrize("modality", MODALITIES)
@pytest.mark.parametrize("name", FORMATS)
def test_a_column_twice_is_refused_everywhere(tmp_path, name, modality):
    if name.endswith((".parquet", ".jsonl")):
        return  # cannot be written from a mapping
    rows = [[*row, row[-1]] for row in ROWS[modality]]
    (tmp_path / name).write_bytes(FORMATS[name](rows))
    with pytest.raises(DataError, match=rf"{name}:1: found column '{rows[0][-1]}' twice; expected each column name"):
        read(tmp_path / name, modality)


def test_a_sheet_may_begin_anywhere_and_hold_dates(tmp_path):
    openpyxl = pytest.importorskip("openpyxl", reason="openpyxl is not installed")
    from datetime import datetime

    book = openpyxl.Workbook()
    for at, row in enumerate([["date", "a"], [datetime(2020, 1, 31), 1], [datetime(2020, 2, 1), 2.5]], start=3):
        for column, value in enumerate(row, start=2):
            book.active.cell(at if at < 5 else 7, column, value)
    book.active.cell(1, 9).font = openpyxl.styles.Font(bold=True)  # formatted, but empty
    book.save(tmp_path / "x.xlsx")
    table = read_time_table(tmp_path / "x.xlsx", Columns())
    assert (table.times, table.lines) == (["2020-01-31", "2020-02-01"], [4, 7])
    assert table.values.tolist() == [[1], [2.5]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            b"not a workbook",
            r"x\.xlsx: found a workbook that cannot be read \(File is not a zip file\); expected a whole",
        ),
        (b"", r"x\.xlsx: found an empty file"),
    ],
)
def test_what_is_no_workbook(tmp_path, content, said):
    pytest.importorskip("openpyxl", reason="openpyxl is not installed")
    (tmp_path / "x.xlsx").write_bytes(content)
    with pytest.raises(DataError, match=said):
        read(tmp_path / "x.xlsx", "sequences")


def test_a_workbook_that_unpacks_to_far_more_than_it_is(tmp_path, monkeypatch):
    pytest.importorskip("openpyxl", reason="openpyxl is not installed")
    monkeypatch.setattr("xmr.core.arrays.LARGEST_UNPACKED", 1000)
    with zipfile.ZipFile(tmp_path / "x.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", bytes(1 << 20))
    with pytest.raises(
        DataError, match=r"found sheets of 1,048,576 bytes in an archive of [\d,]+; expected a workbook"
    ):
        read(tmp_path / "x.xlsx", "table")


def test_rows_beyond_what_excel_has(tmp_path):
    path = tmp_path / "x.xlsx"
    path.write_bytes(excel([["sequence", "label"], ["ACD", "1"]]))
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    members[sheet] = members[sheet].replace(b'row r="2"', b'row r="99999999999"').replace(b'"A2"', b'"A99999999999"')
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(DataError, match=r"found more than 1,048,576 rows"):
        read(path, "sequences")


def test_without_openpyxl_the_pip_line_is_named(tmp_path, monkeypatch):
    (tmp_path / "x.xlsx").write_bytes(b"PK")
    real = builtins.__import__

    def without(name, *rest):
        if name.split(".")[0] == "openpyxl":
            raise ModuleNotFoundError("No module named 'openpyxl'", name="openpyxl")
        return real(name, *rest)

    monkeypatch.setattr("importlib.import_module", without)
    with pytest.raises(MissingExtraError, match=r"reading Excel files needs .*openpyxl.*pip install 'xmr\[excel\]'"):
        read(tmp_path / "x.xlsx", "table")


def test_remarks_above_a_table_are_passed_over(tmp_path):
    (tmp_path / "x.csv").write_text("# plate reader, A, B\n# May\nwidth,label\n1,a\n2,b\n")
    assert read(tmp_path / "x.csv", "table").columns == ("width",)
    (tmp_path / "x.tsv").write_text("## a remark\n#chrom\tstart\tlabel\n1\t5\ta\n2\t6\tb\n")
    assert read(tmp_path / "x.tsv", "table").columns == ("#chrom", "start")


def test_amounts_between_semicolons(tmp_path):
    (tmp_path / "x.csv").write_text("price;rate;label\n1.234,50 €;12,5%;a\n950,00 €;8,0%;b\n")
    assert read(tmp_path / "x.csv", "table").inputs[0].split("\x1f") == ["1234.50 €", "12.5%"]

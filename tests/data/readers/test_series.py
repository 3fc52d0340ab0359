"""Every format of series gives the same records; what is broken is named with its line."""

import gzip
from dataclasses import replace

import numpy as np
import pytest

from xmr.data.columns import Columns
from xmr.data.public.catalog import dataset
from xmr.data.readers.read import read_all
from xmr.data.records import Skipped
from xmr.encoders.series import SeriesEncoder
from xmr.errors import DataError
from xmr.tasks.base import task_class

VALUES = np.array([[1, 2, 3, 4], [5, 6, 7, 8], [0, -1, -2, -3]], dtype=np.float32)
LABELS = ["a", "b", "a"]


def read(path, **columns):
    return read_all(path, Columns(reads="series", **columns), "fail", Skipped())


def same(records, values=VALUES, labels=LABELS):
    np.testing.assert_allclose(records.arrays, values[:, None] if values.ndim == 2 else values)
    assert next(iter(records.labels.values())) == labels


def test_wide_csv_with_a_header(tmp_path):
    path = tmp_path / "x.csv"
    rows = [f"{i},{','.join(map(str, row))},{label}" for i, (row, label) in enumerate(zip(VALUES, LABELS))]
    path.write_text("id,t0,t1,t2,t3,label\n" + "\n".join(rows) + "\n")
    made = read(path)
    same(made)
    assert made.ids == ["0", "1", "2"]
    assert made.line == [2, 3, 4]


def test_long_csv_sorts_by_time_and_takes_every_channel(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("id,time,x,y,label\na,2,3,30,up\na,1,1,10,up\nb,1,5,50,down\nb,2,6,,down\na,3,4,40,up\n")
    made = read(path)
    np.testing.assert_allclose(made.arrays[0], [[1, 3, 4], [10, 30, 40]])
    np.testing.assert_allclose(made.arrays[1], [[5, 6, np.nan], [50, np.nan, np.nan]])
    assert made.labels["label"] == ["up", "down"]


def test_long_csv_sorts_by_dates_as_they_are_written(tmp_path):
    path = tmp_path / "long.csv"
    path.write_text("id,time,x,label\na,1/2/2021,3,up\na,12/31/2020,1,up\nb,1/1/2021,5,down\nb,1/3/2021,6,down\n")
    assert read(path).arrays[:, 0].tolist() == [[1, 3], [5, 6]]
    path.write_text("id,time,x,label\na,1/2/2021,3,up\na,2/1/2020,1,up\n")
    with pytest.raises(DataError, match=r"long\.csv:2: time: found '1/2/2021'; expected numbers, or dates all written"):
        read(path)
    path.write_text("id,time,x,label\na,2021-01-02,3,up\na,soon,1,up\n")
    with pytest.raises(DataError, match=r"long\.csv:3: time: found 'soon'; expected numbers, or dates all written"):
        read(path)


@pytest.mark.parametrize("spec", ["wide", "long"])
def test_several_labels_are_no_values(tmp_path, spec):
    path = tmp_path / "x.csv"
    wide = "id,t0,t1,hot,wet\na,3,4,1,0\nb,5,6,0,1\n"
    long = "id,time,x,hot,wet\na,1,3,1,0\na,2,4,1,0\nb,1,5,0,1\nb,2,6,0,1\n"
    path.write_text(wide if spec == "wide" else long)
    for need in (True, False):
        made = read(path, target=("hot", "wet"), need_target=need)
        np.testing.assert_allclose(made.arrays, [[[3, 4]], [[5, 6]]])
        assert made.labels == {"hot": ["1", "0"], "wet": ["0", "1"]}
    path.write_text("".join(line.rpartition(",")[0] + "\n" for line in path.read_text().splitlines()))
    made = read(path, target=("hot", "wet"), need_target=False)
    assert (made.arrays.shape, list(made.labels)) == ((2, 1, 2), ["hot"])
    with pytest.raises(DataError, match="expected a column 'wet'"):
        read(path, target=("hot", "wet"))


@pytest.mark.parametrize("spec", ["wide", "long"])
def test_who_a_series_comes_from_is_no_value(tmp_path, spec):
    path = tmp_path / "x.csv"
    wide = "id,t0,t1,patient,label\na,3,4,7,up\nb,5,6,8,down\n"
    long = "id,time,x,patient,label\na,1,3,7,up\na,2,4,7,up\nb,1,5,8,down\nb,2,6,8,down\n"
    path.write_text(wide if spec == "wide" else long)
    made = read(path, group="patient")
    np.testing.assert_allclose(made.arrays, [[[3, 4]], [[5, 6]]])
    assert made.group == ["7", "8"]


def test_several_labels_of_a_file_that_holds_one(tmp_path):
    np.savez(tmp_path / "x.npz", series=VALUES, labels=LABELS)
    with pytest.raises(DataError, match=r"x\.npz: found one label per record; expected columns named hot, wet"):
        read(tmp_path / "x.npz", target=("hot", "wet"))


def test_ucr_text_needs_no_header(tmp_path):
    path = tmp_path / "Toy_TRAIN.tsv.gz"
    with gzip.open(path, "wt") as handle:
        for label, row in zip((1, 2, 1), VALUES):
            handle.write("\t".join(map(str, [float(label), *row])) + "\n")
    made = read(path)
    same(made, labels=["1", "2", "1"])
    assert set(made.role) == {"train"}


def test_a_folder_of_train_and_test(tmp_path):
    for part, rows in (("TRAIN", VALUES[:2]), ("TEST", VALUES[2:])):
        text = "\n".join(",".join(map(str, [i, *row])) for i, row in enumerate(rows))
        (tmp_path / f"Toy_{part}.txt").write_text(text)
    made = read(tmp_path)
    assert made.role == ["train", "train", "test"]
    np.testing.assert_allclose(made.arrays[:, 0], VALUES)


def test_numpy_parquet_and_ts(tmp_path):
    np.savez(tmp_path / "x.npz", series=VALUES, labels=np.array(LABELS))
    same(read(tmp_path / "x.npz"))
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = {f"t{i}": VALUES[:, i] for i in range(4)} | {"label": LABELS}
    parquet.write_table(pyarrow.table(columns), tmp_path / "x.parquet")
    same(read(tmp_path / "x.parquet"))
    pytest.importorskip("aeon")
    head = "@problemName toy\n@timeStamps false\n@missing false\n@univariate true\n@equalLength true\n@seriesLength 4\n"
    rows = "\n".join(",".join(map(str, row)) + f":{label}" for row, label in zip(VALUES, LABELS))
    (tmp_path / "x.ts").write_text(head + "@classLabel true a b\n@data\n" + rows + "\n")
    same(read(tmp_path / "x.ts"))


def test_missing_values_of_every_spelling(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("t0,t1,t2,label\n1,?,3,a\n1,,3,b\n1,NA,3,a\n1,nan,3,b\n")
    made = read(path)
    assert np.isnan(made.arrays[:, 0, 1]).all()
    np.testing.assert_allclose(made.arrays[:, 0, [0, 2]], [[1, 3]] * 4)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("t0,t1,label\n1,2,a\n1,x,b\n", r"x\.csv:3: t1: found 'x'; expected a number"),
        ("t0,t1,label\n1,2,a\n1,b\n", r"x\.csv:3: found 2 fields; expected 3"),
        ("t0,t1,kind\n1,2,a\n", r"columns t0, t1, kind.*label"),
        ('t0,t1,label\n1,"2,a\n', r"x\.csv"),
        ("id,time,x,label\na,1,2,u\na,2,y,u\n", r"x\.csv:3: x: found 'y'; expected a number"),
        ("", "an empty file"),
    ],
)
def test_what_is_broken_is_named(tmp_path, text, said):
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=said):
        read(path)


def test_files_that_are_no_series(tmp_path):
    (tmp_path / "x.pdf").write_text("hello")
    with pytest.raises(DataError, match=r"'\.pdf'.*\.ts"):
        read(tmp_path / "x.pdf")
    (tmp_path / "y.npz").write_text("hello")
    with pytest.raises(DataError, match=r"y\.npz"):
        read(tmp_path / "y.npz")
    (tmp_path / "z.ts").write_text("hello")
    with pytest.raises(DataError, match=r"z\.ts"):
        read(tmp_path / "z.ts")
    with pytest.raises(DataError, match=r"x\.pdf"):
        read(tmp_path / "x.pdx")


def test_the_archive_by_name(shared_data):
    pytest.importorskip("aeon")
    gunpoint = dataset("ucr/GunPoint").records()
    assert gunpoint.arrays.shape == (200, 1, 150)
    assert gunpoint.role.count("train") == 50
    vowels = dataset("ucr/JapaneseVowels").records()
    assert vowels.arrays.shape[1:] == (12, 29)
    assert np.isnan(vowels.arrays).any()  # of unequal length
    coffee = read(shared_data / "timeseries" / "Coffee")
    assert coffee.arrays.shape == (56, 1, 286)
    wine = read(shared_data / "timeseries" / "Wine")
    assert wine.role.count("train") == 57
    with pytest.raises(DataError, match="GunPoint"):
        dataset("ucr/GunPont!")


LONG = "id,time,x,label\np,1,1,a\np,2,2,a\nq,1,3,b\n"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("p,2,9,a", r"x\.csv:5: found time '2' of 'p' again \(first on line 3\); expected each time of a series once"),
        ("p,2.0,9,a", r"x\.csv:5: found time '2\.0' of 'p' again \(first on line 3\)"),
        ("q,,4,b", r"x\.csv:5: time: found ''; expected numbers, or dates"),
        ("q,nan,4,b", r"x\.csv:5: time: found 'nan'; expected numbers"),
        ("q,NaT,4,b", r"x\.csv:5: time: found 'NaT'; expected numbers"),
        ("q,inf,4,b", r"x\.csv:5: time: found 'inf'; expected numbers"),
        ("q,1_0,4,b", r"x\.csv:5: time: found '1_0'; expected numbers"),
        ("q,2,4_0,b", r"x\.csv:5: x: found '4_0'; expected a number"),
        ("q,2,\u0664,b", r"x\.csv:5: x: found '\u0664'; expected a number"),
    ],
)
def test_long_rows_that_say_no_time_or_one_twice(tmp_path, row, said):
    path = tmp_path / "x.csv"
    path.write_text(LONG + row + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=said):
        read(path)


def test_dates_of_long_rows_are_dates_alone(tmp_path):
    path = tmp_path / "x.csv"
    head = "id,time,x,label\np,2020-01-01,1,a\n"
    path.write_text(head + "p,now,2,a\n")
    with pytest.raises(DataError, match=r"x\.csv:3: time: found 'now'"):
        read(path)
    path.write_text(head + "p,9999-01-01,2,a\np,,3,a\n")
    with pytest.raises(DataError, match=r"x\.csv:4: time: found ''"):
        read(path)
    path.write_text(head + "p,9999-01-01,3,a\np,2020-01-02,2,a\n")
    assert read(path).arrays.tolist() == [[[1, 2, 3]]]


def test_blanks_and_commas_do_not_both_part_fields(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("a,1,5,2\nb, 1, 5, 2\n")
    assert read(path, need_target=True).arrays.shape == (2, 1, 3)
    path.write_text("1 1.5 2\n1 1,5 2\n")
    with pytest.raises(DataError, match=r"x\.txt:2: field 1: found '1,5'; expected a number \(decimal commas: CSV"):
        read(path)


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("1", "1"), ("1.0", "1"), ("1.0000000e+00", "1"), ("-1.0", "-1"), ("01", "01"), ("1_0", "1_0"),
        ("1.5", "1.5"), ("inf", "inf"), ("nan", "nan"), ("1e400", "1e400"), ("\u0661.0", "\u0661.0"),
    ],
)  # fmt: skip
def test_only_whole_numbers_lose_their_point(tmp_path, label, said):
    path = tmp_path / "x_TRAIN.tsv"
    path.write_text(f"{label}\t1\t2\n", encoding="utf-8")
    assert read(path).labels == {"label": [said]}


def test_a_missing_label_is_no_class(tmp_path):
    path = tmp_path / "x_TRAIN.tsv"
    path.write_text("1\t1\t2\nnan\t2\t3\n")
    assert list(task_class("classification").check_labels(read(path))) == [1]


def test_gaps_are_those_of_tables(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("label,t0,t1,t2\na,1,n/a,3\nb,-,2,NULL\n")
    np.testing.assert_array_equal(read(path).arrays[:, 0], [[1, np.nan, 3], [np.nan, 2, np.nan]])


def test_rows_of_no_value_are_named(tmp_path):
    path = tmp_path / "x_TRAIN.tsv"
    path.write_text("1\n2\n")
    assert "found a series of 0 values" in SeriesEncoder().check(read(path))[0]


def test_a_column_twice_in_a_header(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("label,t0,t1,label\na,1,2,b\n")
    with pytest.raises(DataError, match=r"x\.csv:1: found column 'label' twice"):
        read(path)


TS = "@problemName x\n@timeStamps false\n@univariate true\n@equalLength true\n@classLabel true up down\n@data\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TS + "1,2,3:up\n1,2,4:dwn\n", r"x\.ts:8: found the label 'dwn'; expected one that @classLabel lists; did you"),
        (TS + "1,2,3:up\n1,2_0,4:down\n", r"x\.ts:8: found values that are not numbers; expected ASCII digits"),
        (TS.replace("false", "true") + "(0,1),(1,-2):up\n", r"x\.ts:2: found time stamps with the values"),
    ],
)
def test_what_a_ts_file_does_not_announce(tmp_path, text, said):
    pytest.importorskip("aeon")
    (tmp_path / "x.ts").write_text(text)
    with pytest.raises(DataError, match=said):
        read(tmp_path / "x.ts")
    (tmp_path / "x.ts").write_text(TS + "1,2,3:up\n1,2,4:down\n")
    assert read(tmp_path / "x.ts").labels == {"label": ["up", "down"]}


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ({"labels": np.array(1)}, r"3 series and labels of shape \(\); expected labels of shape \(3,\)"),
        ({"labels": np.zeros((3, 2))}, r"3 series and labels of shape \(3, 2\)"),
        ({"labels": LABELS, "set": ["train"] * 4}, r"3 series and sets of shape \(4,\)"),
        ({"labels": np.array([b"\xff"] * 3)}, r"labels that are not text \(invalid start byte\)"),
    ],
)
def test_arrays_beside_series_hold_one_value_for_each(tmp_path, held, said):
    np.savez(tmp_path / "x.npz", series=VALUES, **held)
    with pytest.raises(DataError, match=said):
        read(tmp_path / "x.npz")
    np.savez(tmp_path / "x.npz", series=VALUES, labels=np.array([b"a", b"b", b"a"]))
    same(read(tmp_path / "x.npz"))


def test_uneven_steps_are_said_and_resampled(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(
        "id,time,v,label\n" + "".join(f"s,{t},{v},1\n" for t, v in ((0, 0), (1, 2), (2, 4), (2.5, 5), (7.5, 9)))
    )
    columns = Columns(reads="series")
    records = read_all(path, columns, "fail", Skipped())
    assert records.arrays[0, 0].tolist() == [0, 2, 4, 5, 9]
    said = (
        "2 of 4 steps of time differ from the usual 1: rows count as evenly spaced (data.time_step: 1 resamples them)"
    )
    assert records.notes == (said,)
    records = read_all(path, replace(columns, time_step=1.0), "fail", Skipped())
    np.testing.assert_array_equal(records.arrays[0, 0], [0, 2, 4, *[np.nan] * 5])
    path.write_text(path.read_text().replace("7.5,9", "5.5,11"))
    records = read_all(path, replace(columns, time_step=1.0), "fail", Skipped())
    np.testing.assert_allclose(records.arrays[0, 0], [0, 2, 4, 6, 8, 10])
    with pytest.raises(DataError, match=r"data\.time_step: found 1e-09 over 5\.5"):
        read_all(path, replace(columns, time_step=1e-9), "fail", Skipped())


def test_steps_of_dates_are_seconds(tmp_path):
    path = tmp_path / "x.csv"
    moments = ("2020-01-01T00:00", "2020-01-01T01:00", "2020-01-01T03:00")
    path.write_text("id,time,v,label\n" + "".join(f"s,{moment},{v},1\n" for v, moment in enumerate(moments)))
    records = read_all(path, Columns(reads="series", time_step=3600), "fail", Skipped())
    np.testing.assert_allclose(records.arrays[0, 0], [0, 1, 1.5, 2])


@pytest.mark.parametrize("earlier", ["+02:00", "-04:00"])
def test_dates_of_several_offsets_are_sorted_by_their_instants(tmp_path, earlier):
    """Half past two before the clock goes back, and after it."""
    path, later = tmp_path / "x.csv", {"+02:00": "+01:00", "-04:00": "-05:00"}[earlier]
    rows = [("02:30" + later, 1), ("02:30" + earlier, 0), ("03:30" + later, 2)]
    path.write_text("id,time,v,label\n" + "".join(f"s,2020-10-25T{time},{v},1\n" for time, v in rows))
    records = read_all(path, Columns(reads="series"), "fail", Skipped())
    assert records.arrays[0, 0].tolist() == [0, 1, 2]
    listed = ", ".join(sorted((earlier, later)))
    assert records.notes == (f"times with several UTC offsets ({listed}) are in the order of their instants",)


def test_channels_of_an_archive_alone_are_passed_over(tmp_path):
    for name in ("Moves", "MovesDimension1"):
        for part in ("TRAIN", "TEST"):
            (tmp_path / f"{name}_{part}.tsv").write_text(f"1\t{len(name)}\t2\n2\t3\t4\n")
    records = read_all(tmp_path, Columns(reads="series"), "fail", Skipped())
    assert records.arrays[:, 0, 0].tolist() == [5, 3, 5, 3]
    assert records.notes[-1].startswith("read Moves_TEST.tsv and Moves_TRAIN.tsv, not the 2 other files")

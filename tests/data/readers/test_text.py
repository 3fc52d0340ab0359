"""Text that cannot be read is named by file and line, in every reader."""

import gzip

import pytest

from xmr.data.columns import Columns
from xmr.data.readers.read import read_all
from xmr.data.readers.time_series import read_time_table
from xmr.data.records import Skipped
from xmr.errors import DataError


def read(path, reads):
    if reads == "time":
        return read_time_table(path, Columns(skip=("label",)))
    return read_all(path, Columns(reads=reads), "fail", Skipped())


@pytest.mark.parametrize("reads", ["text", "table", "series", "time"])
@pytest.mark.parametrize("zipped", [False, True])
def test_the_line_that_is_no_text_is_named(tmp_path, reads, zipped):
    rows = b"".join(b"2020,%d,x\n" % n for n in range(3000))  # beyond the block a decoder reads at once
    content = b"date,sequence,label\n" + rows + b"2021,\xe9,y\n"
    path = tmp_path / ("x.csv.gz" if zipped else "x.csv")
    path.write_bytes(gzip.compress(content) if zipped else content)
    said = r"x\.csv(\.gz)?:3002: found bytes that are not text \(0xe9\); expected UTF-8 text \(a file in another encod"
    with pytest.raises(DataError, match=said):
        read(path, reads)


def test_a_folder_of_series_names_its_file(tmp_path):
    (tmp_path / "x_TRAIN.tsv").write_bytes(b"1\t2\t3\n1\t\xff\t3\n")
    with pytest.raises(DataError, match=r"x_TRAIN\.tsv:2: found bytes that are not text"):
        read_all(tmp_path, Columns(reads="series"), "fail", Skipped())


def test_a_time_table_in_a_gzip_file_cut_short(tmp_path):
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(b"date,a\n" + b"".join(b"%d,1\n" % n for n in range(500)))[:200])
    with pytest.raises(DataError, match=r"x\.csv\.gz: found a gzip file cut short"):
        read_time_table(path, Columns())


@pytest.mark.parametrize("name", [".", "x.npz"])
def test_sequences_come_from_files_of_records(tmp_path, name):
    (tmp_path / "x.npz").write_bytes(b"not asked")
    with pytest.raises(
        DataError, match=r"found a (folder without files of records|file ending in '\.npz'); expected .*\.fasta"
    ):
        read_all(tmp_path / name, Columns(reads="sequences", need_target=False), "fail", Skipped())

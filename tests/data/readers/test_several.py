"""Several files, folders and zip archives: what their names say, and what tells their records apart."""

import zipfile

import pytest

from xmr.data.columns import Columns
from xmr.data.readers.parts import parts_and_classes
from xmr.data.readers.read import read_all
from xmr.data.records import Skipped
from xmr.errors import DataError


def read(path, reads="sequences", **columns):
    return read_all(path, Columns(reads=reads, **columns), "fail", Skipped())


def fasta(folder, **files):
    """FASTA files of these names (`__`: a folder), two records in each."""
    for number, (name, label) in enumerate(files.items()):
        path = folder / f"{name.replace('__', '/')}.fasta"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f">a{label}\n{'ACDE' + 'K' * number}\n>b{label}\n{'DEFG' + 'K' * number}\n")
    return [folder / f"{name.replace('__', '/')}.fasta" for name in files]


@pytest.mark.parametrize(
    ("names", "parts", "classes"),
    [
        (["positive.fasta", "negative.fa.gz"], [], ["positive", "negative"]),
        (["train.fasta", "test.fasta"], ["train", "test"], []),
        (["train_pos.fa", "train_neg.fa", "test_pos.fa"], ["train", "train", "test"], ["pos", "neg", "pos"]),
        (["train/AMP.fasta", "test/non-AMP.fasta"], ["train", "test"], ["AMP", "non-AMP"]),
        (["AMP/1.fa", "AMP/2.fa", "other/1.fa"], [], ["AMP", "AMP", "other"]),
        (["train/AMP/1.fa", "test/AMP/1.fa", "test/other/1.fa"], ["train", "test", "test"], ["AMP", "AMP", "other"]),
        (["AMP_training.fa", "AMP.test.fa"], ["train", "test"], []),
        (["test.fa", "other.fa"], [], ["test", "other"]),
        (["trained.fa", "tested.fa"], [], ["trained", "tested"]),
        (["one.fa"], [], []),
    ],
)
def test_what_names_say(names, parts, classes):
    assert parts_and_classes(names) == (parts, classes)


def test_a_class_for_each_file(tmp_path):
    records = read(fasta(tmp_path, positive="", negative=""))
    assert records.labels == {"label": ["positive"] * 2 + ["negative"] * 2}
    assert records.ids == ["positive/a", "positive/b", "negative/a", "negative/b"]
    assert records.location(2) == f"{tmp_path / 'negative.fasta'}:1"


def test_a_folder_with_a_file_for_each_class_and_part(tmp_path):
    fasta(tmp_path, train__AMP="1", train__other="2", test__AMP="3", test__other="4")
    (tmp_path / "README.md").write_text("no data")
    records = read(tmp_path)
    assert records.role == ["test"] * 4 + ["train"] * 4
    assert records.labels["label"] == ["AMP", "AMP", "other", "other"] * 2
    assert records.ids == ["a3", "b3", "a4", "b4", "a1", "b1", "a2", "b2"]


def test_labels_in_the_files_are_kept(tmp_path):
    records = read(fasta(tmp_path, train=" TARGET=x", test=" label=y"))
    assert records.labels == {"TARGET": ["x", "x", "y", "y"]}
    assert records.role == ["train", "train", "test", "test"]
    (tmp_path / "one.csv").write_text("sequence,label\nACDE,1\n")
    (tmp_path / "two.csv").write_text("sequence,label\nCDEF,0\n")
    assert read([tmp_path / "one.csv", tmp_path / "two.csv"]).labels == {"label": ["1", "0"]}


def test_tables_of_two_parts(tmp_path):
    (tmp_path / "train.csv").write_text("x,y,label\n1,2,a\n3,4,b\n")
    (tmp_path / "test.csv").write_text("x,y,label\n5,6,a\n")
    records = read([tmp_path / "train.csv", tmp_path / "test.csv"], "table")
    assert (records.role, records.columns) == (["train", "train", "test"], ("x", "y"))
    (tmp_path / "test.csv").write_text("x,z,label\n5,6,a\n")
    with pytest.raises(DataError, match=r"test\.csv: found columns x, z, label; expected x, y, label as in train\.csv"):
        read([tmp_path / "train.csv", tmp_path / "test.csv"], "table")


def test_a_zip_archive_is_read_as_its_folder(tmp_path):
    fasta(tmp_path / "in", top__positive="1", top__negative="2")
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for path in (tmp_path / "in").rglob("*.fasta"):
            archive.write(path, path.relative_to(tmp_path / "in"))
        archive.writestr("../out.fasta", ">z\nACDE\n")
    records = read(tmp_path / "x.zip")
    assert sorted(records.labels["label"]) == ["negative", "negative", "positive", "positive"]
    assert records.location(0).endswith("x.zip/negative.fasta:1")
    assert not (tmp_path / "out.fasta").exists()
    (tmp_path / "broken.zip").write_bytes((tmp_path / "x.zip").read_bytes()[:80])
    with pytest.raises(DataError, match=r"broken\.zip: found an archive that cannot be read"):
        read(tmp_path / "broken.zip")


def test_an_empty_folder_and_a_list_of_folders(tmp_path):
    with pytest.raises(DataError, match=r"found a folder without files of records"):
        read(tmp_path)
    (tmp_path / "x.doc").write_text("x")
    with pytest.raises(DataError, match=r"found a folder without files of records; expected files ending in \.fasta"):
        read(tmp_path)
    with pytest.raises(DataError, match="found a folder in a list of paths"):
        read([tmp_path, tmp_path])
    with pytest.raises(DataError, match=r"x\.doc: found a file in a list of paths; expected folders alone"):
        read([tmp_path, tmp_path / "x.doc"], "images")


def test_several_folders_of_images(tmp_path):
    for name in ("a/cat/1.png", "b/dog/1.png", "train/cat/1.png", "test/dog/1.png", "more/cat/2.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    records = read([tmp_path / "a" / "cat", tmp_path / "b" / "dog"], "images")
    assert (records.ids, records.labels["label"]) == (["a/cat/1.png", "b/dog/1.png"], ["cat", "dog"])
    assert records.file == str(tmp_path)
    records = read([tmp_path / "train", tmp_path / "test"], "images")
    assert (records.labels["label"], records.role) == (["cat", "dog"], ["train", "test"])
    records = read([tmp_path / "a", tmp_path / "more", tmp_path / "b"], "images")  # folders of classes
    assert (records.labels["label"], records.role) == (["cat", "cat", "dog"], [])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty: found an empty folder; expected files"):
        read([tmp_path / "a", tmp_path / "empty"], "images")


def test_ids_with_blanks_are_told_apart_by_the_whole_header(tmp_path):
    (tmp_path / "x.fasta").write_text(">seq 1 label=1\nACDE\n>seq 2 label=0\nCDEF\n")
    records = read(tmp_path / "x.fasta")
    assert records.ids == ["seq 1 label=1", "seq 2 label=0"]
    assert records.labels == {"TARGET": ["1", "0"]}
    (tmp_path / "x.fasta").write_text(">seq activity=1.5\nACDE\n")
    assert read(tmp_path / "x.fasta", target=("activity",)).labels == {"activity": ["1.5"]}


def test_a_zip_archive_of_too_many_files_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("xmr.data.readers.several.MOST_FILES", 2)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for number in range(3):
            archive.writestr(f"{number}.fasta", ">a\nACDE\n")
    with pytest.raises(DataError, match="found 3 files; expected at most 2: unzip it, and name the folder"):
        read(tmp_path / "x.zip")

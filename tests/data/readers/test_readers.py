"""Readers, cleaning and targets."""

import gzip
import time

import numpy as np
import pytest
import torch

from xmr.data.clean import remove_duplicates
from xmr.data.columns import Columns
from xmr.data.public.catalog import DATASETS
from xmr.data.public.checksums import sha256
from xmr.data.public.dataset import package_file
from xmr.data.public.download import download
from xmr.data.public.proteins import read_modlamp
from xmr.data.readers.read import read_all, stream
from xmr.data.records import Records, Skipped
from xmr.data.settings import DataSettings
from xmr.encoders.protein import ProteinEncoder
from xmr.errors import DataError, MissingExtraError, require
from xmr.prepare import prepare
from xmr.tasks.base import IGNORE, restore_task, task_class

FASTA = """>a first protein TARGET=1.5 SET=train VALIDATION=False
ACD
EF

>b TARGET=2 SET=train VALIDATION=True
GG
>c SET=test TARGET=3
HH
"""


@pytest.mark.parametrize("zipped", [False, True])
def test_fasta_with_fields(tmp_path, zipped):
    path = tmp_path / ("x.fasta.gz" if zipped else "x.fasta")
    path.write_bytes(gzip.compress(FASTA.encode()) if zipped else FASTA.encode())
    records = read_all(path, Columns(), "fail", Skipped())
    assert records.ids == ["a", "b", "c"]
    assert records.inputs == ["ACDEF", "GG", "HH"]
    assert records.labels == {"TARGET": ["1.5", "2", "3"]}
    assert records.role == ["train", "validation", "test"]
    assert records.line == [1, 5, 7]


def _table(path, text):
    path.write_text(text)
    return read_all(path, Columns(), "fail", Skipped())


def test_csv_tsv_and_parquet_read_the_same(tmp_path):
    rows = [("id", "Sequence", "label", "set"), ("p1", "ACD", "x", "train"), ("p2", "EF\nG", "y", "test")]
    csv_text = "\n".join(",".join(f'"{cell}"' for cell in row) for row in rows)
    a = _table(tmp_path / "a.csv", "\ufeff" + csv_text)
    b = _table(tmp_path / "b.tsv", csv_text.replace('","', '"\t"'))
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(
        pa.table({name: [row[i] for row in rows[1:]] for i, name in enumerate(rows[0])}),
        tmp_path / "c.parquet",
    )
    c = read_all(tmp_path / "c.parquet", Columns(), "fail", Skipped())
    for records in (a, b, c):
        assert (records.ids, records.inputs, records.labels) == (
            ["p1", "p2"],
            ["ACD", "EF\nG"],
            {"label": ["x", "y"]},
        )
        assert records.role == ["train", "test"]
    assert a.line == [2, 3]


def test_streaming_keeps_order_and_lines(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("sequence,label\n" + "".join(f"A{'C' * (i % 3)},{i}\n" for i in range(10)))
    parts = list(stream(path, Columns(), 4))
    assert [len(part) for part in parts] == [4, 4, 2]
    assert Records.join(parts).line == list(range(2, 12))


def test_duplicates_and_contradictions():
    records = Records.of(["AC", "ac", "DE", "D-E", "FG", "AC"], {"label": ["1", "1", "0", "1", "1", "1"]})
    skipped = Skipped()
    cleaned = remove_duplicates(records, ProteinEncoder().canonical(records), skipped)
    assert cleaned.records.inputs == ["AC", "FG"]
    assert (cleaned.duplicates, cleaned.conflicting_labels) == (3, 1)
    assert len(skipped) == 4
    kept = remove_duplicates(records, ProteinEncoder().canonical(records), Skipped(), conflicting_labels="keep")
    assert kept.records.inputs == ["AC", "DE", "FG"]
    with pytest.raises(DataError, match="two labels"):
        remove_duplicates(records, ProteinEncoder().canonical(records), Skipped(), conflicting_labels="fail")


def test_a_duplicate_across_the_split_stays_in_test():
    records = Records.of(["AC", "AC", "DE"], {"label": ["1", "1", "0"]})
    records.role = ["train", "test", "train"]
    cleaned = remove_duplicates(records, records.inputs, Skipped())
    assert sorted(zip(cleaned.records.inputs, cleaned.records.role)) == [("AC", "test"), ("DE", "train")]


def test_amp_vs_uniprot_traps():
    """558 rows repeat an earlier sequence, and 22 sequences are in both classes."""
    dataset = DATASETS["amp_vs_uniprot"]
    assert sha256(package_file(dataset)) == dataset.files[dataset.main]
    records = read_modlamp(package_file(dataset))
    assert len(records) == 5200
    assert records.labels["label"][:1] == ["AMP"]
    cleaned = remove_duplicates(records, ProteinEncoder().canonical(records), Skipped())
    assert (cleaned.duplicates, cleaned.conflicting_labels) == (558, 22)
    assert len(cleaned.records) == 5200 - 558 - 22


def test_targets_by_hand():
    records = Records.of(["A", "C", "D"], {"y": ["1", "3", "5"]})
    targets = task_class("regression").fit(records)
    assert targets.mean == (3.0,)
    assert torch.allclose(targets.encode(records)[:, 0], torch.tensor([-1.2247, 0, 1.2247]), atol=1e-4)
    classes = task_class("classification").fit(Records.of(["A"] * 4, {"y": ["10", "9", "a", "B"]}))
    assert classes.names == ("9", "10", "B", "a")
    assert "nearest: B" in classes.check(Records.of(["A"], {"y": ["b"]}))[0]
    labels = task_class("multilabel").fit(Records.of(["A"], {"p": ["1"], "q": ["0"]}))
    got = labels.encode(Records.of(["A", "A"], {"p": ["1", ""], "q": ["false", "yes"]}))
    assert got[0].tolist() == [1, 0]
    assert bool(torch.isnan(got[1, 0]))
    residue = Records.of(["ACD", "E"], {"y": ["HCE", "H"]})
    residue.mask = ["101", ""]
    fitted = task_class("sequence_labeling").fit(residue)
    assert fitted.names == ("C", "E", "H")
    assert fitted.encode(residue).tolist() == [2, IGNORE, 1, 2]
    assert restore_task(fitted.state()) == fitted


def test_quantile_scale_by_hand_and_back():
    values = [str(v) for v in [0.0, 0.0, 0.0, 1.0, 2.0, 50.0]]
    targets = task_class("regression").fit(Records.of(["A"] * 6, {"y": values}), scale="quantile")
    scaled = targets.encode(Records.of(["A"] * 3, {"y": ["0", "1", "50"]}))[:, 0].numpy()
    assert scaled[0] < scaled[1] < scaled[2] < 3
    assert abs(targets.scaled(np.array([[0.5]]))[0, 0]) < 0.2  # the median becomes about zero
    inside = np.array([[0.3], [1.5], [20.0]])
    assert np.allclose(targets.own_units(targets.scaled(inside)), inside, atol=1e-6)
    assert targets.own_units(np.array([[9.0]]))[0, 0] > 50  # beyond the training range the line goes on
    assert restore_task(targets.state()) == targets


def test_labels_that_cannot_be_read():
    assert "no label" in task_class("classification").check_labels(Records.of(["A"], {"y": [""]}))[0]
    assert "no label" in task_class("regression").check_labels(Records.of(["A"], {"y": ["nan"]}))[0]
    assert "0 or 1" in task_class("multilabel").check_labels(Records.of(["A"], {"y": ["maybe"]}))[0]


def test_secondary_structure_joins_three_files(shared_data):
    settings = DataSettings(dataset="flip_secondary_structure", split={"by": "predefined", "n_labelled": 50})
    prepared = prepare(settings, "sequence_labeling", ProteinEncoder(), 0)
    test = prepared.subset("test")
    assert all(len(a) == len(b) for a, b in zip(test.inputs, test.labels["label"]))
    assert all(len(a) == len(b) for a, b in zip(test.inputs, test.mask))
    assert len(prepared.split.train) + len(prepared.split.validation) <= 50 + 2000


def test_gb1_fasta_and_csv_agree(shared_data):
    folder = shared_data / "protein" / "flip_gb1"
    parts = []
    for name in ("two_vs_rest.csv", "two_vs_rest.fasta"):
        settings = DataSettings(path=str(folder / name), split={"by": "predefined", "validation": 0})
        parts.append(prepare(settings, "regression", ProteinEncoder(), 0))
    for name in ("train", "validation", "test"):
        assert [p.inputs for p in (parts[0].subset(name),)] == [p.inputs for p in (parts[1].subset(name),)]
    assert len(parts[0].subset("test")) == 8309
    assert len(parts[0].subset("train")) == 381


def test_download_checks_what_came(tmp_path, monkeypatch, shared_data):
    dataset = DATASETS["gb1_two_vs_rest"]
    real = (shared_data / dataset.main).read_bytes()
    monkeypatch.delenv("XMR_DATA")
    monkeypatch.setenv("XMR_CACHE", str(tmp_path / "cache"))
    import zipfile

    def fetcher(content):
        def fetch(address, folder):
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / "splits.zip"
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("splits/two_vs_rest.csv", content)
            return path

        return fetch

    with pytest.raises(DataError, match="sha256"):
        download(dataset, tmp_path / "cache", fetcher(b"other"))
    assert not (tmp_path / "cache" / dataset.main).exists()
    paths = download(dataset, tmp_path / "cache", fetcher(real))
    assert paths == [tmp_path / "cache" / dataset.main]
    assert download(dataset, tmp_path / "cache", fetcher(b"not asked again")) == paths


def test_a_missing_extra_names_the_pip_line():
    with pytest.raises(MissingExtraError, match=r"pip install 'xmr\[protein\]'"):
        require("a_package_nobody_has", "protein", "reading FASTA")


def test_residue_order_of_windows():
    encoder = ProteinEncoder(max_length=4)
    encoder.configure(4)
    data = encoder.encode(Records.of(["ACDEFGHIKL", "AC"]))
    batch = data.batch(np.array([0, 1]))
    assert batch.windows is not None
    assert batch.windows.owner.tolist() == [0] * (len(batch.ids) - 1) + [1]


def test_long_headers_take_linear_time(tmp_path):
    """Twice the letters, twice the time: a pattern tried from every letter took minutes for one such header."""
    seconds = []
    for letters in (200_000, 400_000):
        path = tmp_path / f"{letters}.fasta"
        path.write_text(f">{'A' * letters}\nACD\n>{'A' * letters} TARGET=1\nACD\n")
        started = time.process_time()
        records = Records.join(list(stream(path, Columns())))
        seconds.append(time.process_time() - started)
        assert records.labels == {"TARGET": ["", "1"]}
        assert len(records.ids[0]) == letters
    assert max(seconds) < 2


def test_fields_of_headers_are_found_where_they_were(tmp_path):
    path = tmp_path / "x.fasta"
    path.write_text(">a|TARGET=x=y;SET=z set=train\nA\n>b (TARGET=1) OS=Homo OS=sapiens\nA\n")
    records = Records.join(list(stream(path, Columns())))
    assert records.labels == {"TARGET": ["x=y;SET=z", "1)"]}
    assert records.role == ["train", ""]
    path.write_text(">a TARGET=1\nA\n>b TARGET=1 target=2\nA\n")
    with pytest.raises(DataError, match=r"x\.fasta:3: found TARGET= twice in a header; expected each field once"):
        list(stream(path, Columns()))


def test_labels_with_tabs_and_nul_are_classes_of_their_own():
    records = Records.of(["A"] * 4, {"p": ["a\tb", "a", "c", "c\0"], "q": ["c", "b\tc", "", ""]})
    assert len(set(task_class("multilabel").strata(records))) == 4


def test_a_misspelt_validation_field_is_refused(tmp_path):
    path = tmp_path / "x.fasta"
    path.write_text(">a TARGET=1 SET=train VALIDATION=Ture\nACD\n")
    with pytest.raises(DataError, match=r"x\.fasta:1: record 'a': found the set 'VALIDATION=Ture'; expected train"):
        read_all(path, Columns(), "fail", Skipped())

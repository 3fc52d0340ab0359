"""Official archives, rebuilt in miniature, become what xmr reads; wrong checksums and paths are refused."""

import hashlib
import io
import tarfile
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Pillow
from scipy.io import savemat

from xmr.data.columns import Columns
from xmr.data.public.catalog import DATASETS
from xmr.data.public.download import download
from xmr.data.public.image_archives import unpack
from xmr.data.readers.read import read_all
from xmr.data.records import Skipped
from xmr.errors import DataError

COLUMNS = Columns("path", ("label",), None, "set")


def picture(kind="JPEG", value=9):
    out = io.BytesIO()
    Pillow.new("RGB", (5, 4), (value, 0, 0)).save(out, format=kind)
    return out.getvalue()


def tar(path, files):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def zipped(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def mat(path, **arrays):
    savemat(path, arrays)
    return path


def small(tmp_path):
    """name -> archives in the official layout, a few records each, and the labels and parts they must give."""
    jpg, ppm = picture(), picture("PPM")
    made = {
        "gtsrb": (
            {
                "GTSRB-Training_fixed.zip": zipped(tmp_path / "a.zip", {"GTSRB/Training/00007/0_1.ppm": ppm}),
                "GTSRB_Final_Test_Images.zip": zipped(tmp_path / "b.zip", {"GTSRB/Final_Test/Images/00000.ppm": ppm}),
                "GTSRB_Final_Test_GT.zip": zipped(
                    tmp_path / "c.zip",
                    {"GT-final_test.csv": b"Filename;Width;Height;ClassId\n00000.ppm;5;4;16\n"},
                ),
            },
            [("7", "train"), ("16", "test")],
        ),
        "eurosat": (
            {
                "EuroSAT.zip": zipped(
                    tmp_path / "d.zip", {"2750/Forest/Forest_1.jpg": jpg, "2750/River/River_1.jpg": jpg}
                )
            },
            [("Forest", ""), ("River", "")],
        ),
        "flowers102": (
            {
                "102flowers.tgz": tar(tmp_path / "e.tgz", {f"jpg/image_0000{i}.jpg": jpg for i in (1, 2, 3)}),
                "imagelabels.mat": mat(tmp_path / "l.mat", labels=np.array([5, 6, 5])),
                "setid.mat": mat(
                    tmp_path / "s.mat", trnid=np.array([[2]]), valid=np.array([[1, 1]]), tstid=np.array([[3, 3]])
                ),
            },
            None,
        ),
        "dtd": (
            {
                "dtd-r1.0.1.tar.gz": tar(
                    tmp_path / "f.tar.gz",
                    {
                        "dtd/images/banded/b_1.jpg": jpg,
                        "dtd/images/zigzagged/z_1.jpg": jpg,
                        "dtd/labels/train1.txt": b"banded/b_1.jpg\n",
                        "dtd/labels/val1.txt": b"",
                        "dtd/labels/test1.txt": b"zigzagged/z_1.jpg\n",
                    },
                )
            },
            [("banded", "train"), ("zigzagged", "test")],
        ),
        "food101": (
            {
                "food-101.tar.gz": tar(
                    tmp_path / "g.tar.gz",
                    {
                        "food-101/images/pizza/1.jpg": jpg,
                        "food-101/images/ramen/2.jpg": jpg,
                        "food-101/meta/train.txt": b"pizza/1\n",
                        "food-101/meta/test.txt": b"ramen/2\n",
                    },
                )
            },
            [("pizza", "train"), ("ramen", "test")],
        ),
        "oxford_pets": (
            {
                "images.tar.gz": tar(
                    tmp_path / "h.tar.gz", {"images/great_pyrenees_1.jpg": jpg, "images/Abyssinian_2.jpg": jpg}
                ),
                "annotations.tar.gz": tar(
                    tmp_path / "i.tar.gz",
                    {
                        "annotations/trainval.txt": b"great_pyrenees_1 1 2 3\n",
                        "annotations/test.txt": b"Abyssinian_2 1 1 1\n",
                    },
                ),
            },
            [("great_pyrenees", "train"), ("Abyssinian", "test")],
        ),
        "sun397": (
            {
                "SUN397.tar.gz": tar(
                    tmp_path / "j.tar.gz", {"SUN397/a/abbey/x.jpg": jpg, "SUN397/a/apse/indoor/y.jpg": jpg}
                ),
                "Partitions.zip": zipped(
                    tmp_path / "k.zip",
                    {"Training_01.txt": b"/a/abbey/x.jpg\n", "Testing_01.txt": b"/a/apse/indoor/y.jpg\n"},
                ),
            },
            [("abbey", "train"), ("apse_indoor", "test")],
        ),
        "ucf101": (
            {
                "UCF101TrainTestSplits-RecognitionTask.zip": zipped(
                    tmp_path / "m.zip",
                    {
                        "ucfTrainTestlist/trainlist01.txt": b"Archery/v_Archery_g08_c01.avi 3\n",
                        "ucfTrainTestlist/testlist01.txt": b"Diving/v_Diving_g01_c01.avi\n",
                    },
                ),
                "UCF-101-midframes.zip": zipped(
                    tmp_path / "n.zip",
                    {
                        "UCF-101-midframes/Archery/v_Archery_g08_c01.jpg": jpg,
                        "UCF-101-midframes/Diving/v_Diving_g01_c01.jpg": jpg,
                    },
                ),
            },
            [("Archery", "train"), ("Diving", "test")],
        ),
    }
    cars = np.array([(("00001.jpg"), 2)], dtype=[("fname", object), ("class", object)])
    savemat(tmp_path / "train_annos.mat", {"annotations": cars})
    savemat(tmp_path / "test_annos.mat", {"annotations": np.concatenate([cars, cars])})
    savemat(tmp_path / "meta.mat", {"class_names": np.array(["AM General", "Audi"], dtype=object)})
    made["stanford_cars"] = (
        {
            "car_devkit.tgz": tar(
                tmp_path / "o.tgz",
                {
                    "devkit/cars_train_annos.mat": (tmp_path / "train_annos.mat").read_bytes(),
                    "devkit/cars_meta.mat": (tmp_path / "meta.mat").read_bytes(),
                },
            ),
            "cars_train.tgz": tar(tmp_path / "p.tgz", {"cars_train/00001.jpg": jpg}),
            "cars_test.tgz": tar(tmp_path / "q.tgz", {"cars_test/00001.jpg": jpg}),
            "cars_test_annos_withlabels.mat": tmp_path / "test_annos.mat",
        },
        None,
    )
    return made


NAMES = ("gtsrb", "eurosat", "flowers102", "dtd", "food101", "oxford_pets", "sun397", "ucf101", "stanford_cars")


@pytest.mark.parametrize("name", NAMES)
def test_listed_sets(name, tmp_path):
    files, expected = small(tmp_path)[name]
    if name == "stanford_cars":
        savemat(
            tmp_path / "train_annos.mat",
            {
                "annotations": np.array(
                    [("00001.jpg", 2), ("00001.jpg", 1)], dtype=[("fname", object), ("class", object)]
                )
            },
        )
        tar(
            files["car_devkit.tgz"],
            {
                "devkit/cars_train_annos.mat": (tmp_path / "train_annos.mat").read_bytes(),
                "devkit/cars_meta.mat": (tmp_path / "meta.mat").read_bytes(),
            },
        )
        expected = [("Audi", "train"), ("AM General", "train"), ("Audi", "test"), ("Audi", "test")]
    if name == "flowers102":
        mat(files["setid.mat"], trnid=np.array([2, 1]), valid=np.array([1, 1]), tstid=np.array([3, 3]))
        expected = [("6", "train"), ("5", "train")] + [("5", "validation")] * 2 + [("5", "test")] * 2
    target = tmp_path / "images" / name
    DATASETS[name].convert(files, target)
    records = next(iter([read_rows(target / "index.csv")]))
    assert list(zip(records.labels["label"], records.role or [""] * len(records))) == expected
    assert all((target / path).is_file() for path in records.inputs)


def read_rows(path):
    from xmr.data.readers.read import stream
    from xmr.data.records import Records

    return Records.join(list(stream(path, COLUMNS)))


def test_cifar_binaries(tmp_path):
    rng = np.random.default_rng(0)
    planes = rng.integers(0, 256, (7, 3, 32, 32)).astype(np.uint8)
    one = [bytes([i % 2]) + planes[i].tobytes() for i in range(7)]
    files = {f"cifar-10-batches-bin/data_batch_{i + 1}.bin": one[i] for i in range(5)}
    files |= {
        "cifar-10-batches-bin/test_batch.bin": one[5] + one[6],
        "cifar-10-batches-bin/batches.meta.txt": b"airplane\ncat\n\n",
    }
    DATASETS["cifar10"].convert({"c.tar.gz": tar(tmp_path / "c.tar.gz", files)}, tmp_path / "out")
    records = read_all(tmp_path / "out" / "data.npz", Columns(), "fail", Skipped())
    assert records.role == ["train"] * 5 + ["test"] * 2
    assert records.labels["label"] == ["airplane", "cat", "airplane", "cat", "airplane", "cat", "airplane"]
    assert np.array_equal(records.arrays, planes.transpose(0, 2, 3, 1))
    fine = {"t/train.bin": b"\x09" + one[0], "t/test.bin": b"\x03" + one[1], "t/fine_label_names.txt": b"apple\nbear\n"}
    DATASETS["cifar100"].convert({"d.tar.gz": tar(tmp_path / "d.tar.gz", fine)}, tmp_path / "hundred")
    records = read_all(tmp_path / "hundred" / "data.npz", Columns(), "fail", Skipped())
    assert records.labels["label"] == ["apple", "bear"]
    assert np.array_equal(records.arrays[0], planes[0].transpose(1, 2, 0))


def test_a_list_that_names_what_is_not_there_is_refused(tmp_path):
    files = small(tmp_path)["dtd"][0]
    tar(
        files["dtd-r1.0.1.tar.gz"],
        {
            "dtd/images/banded/b_1.jpg": picture(),
            "dtd/labels/train1.txt": b"banded/b_1.jpg\nbanded/b_2.jpg\n",
            "dtd/labels/val1.txt": b"",
            "dtd/labels/test1.txt": b"",
        },
    )
    with pytest.raises(DataError, match=r"1 of 2 listed files missing \(dtd/images/banded/b_2.jpg\)"):
        DATASETS["dtd"].convert(files, tmp_path / "out")


def test_a_mat_file_that_is_none_is_refused(tmp_path):
    for content in (b"", b"text" * 50, b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + b"\x0f\0\0\0\xff\0\0\0abc"):
        (tmp_path / "train_32x32.mat").write_bytes(content)
        with pytest.raises(DataError, match=r"train_32x32\.mat: found"):
            DATASETS["svhn"].convert({"train_32x32.mat": tmp_path / "train_32x32.mat"}, tmp_path / "out")


def test_svhn(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3, 3)).astype(np.uint8)
    for name in ("train_32x32.mat", "test_32x32.mat"):
        savemat(tmp_path / name, {"X": pixels, "y": np.array([[1], [10], [3]])})
    files = {name: tmp_path / name for name in ("train_32x32.mat", "test_32x32.mat")}
    DATASETS["svhn"].convert(files, tmp_path / "out")
    records = read_all(tmp_path / "out" / "data.npz", Columns(), "skip", Skipped())
    assert records.labels["label"][:3] == ["1", "0", "3"]
    assert np.array_equal(records.arrays[1], pixels[..., 1])


def test_members_that_leave_the_folder_are_refused(tmp_path):
    evil = zipped(tmp_path / "evil.zip", {"../../x.jpg": picture()})
    with pytest.raises(DataError, match=r"\.\./\.\./x\.jpg"):
        unpack([evil], tmp_path / "out")
    assert not (tmp_path.parent / "x.jpg").exists()


def test_download_checks_the_archive_and_takes_what_was_brought_by_hand(tmp_path, monkeypatch):
    monkeypatch.setenv("XMR_DATA", str(tmp_path / "none"))
    monkeypatch.setenv("XMR_CACHE", str(tmp_path / "cache"))
    archive = small(tmp_path)["eurosat"][0]["EuroSAT.zip"]
    digest = hashlib.md5(archive.read_bytes()).hexdigest()
    chosen = replace(DATASETS["eurosat"], archives={"https://example.org/EuroSAT.zip": digest})
    asked = []

    def fetcher(address, folder):
        asked.append(address)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "EuroSAT.zip").write_bytes(archive.read_bytes())
        return folder / "EuroSAT.zip"

    index = download(chosen, None, fetcher)[0]
    assert index == tmp_path / "cache" / "images" / "eurosat" / "index.csv"
    assert download(chosen, None, fetcher) == [index]
    index.unlink()
    download(chosen, None, fetcher)  # the archive is still there
    assert len(asked) == 1
    index.unlink()
    wrong = replace(chosen, archives={"https://example.org/EuroSAT.zip": "0" * 32})
    with pytest.raises(DataError, match="as published"):
        download(wrong, None, fetcher)
    assert (tmp_path / "cache/official/eurosat/EuroSAT.zip.damaged").read_bytes() == archive.read_bytes()

"""NumPy files and archives: damaged, lying, or built to be large."""

import io
import subprocess
import sys
import textwrap
import zipfile

import numpy as np
import pytest

from xmr.core.arrays import load_arrays
from xmr.data.readers.images import read_npz
from xmr.errors import DataError

GREY = np.zeros((2, 4, 4), np.uint8)


def header(text, version=b"\x01\x00"):
    line = text.encode() + b"\n"
    return b"\x93NUMPY" + version + len(line).to_bytes(2 if version == b"\x01\x00" else 4, "little") + line


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (header("{'descr': '<f4', 'shape': (3,"), "cannot be read"),
        (
            header("{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}") + bytes(4),
            "12 bytes, of which 4 are there",
        ),
        (header("{'descr': '<f4', 'fortran_order': False, 'shape': (400000, 400000)}"), "640,000,000,000 bytes"),
        (header("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 0)}"), "without any value"),
        (header("{'descr': '<U0', 'fortran_order': False, 'shape': (1000000000000,)}"), "without any value"),
        (header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, -2)}") + bytes(8), "cannot be read"),
        (header("(" * 9000), "cannot be read"),
        (header("{'descr': '|O', 'fortran_order': False, 'shape': (3,)}") + bytes(30), "cannot be read"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + bytes(100), "a header of 4,294,967,295 bytes"),
        (b"\x93NUMPY\x02\x00\xff", "cannot be read"),
        (b"\x93NUMPY\x09\x00" + bytes(200), "cannot be read"),
        (b"\x93NUM", "cannot be read"),
        (b"hello", "no NumPy array"),
        (b"PK\x05\x06", "cannot be read"),
        (b"\x80\x04K\x01.", "no NumPy array"),
    ],
)
def test_a_damaged_array_is_one_line(tmp_path, content, found):
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(DataError, match=found) as caught:
        load_arrays(tmp_path / "x.npy")
    assert str(caught.value).startswith(f"{tmp_path}/x.npy: found ")
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("images.npy", content)
    with pytest.raises(DataError, match=r"x\.npz: found"):
        load_arrays(tmp_path / "x.npz")


def test_good_arrays_and_what_lies_beside_them(tmp_path):
    np.save(tmp_path / "x.npy", np.asfortranarray(np.arange(6.0).reshape(2, 3)))
    assert load_arrays(tmp_path / "x.npy")["values"].tolist() == [[0, 1, 2], [3, 4, 5]]
    np.savez_compressed(tmp_path / "x.npz", images=GREY, labels=["a", "b"], number=3)
    with zipfile.ZipFile(tmp_path / "x.npz", "a") as archive:
        archive.writestr("README", "hello")
    held = load_arrays(tmp_path / "x.npz")
    assert list(held) == ["images", "labels", "number"]
    assert held["labels"].tolist() == ["a", "b"]


@pytest.mark.parametrize("how", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_only_numpys_own_compressions_are_unpacked(tmp_path, how):
    held = io.BytesIO()
    np.save(held, GREY)
    with zipfile.ZipFile(tmp_path / "x.npz", "w", how) as archive:
        archive.writestr("images.npy", held.getvalue())
    with pytest.raises(DataError, match=r"unusual compression of the array 'images'; expected .*savez"):
        load_arrays(tmp_path / "x.npz")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_one_name_twice_is_refused(tmp_path):
    held = io.BytesIO()
    np.save(held, GREY)
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("images.npy", held.getvalue())
        archive.writestr("images.npy", held.getvalue())
    with pytest.raises(DataError, match="the array 'images' twice; expected each name once"):
        load_arrays(tmp_path / "x.npz")


def test_an_archive_that_unpacks_to_gigabytes_is_refused(tmp_path):
    """Two gigabytes of zeros in two megabytes, in eight members: none is unpacked."""
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("a.npy", bytes(1 << 20))
    whole = (tmp_path / "x.npz").read_bytes()
    size = (1 << 20).to_bytes(4, "little")
    (tmp_path / "x.npz").write_bytes(whole.replace(size, ((1 << 31) - 1).to_bytes(4, "little")))
    with pytest.raises(DataError, match=r"arrays of 2,147,483,647 bytes in an archive of .*numpy\.savez"):
        load_arrays(tmp_path / "x.npz")


def test_an_announced_shape_takes_no_memory(tmp_path):
    """Within 2 GiB of addresses, a header of 40 GB is refused by what the file holds."""
    (tmp_path / "x.npy").write_bytes(header("{'descr': '<f4', 'fortran_order': False, 'shape': (100000, 100000)}"))
    code = f"""
        import resource
        from pathlib import Path
        from xmr.core.arrays import load_arrays
        resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
        try:
            load_arrays(Path({str(tmp_path / "x.npy")!r}))
        except Exception as error:
            print(type(error).__name__, error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60)
    assert "DataError" in done.stdout
    assert "40,000,000,000 bytes" in done.stdout


@pytest.mark.parametrize(
    ("arrays", "found"),
    [
        ({"images": np.uint8(3), "labels": ["a"]}, r"images of shape \(\)"),
        ({"images": GREY, "labels": 1}, r"labels of shape \(\) and type int64; expected one text or number per image"),
        ({"images": GREY, "labels": [["a"], ["b"]]}, r"labels of shape \(2, 1\)"),
        ({"images": GREY, "labels": [1.0, np.nan]}, r"x\.npz:2: found nan in labels"),
        ({"images": GREY, "labels": np.array([1j, 2j])}, "type complex128"),
        ({"images": GREY, "labels": np.array([b"\xff", b"a"])}, "not text"),
        ({"images": GREY, "labels": ["a", "b"], "set": ["train"]}, "2 images and 1 set"),
        ({"images": np.array([[["a"]]]), "labels": ["a"]}, "pixel values of type <U1"),
        ({"images": GREY.astype("M8[s]"), "labels": ["a", "b"]}, "pixel values of type datetime64"),
        ({"images": GREY.astype(complex), "labels": ["a", "b"]}, "pixel values of type complex128"),
        ({"images": GREY.astype(np.int64), "labels": ["a", "b"]}, "type int64 from 0 to 0"),
        ({"images": GREY + np.nan, "labels": ["a", "b"]}, "from nan to nan"),
        ({"images": GREY[:, :0], "labels": ["a", "b"]}, "without any value"),
        ({"images": GREY[:0], "labels": []}, "without any value"),
    ],
)
def test_arrays_that_are_no_images(tmp_path, arrays, found):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(DataError, match=found):
        list(read_npz(tmp_path / "x.npz", True, 10))


def test_labels_as_bytes_are_text(tmp_path):
    np.savez(tmp_path / "x.npz", images=GREY, labels=np.array(["kö".encode(), b"b"]))
    (records,) = read_npz(tmp_path / "x.npz", True, 10)
    assert records.labels == {"label": ["kö", "b"]}


def test_an_archive_without_arrays_and_a_folder(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("README", "hello")
    with pytest.raises(DataError, match="found no array; expected arrays `images` and `labels`"):
        list(read_npz(tmp_path / "x.npz", True, 10))
    with pytest.raises(DataError, match="found no regular file"):
        load_arrays(tmp_path)

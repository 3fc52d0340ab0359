"""Every kind of picture a user may have: modes, depths, orientation, sizes, broken files, folders, lists and arrays."""

import os
import shutil
import struct
import time
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from xmr.cli.app import execute
from xmr.core.component import check_section, create
from xmr.core.kinds import ImageBatch
from xmr.core.registry import ENCODERS
from xmr.data.columns import Columns
from xmr.data.readers.images import as_bytes, digits, records_of
from xmr.data.readers.read import read_all, stream
from xmr.data.records import Skipped
from xmr.encoders import image as module
from xmr.encoders.budget import Budget
from xmr.encoders.decoding import Decoding
from xmr.errors import DataError, RecipeError
from xmr.prepare import prepare


def encoder(**more):
    return create(ENCODERS, check_section("encoder", {"name": "image", **more}, "test"))


def folder_of(root, pictures):
    for name, picture in pictures.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path)
    return read_all(root, Columns(reads="images"), "fail", Skipped())


def solid(mode, color, size=(6, 4)):
    return Pillow.new(mode, size, color)


def encoded(records, **more):
    made = encoder(**more).fit(records)
    return made.encode(records).batch(np.arange(len(records))).values


def test_modes_and_depths(tmp_path):
    deep = Pillow.fromarray(np.full((4, 6), 40000, dtype=np.uint16))
    palette = solid("RGB", (255, 0, 0)).convert("P")
    records = folder_of(
        tmp_path,
        {
            "a/gray.png": solid("L", 51),
            "a/rgb.png": solid("RGB", (255, 102, 0)),
            "a/rgba.png": solid("RGBA", (255, 0, 0, 51)),
            "b/sixteen.png": deep,
            "b/palette.png": palette,
            "b/one.png": solid("1", 1),
        },
    )
    assert records.labels["label"] == ["a", "a", "a", "b", "b", "b"]
    values = dict(zip(records.ids, encoded(records)))
    assert torch.allclose(values["a/gray.png"], torch.tensor(51 / 255))
    assert torch.allclose(values["a/rgb.png"][:, 0, 0], torch.tensor([1.0, 0.4, 0.0]))
    # a fifth of red over white: (1, 0.8, 0.8)
    assert torch.allclose(values["a/rgba.png"][:, 0, 0], torch.tensor([1.0, 0.8, 0.8]), atol=0.005)
    assert torch.allclose(values["b/sixteen.png"], torch.tensor(40000 / 65535), atol=0.003)
    assert torch.allclose(values["b/palette.png"][:, 0, 0], torch.tensor([1.0, 0.0, 0.0]))
    assert torch.allclose(values["b/one.png"], torch.ones(()))
    black = dict(zip(records.ids, encoded(records, background=0)))["a/rgba.png"]
    assert torch.allclose(black[:, 0, 0], torch.tensor([0.2, 0.0, 0.0]), atol=0.005)


def test_exif_orientation(tmp_path):
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[:, :3] = 255  # bright on the left
    exif = Pillow.Exif()
    exif[0x0112] = 6  # turn by a quarter, clockwise: bright above
    (tmp_path / "a").mkdir()
    Pillow.fromarray(pixels).save(tmp_path / "a" / "x.png", exif=exif)
    Pillow.fromarray(np.ascontiguousarray(pixels.transpose(1, 0, 2))).save(tmp_path / "a" / "y.png")
    values = encoded(read_all(tmp_path, Columns(reads="images"), "fail", Skipped()))
    assert values.shape[-2:] == (6, 4)
    assert torch.equal(values[0], values[1])


def broken_folder(tmp_path):
    records = folder_of(tmp_path, {f"{c}/{i}.png": solid("RGB", (i * 20, 0, 0)) for c in "ab" for i in range(4)})
    (tmp_path / "a" / "zero.png").write_bytes(b"")
    (tmp_path / "a" / "text.png").write_text("not a picture")
    noise = np.random.default_rng(0).integers(0, 255, (4, 6, 3)).astype(np.uint8)
    Pillow.fromarray(noise).save(tmp_path / "b" / "cut.png")
    whole = (tmp_path / "b" / "cut.png").read_bytes()
    (tmp_path / "b" / "cut.png").write_bytes(whole[:70])
    (tmp_path / "b" / "big.png").write_bytes(b"")
    solid("RGB", (9, 9, 9), (7, 7)).save(tmp_path / "b" / "big.png")
    return records


def test_broken_files_are_named(tmp_path):
    broken_folder(tmp_path)
    records = read_all(tmp_path, Columns(reads="images"), "fail", Skipped())
    wrong = {records.ids[i]: message for i, message in encoder().check(records).items()}
    assert set(wrong) == {"a/zero.png", "a/text.png", "b/cut.png", "b/big.png"}
    assert "zero bytes" in wrong["a/zero.png"]
    assert "no image" in wrong["a/text.png"]
    assert "damaged" in wrong["b/cut.png"]
    assert wrong["b/big.png"].startswith("found 7 x 7 pixels; expected 6 x 4 like the others")
    assert "b/big.png" not in {records.ids[i] for i in encoder(size=8).check(records)}


def test_on_bad_skip_lists_them(tmp_path):
    from xmr.data.settings import DataSettings

    broken_folder(tmp_path)
    split = {"by": "random", "test": 2, "validation": 0}
    settings_ = {"path": str(tmp_path), "split": split, "duplicates": "keep", "conflicting_labels": "keep"}
    prepared = prepare(DataSettings(**settings_, on_error="skip"), "classification", encoder(), 0)
    assert {row[1] for row in prepared.skipped.rows} == {"a/zero.png", "a/text.png", "b/cut.png", "b/big.png"}
    assert len(prepared.records) == 8
    with pytest.raises(DataError) as caught:
        prepare(DataSettings(**settings_), "classification", encoder(), 0)
    assert len(caught.value.problems) == 4
    assert "zero.png" in str(caught.value)


def test_folders_that_are_no_data(tmp_path):
    with pytest.raises(DataError, match="an empty folder"):
        read_all(tmp_path, Columns(reads="images"), "fail", Skipped())
    solid("L", 3).save(tmp_path / "loose.png")
    with pytest.raises(DataError, match="a file outside any class"):
        read_all(tmp_path, Columns(reads="images"), "fail", Skipped())
    assert read_all(tmp_path, Columns(need_target=False, reads="images"), "fail", Skipped()).ids == ["loose.png"]


@pytest.mark.parametrize("parts", [("a", "b"), ("train/a", "train/b", "test/a", "test/b")])
def test_a_file_beside_the_classes_is_named_and_can_be_skipped(tmp_path, parts):
    for part in parts:
        (tmp_path / part).mkdir(parents=True)
        solid("L", 3).save(tmp_path / part / "x.png")
    (tmp_path / "README.txt").write_text("about these pictures")
    with pytest.raises(DataError, match=r"record 'README.txt': found a file outside any class"):
        read_all(tmp_path, Columns(reads="images"), "fail", Skipped())
    skipped = Skipped()
    records = read_all(tmp_path, Columns(reads="images"), "skip", skipped)
    assert sorted(records.labels["label"]) == sorted(part[-1] for part in parts)
    assert [row[1] for row in skipped.rows] == ["README.txt"]


def test_train_and_test_folders(tmp_path):
    records = folder_of(tmp_path, {f"{p}/{c}/0.png": solid("L", 9) for p in ("train", "val", "test") for c in "ab"})
    assert records.role == ["test", "test", "train", "train", "validation", "validation"]
    assert records.labels["label"] == ["a", "b"] * 3


def test_a_list_of_paths(tmp_path):
    folder_of(tmp_path, {"pics/a.png": solid("L", 0), "pics/b.png": solid("L", 255)})
    (tmp_path / "list.csv").write_text("file,label\npics/a.png,dark\npics/b.png,bright\npics/no.png,dark\n../x.png,x\n")
    records = read_all(tmp_path / "list.csv", Columns(reads="images"), "fail", Skipped())
    made = encoder()
    wrong = made.check(records)
    assert "no such file" in wrong[2]
    assert "leads out of its folder" in wrong[3]
    good = records.take([0, 1])
    values = made.fit(good).encode(good).batch(np.array([1, 0])).values
    assert values[:, 0, 0, 0].tolist() == [1.0, 0.0]


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
def test_sizes(tmp_path, fit):
    wide = np.zeros((4, 8, 3), np.uint8)
    wide[:, 2:6] = 200
    (tmp_path / "a").mkdir()
    Pillow.fromarray(wide).save(tmp_path / "a" / "x.png")
    values = encoded(
        read_all(tmp_path, Columns(reads="images"), "fail", Skipped()),
        size=8,
        resize=fit,
        interpolation="nearest",
        background=0,
    )[0, 0]
    bright = values > 0.5
    assert values.shape == (8, 8)
    assert int(bright.sum()) == {"stretch": 32, "crop": 64, "pad": 16}[fit]


def test_arrays(tmp_path):
    rng = np.random.default_rng(0)
    floats = rng.random((5, 4, 4))
    for images in (floats, (floats * 255).astype(np.uint8), (floats * 65535).astype(np.uint16), floats > 0.5):
        np.savez(tmp_path / "x.npz", images=images, labels=[0, 1, 0, 1, 1])
        records = read_all(tmp_path / "x.npz", Columns(reads="images"), "fail", Skipped())
        values = encoded(records)
        assert values.shape == (5, 1, 4, 4)
        expected = floats if images.dtype != bool else images
        assert np.allclose(values[:, 0].numpy(), expected, atol=0.006)
    assert [len(part) for part in stream(tmp_path / "x.npz", Columns(reads="images"), 2)] == [2, 2, 1]
    np.savez(tmp_path / "x.npz", images=floats * 3, labels=[0, 1, 0, 1, 1])
    with pytest.raises(DataError, match=r"floats in \[0, 1\]"):
        read_all(tmp_path / "x.npz", Columns(reads="images"), "fail", Skipped())
    np.savez(tmp_path / "x.npz", images=floats, labels=[0, 1])
    with pytest.raises(DataError, match="5 images and 2 labels"):
        read_all(tmp_path / "x.npz", Columns(reads="images"), "fail", Skipped())
    np.savez(tmp_path / "x.npz", pictures=np.array([{}], dtype=object))
    with pytest.raises(DataError):
        read_all(tmp_path / "x.npz", Columns(reads="images"), "fail", Skipped())
    with pytest.raises(DataError, match="shape"):
        as_bytes(floats[..., None, None], "x")


def test_prediction_on_another_size_is_refused():
    made = encoder()
    made.fit(records_of(np.zeros((2, 8, 8), np.uint8), ["a", "b"], "x"))
    wrong = made.check(records_of(np.zeros((1, 9, 9), np.uint8), None, "y"), fitted=True)
    assert wrong[0] == "found 9 x 9 pixels; expected 8 x 8 as in training"


def test_large_sets_go_to_a_memory_map(tmp_path, monkeypatch):
    """What does not fit into memory is decoded once all the same, and gives the same numbers."""
    records = folder_of(tmp_path, {f"a/{i:02d}.png": solid("RGB", (i * 9, i, 0)) for i in range(20)})
    made = encoder(size=5)
    made.check(records)
    inside = made.fit(records).encode(records)
    monkeypatch.setattr(module, "MEMORY", 100)
    other = encoder(size=5)
    other.check(records)
    mapped = other.fit(records).encode(records)
    assert isinstance(mapped.values, np.memmap)
    index = np.array([7, 3, 19])
    assert torch.equal(mapped.batch(index).values, inside.batch(index).values)
    part = encoder(size=5)
    part.check(records)
    some = part.fit(records).encode(records.take([4, 2]))
    assert torch.equal(some.batch(np.arange(2)).values, inside.batch(np.array([4, 2])).values)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 6), st.integers(0, 5))
def test_a_record_does_not_depend_on_its_batch(n, place):
    records = digits().take(range(6))
    made = encoder().fit(records)
    data = made.encode(records)
    index = np.random.default_rng(n).permutation(6)[:n]
    if place < n:
        assert torch.equal(data.batch(index).values[place], data.batch(index[place : place + 1]).values[0])


def test_augmentation_flips_and_crops_within_the_picture(generator):
    image = ImageBatch(torch.arange(16.0).reshape(1, 1, 4, 4).expand(64, 1, 4, 4) / 16)
    flipped = encoder(flip=True).augment(image, generator).values
    same = torch.isclose(flipped, image.values, atol=1e-5).flatten(1).all(dim=1)
    mirrored = torch.isclose(flipped, image.values.flip(-1), atol=1e-5).flatten(1).all(dim=1)
    assert bool((same ^ mirrored).all())
    assert 10 < int(same.sum()) < 54
    cropped = encoder(crop=0.25).augment(image, generator).values
    assert cropped.shape == image.values.shape
    assert float(cropped.min()) >= 0
    assert float(cropped.max()) <= 15 / 16 + 1e-6
    assert len({round(float(x), 4) for x in cropped[:, 0, 0, 0]}) > 20
    assert encoder().augment(image, generator) is image


def test_area_crops_have_the_stated_sizes_and_shapes(generator):
    """An image whose red is its column and green its row: a crop's ranges are its sides."""
    row = torch.linspace(0, 1, 64)
    values = torch.stack([row.expand(64, 64), row[:, None].expand(64, 64), torch.zeros(64, 64)])
    found = encoder(area=0.25).augment(ImageBatch(values.expand(400, -1, -1, -1)), generator).values
    width, height = (found[:, c].amax(dim=(1, 2)) - found[:, c].amin(dim=(1, 2)) for c in (0, 1))
    shape, area = width / height, width * height
    assert 0.23 < float(area.min()) < 0.32
    assert float(area.max()) > 0.9
    assert 0.74 < float(shape.min()) < 0.8
    assert 1.25 < float(shape.max()) < 1.36
    with pytest.raises(RecipeError, match=r"encoder\.area"):
        encoder(area=0.25, crop=0.1)


def test_a_shuffled_picture_is_varied_as_it_stood_before():
    records = digits().take(range(4))
    varied = []
    for how in ("none", "positions"):
        made = encoder(flip=True, crop=0.25, shuffle=how).fit(records)
        batch = made.encode(records).batch(np.arange(4))
        varied.append(made.augment(batch, torch.Generator().manual_seed(0)).values.flatten(2))
    order = np.random.default_rng(0).permutation(varied[0].shape[2])
    assert torch.equal(varied[1], varied[0][..., order])


def test_duplicates_are_found_by_content(tmp_path):
    folder_of(tmp_path, {"a/1.png": solid("L", 5), "b/2.png": solid("L", 9)})
    (tmp_path / "b" / "again.png").write_bytes((tmp_path / "a" / "1.png").read_bytes())
    records = read_all(tmp_path, Columns(reads="images"), "fail", Skipped())
    texts = encoder().canonical(records)
    assert texts[0] == texts[records.ids.index("b/again.png")]
    assert len(set(texts)) == 2


def test_shuffled_positions_keep_the_values():
    records = digits().take(range(3))
    plain, shuffled = encoded(records), encoded(records, shuffle="positions")
    assert not torch.equal(plain, shuffled)
    assert torch.equal(plain.flatten(2).sort(dim=-1).values, shuffled.flatten(2).sort(dim=-1).values)


def test_files_of_another_size_are_refused_at_prediction_too(tmp_path):
    """Without a size, a picture as large as those of training is expected: nothing is resized in silence."""
    records = folder_of(tmp_path / "a", {"x/1.png": solid("RGB", 5), "y/2.png": solid("RGB", 9)})
    made = encoder()
    made.check(records)
    state = made.fit(records).state()
    other = folder_of(tmp_path / "b", {"x/1.png": solid("RGB", 5, (9, 9))})
    wrong = encoder().restore(state).check(other, fitted=True)
    assert wrong[0].startswith("found 9 x 9 pixels; expected 6 x 4")


def test_hidden_folders_above_the_data_do_not_hide_it(tmp_path):
    records = folder_of(tmp_path / ".cache" / "d", {"a/1.png": solid("L", 5), "b/2.png": solid("L", 9)})
    (tmp_path / ".cache" / "d" / ".thumbs").mkdir()
    solid("L", 1).save(tmp_path / ".cache" / "d" / ".thumbs" / "t.png")
    again = read_all(tmp_path / ".cache" / "d", Columns(reads="images"), "fail", Skipped())
    assert again.ids == records.ids == ["a/1.png", "b/2.png"]


def test_links_pipes_and_devices_in_a_folder(tmp_path):
    """A link within the folder is a file like any other; what leads out, or never ends, is named and not opened."""
    outside = tmp_path / "outside.png"
    solid("L", 3).save(outside)
    data = tmp_path / "data"
    folder_of(data, {"a/1.png": solid("L", 5), "b/2.png": solid("L", 9)})
    (data / "b" / "3.png").symlink_to("2.png")
    (data / "b" / "dead.png").symlink_to("gone.png")
    (data / "b" / "device.png").symlink_to("/dev/zero")
    (data / "b" / "out.png").symlink_to(outside)
    os.mkfifo(data / "b" / "pipe.png")
    (tmp_path / "link").symlink_to(data)  # the folder itself may be one
    for folder in (data, tmp_path / "link"):
        records = read_all(folder, Columns(reads="images"), "fail", Skipped())
        wrong = {records.ids[i]: message for i, message in encoder(size=4).check(records).items()}
        leads_out = "found a link that leads out of its folder; expected a file below it, or a copy (cp -rL)"
        assert wrong == {
            "b/dead.png": "found a link to nothing; expected an image",
            "b/device.png": leads_out,
            "b/out.png": leads_out,
            "b/pipe.png": "found a pipe; expected an image",
        }


def test_links_to_folders_are_refused_and_not_passed_over(tmp_path):
    folder_of(tmp_path / "data", {"a/1.png": solid("L", 5), "b/2.png": solid("L", 9)})
    (tmp_path / "data" / "c").symlink_to(tmp_path / "data" / "a")
    with pytest.raises(DataError, match=r"data/c: found a link to a folder; expected the folder itself: links to fold"):
        read_all(tmp_path / "data", Columns(reads="images"), "fail", Skipped())


def test_parts_beside_classes_are_refused(tmp_path):
    """`train` and `test` would have been two more classes, unsaid."""
    folder_of(tmp_path, {f"{name}/x.png": solid("L", 5) for name in ("train/a", "train/b", "test/a")})
    (tmp_path / "extra").mkdir()
    solid("L", 5).save(tmp_path / "extra" / "1.png")
    expected = (
        r"found the folders test, train next to extra; expected only parts \(train, validation, test\), or only cl"
    )
    with pytest.raises(DataError, match=expected):
        read_all(tmp_path, Columns(reads="images"), "fail", Skipped())


def test_a_folder_is_no_file_of_sequences(tmp_path):
    folder_of(tmp_path, {"a/1.png": solid("L", 5)})
    with pytest.raises(DataError, match=r"found a folder without files of records; expected files ending in \.fasta"):
        read_all(tmp_path, Columns(need_target=False, reads="sequences"), "fail", Skipped())


def test_too_many_pixels_are_refused_before_they_are_decoded(tmp_path, recwarn):
    for name, size in (("a/1.png", (9_500, 9_500)), ("a/2.png", (20_000, 20_000))):
        (tmp_path / "a").mkdir(exist_ok=True)
        packed = zlib.compress(bytes(100))  # a header alone
        chunks = [(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, 0)), (b"IDAT", packed), (b"IEND", b"")]
        body = b"".join(struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks)
        (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    records = read_all(tmp_path, Columns(reads="images"), "fail", Skipped())
    wrong = encoder(size=8).check(records)
    assert wrong[0] == "found 9,500 x 9,500 pixels; expected at most 89,478,485 in all: a smaller copy"
    assert wrong[1] == "found too many pixels; expected at most 89,478,485 in all: a smaller copy"
    assert not recwarn.list


def test_large_images_wait_for_each_other():
    """What all threads decode at once stays within the budget; one image larger than it is decoded alone."""
    budget, lock, held, most = Budget(10), Lock(), [0], [0]

    def one(amount):
        with budget.of(amount):
            with lock:
                held[0] += amount
                most[0] = max(most[0], held[0])
            time.sleep(0.002)
            with lock:
                held[0] -= amount

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, [3, 4, 10, 2, 30, 1, 6, 5, 5] * 4))
    assert most[0] == 30
    with ThreadPoolExecutor(8) as pool:
        most[0] = 0
        list(pool.map(one, [3, 4, 2, 1, 6, 5] * 6))
    assert 5 < most[0] <= 10


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "I;16"])
def test_bands_change_nothing(tmp_path, monkeypatch, mode):
    rng = np.random.default_rng(0)
    if mode == "I;16":
        picture = Pillow.fromarray(rng.integers(0, 65536, (40, 30)).astype(np.uint16))
    else:
        picture = Pillow.fromarray(rng.integers(0, 256, (40, 30, 4)).astype(np.uint8)).convert(
            mode if mode != "P" else "RGB"
        )
        picture = picture.convert("P") if mode == "P" else picture
    picture.save(tmp_path / "x.png", **({"transparency": 7} if mode in ("P", "L") else {}))
    whole = Decoding(3, None, "stretch", "bilinear", 200).read(tmp_path / "x.png")
    monkeypatch.setattr("xmr.encoders.decoding.BAND", 70)
    assert np.array_equal(Decoding(3, None, "stretch", "bilinear", 200).read(tmp_path / "x.png"), whole)


def test_frames_colours_and_deep_colours_by_rule(tmp_path):
    """The first frame; CMYK as RGB; of 16-bit colors the upper eight bits; LAB and floats are refused."""
    frames = [solid("L", level) for level in (30, 200)]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "x.tif", save_all=True, append_images=frames[1:])
    solid("CMYK", (0, 255, 255, 0)).save(tmp_path / "cmyk.tif")
    solid("LAB", (50, 0, 0)).save(tmp_path / "lab.tif")
    solid("F", 0.5).save(tmp_path / "float.tif")
    raw = b"P6 2 1 65535\n" + np.array([[0x12FF, 0xFF00, 0], [1, 2, 3]], ">u2").tobytes()
    (tmp_path / "deep.ppm").write_bytes(raw)

    def read(name):
        return Decoding(3, None, "stretch", "bilinear", 255).read(tmp_path / name)

    assert read("x.gif")[0, 0].tolist() == read("x.tif")[0, 0].tolist() == [30, 30, 30]
    assert read("cmyk.tif")[0, 0].tolist() == [255, 0, 0]
    with pytest.raises(ValueError, match="found an image in LAB colors; expected gray, RGB or CMYK"):
        read("lab.tif")
    with pytest.raises(ValueError, match="found an image of floats"):
        read("float.tif")
    assert read("deep.ppm").shape == (1, 2, 3)
    solid("L", 5, (2000, 1)).save(tmp_path / "thin.png")
    with pytest.raises(
        ValueError, match=r"found 2,000 x 1 pixels; expected a less narrow image for encoder\.resize: pad"
    ):
        Decoding(3, 8, "pad", "bilinear", 255).read(tmp_path / "thin.png")


def test_without_a_size_large_sets_go_to_a_memory_map_too(tmp_path, monkeypatch):
    records = folder_of(tmp_path, {f"a/{i}.png": solid("RGB", (i, 0, 0)) for i in range(9)})
    monkeypatch.setattr(module, "MEMORY", 100)
    made = encoder()
    assert made.check(records) == {}
    mapped = made.fit(records).encode(records)
    assert isinstance(mapped.values, np.memmap)
    assert mapped.values[:, 0, 0, 0].tolist() == list(range(9))


def test_a_tiff_whose_strips_cover_a_part_is_refused(tmp_path):
    """Pillow leaves the rest black without a word."""
    solid("L", 200, (20, 24)).save(tmp_path / "x.tif")
    solid("L", 200, (20, 24)).save(tmp_path / "turned.tif", tiffinfo={0x0112: 6})
    whole = (tmp_path / "x.tif").read_bytes()
    place = next(p for kind in (3, 4) if (p := whole.find(struct.pack("<HHI", 257, kind, 1)) + 8) > 7)
    (tmp_path / "long.tif").write_bytes(whole[:place] + struct.pack("<I", 60000) + whole[place + 4 :])
    rules = Decoding(1, 8, "stretch", "bilinear", 255)
    assert rules.read(tmp_path / "x.tif").min() == rules.read(tmp_path / "turned.tif").min() == 200
    with pytest.raises(ValueError, match=r"found a damaged image \(strips of 20 x 24 in 20 x 60,000 pixels\)"):
        rules.read(tmp_path / "long.tif")


def test_a_chunk_that_announces_gigabytes_reserves_none(tmp_path):
    """Python reserves what `read(n)` asks for: the length of a PNG's chunk, up to 4 GB."""
    folder_of(tmp_path, {"a/1.png": solid("RGB", (5, 6, 7)), "b/2.png": solid("RGB", (5, 6, 7))})
    path = tmp_path / "a" / "1.png"
    content = bytearray(path.read_bytes())
    place = content.index(b"IDAT")
    content[place - 4 : place] = struct.pack(">I", 2**31 - 1)
    path.write_bytes(bytes(content))
    records = read_all(tmp_path, Columns(reads="images"), "fail", Skipped())
    tracemalloc.start()
    module.ImageEncoder(size=8).check(records)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6


def test_files_that_a_table_lists_by_bare_names(tmp_path, capsys):
    """As competitions hand out images: a table of ids, and a folder next to it."""
    (tmp_path / "train").mkdir()
    for i in range(4):
        Pillow.fromarray(np.full((8, 8, 3), 60 * i, np.uint8)).save(tmp_path / "train" / f"{i:05}.png")
    (tmp_path / "x.csv").write_text("image,label\n" + "".join(f"{i:05},{'ab'[i % 2]}\n" for i in range(4)))
    columns = Columns(reads="images")
    assert read_all(tmp_path / "x.csv", columns, "fail", Skipped()).inputs == [f"train/{i:05}.png" for i in range(4)]
    (tmp_path / "copy").mkdir()
    shutil.copy(tmp_path / "train/00000.png", tmp_path / "copy")  # two of a name: neither is taken
    assert read_all(tmp_path / "x.csv", columns, "fail", Skipped()).inputs[:2] == ["00000", "train/00001.png"]
    (tmp_path / "y.csv").write_text("id,seq\n1,a\n")
    assert execute(["new", "image", str(tmp_path / "y.csv"), "--target", "id"]) == 2
    assert "expected a column named path or file or filename" in capsys.readouterr().err

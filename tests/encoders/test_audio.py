"""Recordings of every rate and width become the same clips; what is broken is named."""

import os

import numpy as np
import pytest
import torch

from xmr.core.kinds import SignalBatch
from xmr.data.columns import Columns
from xmr.data.pattern import apply_pattern, compiled
from xmr.data.readers.read import read_all
from xmr.data.records import Records, Skipped
from xmr.data.splits import group_split
from xmr.encoders.audio import AudioEncoder
from xmr.errors import DataError, RecipeError

soundfile = pytest.importorskip("soundfile")


def tone(rate, seconds=0.5, pitch=440.0):
    return 0.5 * np.sin(2 * np.pi * pitch * np.arange(round(rate * seconds)) / rate)


def bound(clip_length=8000, clip_rate=16000, **arguments):
    encoder = AudioEncoder(**arguments)
    encoder.configure(clip_length, clip_rate)
    return encoder


def records(folder, *names):
    return Records.of(list(names), file=str(folder))


def clip(encoder, folder, name):
    return encoder.encode(records(folder, name)).batch(np.array([0])).values[0, 0].numpy()


def test_every_rate_width_and_number_of_channels_is_the_same_sound(tmp_path):
    for rate in (8000, 16000, 44100, 48000):
        soundfile.write(tmp_path / f"{rate}.wav", tone(rate), rate)
    soundfile.write(tmp_path / "stereo.wav", np.stack([tone(16000), tone(16000)], axis=1), 16000)
    soundfile.write(tmp_path / "eight.wav", tone(16000), 16000, subtype="PCM_U8")
    soundfile.write(tmp_path / "float.wav", tone(16000), 16000, subtype="FLOAT")
    soundfile.write(tmp_path / "x.flac", tone(16000), 16000)
    expected = tone(16000) / 0.5
    for path in sorted(tmp_path.iterdir()):
        made = clip(bound(), tmp_path, path.name)
        assert made.shape == (8000,)
        np.testing.assert_allclose(made[400:-400], expected[400:-400], atol=0.03, err_msg=path.name)
    soundfile.write(tmp_path / "x.ogg", tone(16000), 16000)
    assert np.corrcoef(clip(bound(), tmp_path, "x.ogg")[400:-400], expected[400:-400])[0, 1] > 0.99


def test_short_and_long_recordings(tmp_path):
    ramp = np.linspace(0.1, 0.9, 16000)
    soundfile.write(tmp_path / "long.wav", ramp, 16000, subtype="FLOAT")
    soundfile.write(tmp_path / "short.wav", np.full(1000, 0.5), 16000, subtype="FLOAT")
    plain = {"normalize": "none"}
    np.testing.assert_allclose(clip(bound(align="start", **plain), tmp_path, "long.wav"), ramp[:8000], atol=1e-6)
    np.testing.assert_allclose(clip(bound(**plain), tmp_path, "long.wav"), ramp[4000:12000], atol=1e-6)
    centered = clip(bound(**plain), tmp_path, "short.wav")
    assert np.flatnonzero(centered)[[0, -1]].tolist() == [3500, 4499]
    assert np.flatnonzero(clip(bound(align="start", **plain), tmp_path, "short.wav"))[-1] == 999
    with pytest.raises(DataError, match=r"found long\.wav, 1\.00 seconds; expected at most 0\.50"):
        clip(bound(length="fail"), tmp_path, "long.wav")


def test_windows_cover_a_long_recording(tmp_path):
    ramp = np.linspace(0.1, 0.9, 20001)
    soundfile.write(tmp_path / "long.wav", ramp, 16000, subtype="FLOAT")
    encoder = bound(length="window", normalize="none")
    made = encoder.encode(records(tmp_path, "long.wav")).batch(np.array([0]))
    assert made.windows.owner.tolist() == [0, 0, 0, 0, 0]
    for row, start in zip(made.values[:, 0].numpy(), (0, 4000, 8000, 12000, 12001)):
        np.testing.assert_allclose(row, ramp[start : start + 8000], atol=1e-6)


def test_level_and_silence(tmp_path):
    quiet = np.concatenate([np.zeros(2000), 0.01 * tone(16000, 0.1), np.zeros(3000)])
    soundfile.write(tmp_path / "x.wav", quiet, 16000, subtype="FLOAT")
    assert np.abs(clip(bound(), tmp_path, "x.wav")).max() == pytest.approx(1.0)
    assert np.sqrt(
        np.mean(clip(bound(normalize="rms", align="start", length="truncate"), tmp_path, "x.wav")[:6600] ** 2)
    ) == (pytest.approx(0.1, rel=0.02))
    assert np.flatnonzero(clip(bound(trim_silence=True, align="start"), tmp_path, "x.wav"))[-1] < 1610
    soundfile.write(tmp_path / "zero.wav", np.zeros(5000), 16000)
    np.testing.assert_array_equal(clip(bound(trim_silence=True), tmp_path, "zero.wav"), 0)


def test_broken_files_are_named(tmp_path):
    soundfile.write(tmp_path / "good.wav", tone(16000), 16000)
    whole = (tmp_path / "good.wav").read_bytes()
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "text.wav").write_text("hello")
    (tmp_path / "header.wav").write_bytes(whole[:30])
    (tmp_path / "no_samples.wav").write_bytes(whole[:44])
    soundfile.write(tmp_path / "blip.wav", np.zeros(3), 16000)
    soundfile.write(tmp_path / "nan.wav", np.array([0.0, np.nan] * 500), 16000, subtype="FLOAT")
    names = [
        "good.wav",
        "empty.wav",
        "text.wav",
        "header.wav",
        "no_samples.wav",
        "blip.wav",
        "nan.wav",
        "gone.wav",
        "../x.wav",
    ]
    wrong = bound().check(records(tmp_path, *names))
    said = {names[i]: message for i, message in wrong.items()}
    assert set(said) == set(names[1:])
    assert said["empty.wav"] == "found empty.wav, a file of zero bytes; expected a sound file"
    assert "no sound" in said["text.wav"]
    assert "at least" in said["blip.wav"]
    assert "not finite" in said["nan.wav"]
    assert "no such file" in said["gone.wav"]
    assert "leads out" in said["../x.wav"]


def test_a_cut_file_is_read_as_far_as_it_says_or_refused(tmp_path):
    soundfile.write(tmp_path / "x.flac", np.random.default_rng(0).uniform(-0.5, 0.5, 16000), 16000)
    whole = (tmp_path / "x.flac").read_bytes()
    (tmp_path / "x.flac").write_bytes(whole[: len(whole) // 2])
    wrong = bound(align="start", length="window").check(records(tmp_path, "x.flac"))
    assert "found" in wrong[0]


def test_augmentation_varies_training_batches_alone(tmp_path, generator):
    soundfile.write(tmp_path / "x.wav", tone(16000), 16000)
    encoder = bound(speed=0.25, shift=0.1)
    batch = encoder.encode(records(tmp_path, "x.wav")).batch(np.zeros(4, int))
    varied = encoder.augment(batch, generator)
    assert isinstance(varied, SignalBatch)
    assert varied.values.shape == batch.values.shape
    assert not torch.allclose(varied.values[0], varied.values[1])
    assert bound().augment(batch, generator) is batch
    still = bound(speed=0.0, shift=1e-9).augment(batch, generator)
    torch.testing.assert_close(still.values, batch.values, atol=1e-3, rtol=0)


def test_a_shuffled_clip_is_varied_as_it_sounded_before(tmp_path):
    soundfile.write(tmp_path / "x.wav", tone(16000), 16000)
    plain, mixed = (bound(speed=0.25, shift=0.1, shuffle=how) for how in ("none", "positions"))
    varied = []
    for encoder in (plain, mixed):
        generator = torch.Generator().manual_seed(0)
        batch = encoder.encode(records(tmp_path, "x.wav")).batch(np.zeros(4, int))
        varied.append((batch.values, encoder.augment(batch, generator).values))
    (clip_before, clip_after), (mixed_before, mixed_after) = varied
    order = np.random.default_rng(0).permutation(8000)
    assert torch.equal(mixed_before, clip_before[:, :, order])
    assert torch.equal(mixed_after, clip_after[:, :, order])


def test_names_hold_labels_and_speakers(tmp_path):
    for name in ("7_jackson_0.wav", "3_theo_12.wav"):
        soundfile.write(tmp_path / name, tone(8000), 8000)
    made = read_all(tmp_path, Columns(need_target=False, reads="audio"), "fail", Skipped())
    assert apply_pattern(made, "{label}_{group}_{take}") == {}
    assert made.labels["label"] == ["3", "7"]
    assert made.group == ["theo", "jackson"]
    assert made.take([1]).group == ["jackson"]
    assert "expected one like" in apply_pattern(made, "{label}-{group}")[0]
    assert compiled("{label}/{}_nohash_{take}").match("bed/0a_nohash_1")["label"] == "bed"
    for wrong in ("no fields", "{label}_{label}", "{speaker}"):
        with pytest.raises(RecipeError, match=r"data\.pattern"):
            compiled(wrong)


def test_one_group_is_left_out_and_budgets_are_even():
    group = ["a"] * 40 + ["b"] * 40 + ["c"] * 40
    classes = np.tile(np.arange(4), 30)
    made = group_split(group, "b", classes, 0.25, 32, 0)
    assert made.test.tolist() == list(range(40, 80))
    both = np.concatenate([made.train, made.validation])
    counts = {}
    for i in both:
        counts[group[i], classes[i]] = counts.get((group[i], classes[i]), 0) + 1
    assert set(counts.values()) == {4}
    assert len(counts) == 8
    with pytest.raises(DataError, match=r"found 'd'; expected one of a, b, c"):
        group_split(group, "d", classes, 0.1, None, 0)


def test_few_labels_hold_every_class_before_every_group():
    group = [f"speaker {i % 5}" for i in range(500)]
    classes = np.arange(500) // 5 % 10
    for seed in range(5):
        made = group_split(group, "speaker 0", classes, 0, 12, seed)
        assert set(classes[made.train]) == set(range(10))
        assert len(made.train) == 12


def test_a_stream_of_unknown_length_is_read_to_its_end(tmp_path):
    """libsndfile announces 2^63 - 1 samples for a FLAC whose header says zero, as encoders to a pipe write."""
    soundfile.write(tmp_path / "known.flac", np.stack([tone(16000, 1.3), tone(16000, 1.3, 90)], axis=1), 16000)
    whole = bytearray((tmp_path / "known.flac").read_bytes())
    whole[21] &= 0xF0
    whole[22:26] = bytes(4)
    (tmp_path / "x.flac").write_bytes(whole)
    for arguments in ({}, {"length": "window"}, {"trim_silence": True}, {"align": "start"}):
        both = bound(**arguments).encode(records(tmp_path, "known.flac", "x.flac"))
        known, unknown = (both.batch(np.array([i])).values for i in range(2))
        assert torch.equal(known, unknown)
    assert "1.30 seconds" in bound(length="fail").check(records(tmp_path, "x.flac"))[0]
    (tmp_path / "cut.flac").write_bytes(whole[: len(whole) // 2])
    assert "damaged" in bound().check(records(tmp_path, "cut.flac"))[0]


def test_what_would_take_too_much_memory_is_refused(tmp_path, monkeypatch):
    for module in ("recording", "audio"):
        monkeypatch.setattr(f"xmr.encoders.{module}.LARGEST", 20_000)
    soundfile.write(tmp_path / "x.wav", tone(16000, 2), 16000)
    soundfile.write(tmp_path / "x.flac", tone(16000, 2), 16000)
    whole = bytearray((tmp_path / "x.flac").read_bytes())
    whole[21] &= 0xF0
    whole[22:26] = bytes(4)
    (tmp_path / "unknown.flac").write_bytes(whole)
    for name, samples, arguments in (
        ("x.wav", "56,000", {"length": "window"}),
        ("x.wav", "32,000", {"trim_silence": True}),
        ("unknown.flac", "32,000", {}),
    ):
        (message,) = bound(**arguments).check(records(tmp_path, name)).values()
        assert message.startswith(f"found {name}, {samples} samples to be held at once; expected at most 20,000: its")
    assert not bound().check(records(tmp_path, "x.wav"))
    with pytest.raises(RecipeError, match=r"encoder\.seconds: found clips of 32,000 samples \(16,000 per second\)"):
        bound(seconds=2)


def test_an_announced_length_takes_no_memory(tmp_path):
    soundfile.write(tmp_path / "x.flac", tone(16000, 1), 16000)
    whole = bytearray((tmp_path / "x.flac").read_bytes())
    whole[21] |= 0x0F  # 60 thousand million samples
    (tmp_path / "x.flac").write_bytes(whole)
    for arguments in ({}, {"length": "window"}, {"trim_silence": True}, {"align": "start", "seconds": 3.0}):
        (message,) = bound(**arguments).check(records(tmp_path, "x.flac")).values()
        assert message.startswith("found x.flac, ")


def test_what_is_no_recording_by_rule(tmp_path):
    soundfile.write(tmp_path / "slow.wav", tone(16000), 99)
    soundfile.write(tmp_path / "fast.wav", tone(16000), 10_000_001)
    soundfile.write(tmp_path / "loud.wav", np.array([0.0, 1e30] * 50), 16000, subtype="FLOAT")
    soundfile.write(tmp_path / "inf.wav", np.array([[0.0, np.inf]] * 50), 16000, subtype="FLOAT")
    (tmp_path / "x.raw").write_bytes(bytes(1000))
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "device.wav").symlink_to("/dev/zero")
    (tmp_path / "dead.wav").symlink_to("gone.wav")
    (tmp_path / "folder.wav").mkdir()
    names = ["slow", "fast", "loud", "inf", "pipe", "device", "dead", "folder"]
    wrong = bound().check(records(tmp_path, *[f"{name}.wav" for name in names], "x.raw", "a" * 300, "a\0.wav"))
    said = dict(
        zip([*names, "raw", "long", "zero"], [message.partition(", ")[2] for _, message in sorted(wrong.items())])
    )
    assert said["slow"] == "99 samples per second; expected 100 to 10,000,000"
    assert said["fast"] == "10,000,001 samples per second; expected 100 to 10,000,000"
    assert said["loud"] == "a sample of 1e+30; expected at most 2,147,483,648 in size"
    assert said["inf"] == "samples that are not finite; expected numbers"
    assert said["pipe"] == "a pipe; expected a sound file"
    assert said["device"].startswith("a link that leads out of its folder; expected a file below it")
    assert said["dead"] == "a link to nothing; expected a sound file"
    assert said["folder"] == "a folder; expected a sound file"
    assert said["raw"].startswith("raw samples, which do not state their rate; expected WAV")
    assert said["long"] == "a file that cannot be read (File name too long); expected a sound file"
    assert said["zero"] == "no such file; expected a sound file"


def test_names_that_are_not_utf8_are_read(tmp_path):
    name = os.fsdecode(b"t\xff.wav")
    soundfile.write(tmp_path / "x.wav", tone(16000), 16000)
    (tmp_path / "x.wav").rename(tmp_path / name)
    assert bound().check(records(tmp_path, name)) == {}

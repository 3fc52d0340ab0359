"""Baselines of signals learn what they should and give values of a program's shape."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.baselines.test_baselines import baseline_input, run_baseline
from tests.tiny import tiny_source, tiny_vision
from xmr.baselines.fine_tuning import Tuned
from xmr.baselines.linear_probe import PlainImages
from xmr.baselines.registry import BASELINES
from xmr.baselines.series import DTW_STEP, series_of
from xmr.core.component import create
from xmr.core.registry import TRANSFORMS
from xmr.data.readers.series import series_records
from xmr.encoders.audio import AudioEncoder
from xmr.encoders.series import SeriesEncoder
from xmr.errors import RecipeError

AEON = ("minirocket", "multirocket_hydra", "dtw_1nn")


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    monkeypatch.setattr("xmr.baselines.series.STEPS", 150)


def parts(encoder, records, task="classification", source=None, transform=None, validation=10):
    """The input of a baseline, and the targets of the test part."""
    render = create(TRANSFORMS, transform or {"name": "signal_image"})
    name = "audio" if isinstance(encoder, AudioEncoder) else "series"
    split = {"validation": validation, "test": 30, "gap": 10}
    return baseline_input(encoder, records, task, source or tiny_vision(), render, encoder=name, **split)


@pytest.mark.parametrize(("task", "validation"), [("classification", 10), ("regression", 0), ("multilabel", 0)])
def test_every_baseline_of_series(task, validation):
    pytest.importorskip("aeon")
    encoder = SeriesEncoder()
    data, truth = parts(encoder, encoder.example(90, 0, task), task, validation=validation)
    for name, baseline in BASELINES.suiting(data.case).items():
        if baseline.uses_source:
            continue
        if name.startswith("mfcc") or (task == "multilabel" and name in AEON):
            with pytest.raises(RecipeError):
                run_baseline(name, data)
            continue
        values = run_baseline(name, data)
        assert values.shape == (30, data.task.outputs)
        assert np.isfinite(values).all()
        found = data.task.metrics(values, truth)
        if name in (*AEON, "cnn"):
            assert found.get("pearson", found.get("auroc")) > 0.8, name  # the labels hold noise: ranks say less


def test_series_of_unequal_length_and_windows():
    pytest.importorskip("aeon")
    rng = np.random.default_rng(0)
    rows = [np.sin(np.arange(rng.integers(20, 40)) / (1 + 2 * (i % 2)))[None] for i in range(90)]
    records = series_records(rows, ["ab"[i % 2] for i in range(90)], "memory")
    data, truth = parts(SeriesEncoder(length="resample"), records)
    assert isinstance(series_of(data)["train"], list)
    for name in AEON:
        accuracy = data.task.metrics(run_baseline(name, data), truth)
        assert accuracy["accuracy"] > 0.9, name
    windowed, _ = parts(SeriesEncoder(length="window", size=10), records)
    for name in ("logistic", "cnn", "linear_probe"):
        assert run_baseline(name, windowed).shape == (30, 2)


def test_what_dynamic_time_warping_costs():
    rows = [np.ones((1, 20 + i % 2)) for i in range(90)]
    data, _ = parts(SeriesEncoder(length="resample"), series_records(rows, ["ab"[i % 2] for i in range(90)], "memory"))
    samples = {part: sum(row.shape[-1] for row in found) for part, found in series_of(data).items()}
    expected = DTW_STEP * samples["test"] * (samples["train"] + samples["validation"])
    assert BASELINES.find("dtw_1nn", data.case).estimate(data) == pytest.approx(expected)
    assert expected == pytest.approx(DTW_STEP * 30 * 60 * 20.5**2, rel=0.05)
    assert BASELINES.find("majority", data.case).estimate(data) == 0


def _waves(n, rng):
    return [np.sin(np.arange(30) / (1 + 2 * (i % 2)))[None] + 0.1 * rng.normal(size=(1, 30)) for i in range(n)]


def test_a_gap_in_one_part_puts_all_parts_on_the_encoders_scale():
    """Before, training was on the scale of the file and the part with the gap on the encoder's."""
    rows = [100 + row for row in _waves(90, np.random.default_rng(0))]
    rows[85][0, 3] = np.nan
    records = series_records(rows, ["ab"[i % 2] for i in range(90)], "memory")
    found = series_of(parts(SeriesEncoder(), records)[0])
    for part in found.values():
        assert abs(part.mean()) < 1


def test_series_as_read_whatever_length_the_encoder_makes():
    pytest.importorskip("aeon")
    rows = _waves(90, np.random.default_rng(0))
    records = series_records(rows, ["ab"[i % 2] for i in range(90)], "memory")
    data, _ = parts(SeriesEncoder(length="resample", size=12), records, validation=0)
    assert {name: part.shape for name, part in series_of(data).items()} == {"train": (50, 1, 30), "test": (30, 1, 30)}
    assert run_baseline("minirocket", data).shape == (30, 2)


def test_baselines_of_recordings():
    pytest.importorskip("soundfile")
    encoder = AudioEncoder(seconds=0.5, rate=8000)
    encoder.configure(512)
    data, truth = parts(
        encoder, encoder.example(70, 0), source=tiny_source(), transform={"name": "signal_patches"}, validation=0
    )
    for name in ("mfcc_logistic", "cnn", "linear_probe", "majority"):
        values = run_baseline(name, data)
        assert values.shape == (30, 2)
        if name in ("mfcc_logistic", "cnn"):  # of two classes the epoch is chosen by AUROC
            assert data.task.metrics(values, truth)["auroc"] > 0.9, name


def test_the_network_from_scratch_hears_the_varied_voices_too(monkeypatch):
    monkeypatch.setattr("xmr.baselines.series.STEPS", 1)
    encoder = AudioEncoder(seconds=0.1, rate=8000, speed=0.2)
    encoder.configure(512)
    heard = []
    data, _ = parts(encoder, encoder.example(70, 0), source=tiny_source(), transform={"name": "signal_patches"})
    run_baseline("cnn", replace(data, augment=lambda *batch: heard.append(1) or encoder.augment(*batch)))
    assert len(heard) >= 20


def test_fine_tuning_keeps_the_batch_statistics():
    body = tiny_vision("mobilenet").trainable_copy()
    model = Tuned(PlainImages(body.space), body, body.hidden_width, 3, dropout=False).train()
    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms
    before = [norm.running_mean.clone() for norm in norms]
    body.body(pixel_values=torch.rand(4, 3, 32, 32))
    for norm, mean in zip(norms, before):
        assert torch.equal(norm.running_mean, mean)
    assert all(p.requires_grad for p in body.body.parameters())


def test_a_baseline_leaves_the_number_of_threads_alone(monkeypatch):
    """numba raises it to all cores: what is trained afterwards in the process would have other last bits."""
    encoder, before = SeriesEncoder(), torch.get_num_threads()

    def raise_threads(data):
        torch.set_num_threads(before + 1)
        return np.zeros((30, 2))

    monkeypatch.setattr("xmr.baselines.series.minirocket", raise_threads)
    run_baseline("minirocket", parts(encoder, encoder.example(90, 0))[0])
    assert torch.get_num_threads() == before

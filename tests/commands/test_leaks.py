"""Facts that should say nothing tell the label: an alarm; chance, sorted files and honest data: none."""

import json
import time

import numpy as np
import pytest

from xmr.cli.app import execute
from xmr.commands.leaks import leaks
from xmr.job import load_job
from xmr.recipe.load import load_recipe

SERIES = """task: {task}
data: {{path: {path}, split: {{by: random, test: 0.3, validation: 0}}}}
encoder: {{name: series}}
source: {{name: identity, width: 16}}
transform: {{name: signal_patches}}
output: {{name: ridge}}
training: {{epochs: 1, precision: full}}
baselines: []
"""
AUDIO = """task: classification
data: {{path: {path}, split: {{by: random, test: 0.3, validation: 0}}}}
encoder: {{name: audio, seconds: 0.25, rate: 8000}}
source: {{name: identity, width: 16}}
transform: {{name: signal_patches}}
output: {{name: ridge}}
training: {{epochs: 1, precision: full}}
baselines: []
"""


def series_job(tmp_path, labels, index, task="classification", n=120, seed=0):
    """Pure noise, perhaps behind a column that counts the rows."""
    rng = np.random.default_rng(seed)
    lines = [("row," if index else "") + ",".join(f"t{i}" for i in range(24)) + ",label"]
    for i in range(n):
        values = ",".join(f"{x:.4f}" for x in rng.standard_normal(24))
        lines.append((f"{i}," if index else "") + values + f",{labels[i]}")
    (tmp_path / "x.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "r.yaml").write_text(SERIES.format(path=tmp_path / "x.csv", task=task))
    return load_job(load_recipe(tmp_path / "r.yaml"))


def test_an_index_column_in_sorted_noise_is_an_alarm_in_check_and_run(tmp_path, capsys):
    series_job(tmp_path, ["a"] * 60 + ["b"] * 60, index=True)
    expected = "the label can be told from sample 1 of channel 1 that counts the records (AUROC 1.00"
    assert execute(["check", str(tmp_path / "r.yaml")]) == 0
    assert expected in capsys.readouterr().out
    assert execute(["run", str(tmp_path / "r.yaml"), "-o", str(tmp_path / "out"), "--quiet"]) == 0
    said = capsys.readouterr().err
    assert said.index(expected) < said.index("test auroc")  # before training, and again at the end
    assert said.rindex(expected) > said.index("test auroc")
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["leaks"]["alarms"][0].startswith(expected)


def test_numbers_are_told_by_rank(tmp_path):
    job = series_job(tmp_path, [f"{i + 0.5}" for i in range(120)], index=True, task="regression")
    assert "rank correlation 1.00" in leaks(job)["alarms"][0]


@pytest.mark.parametrize("labels", [["a"] * 60 + ["b"] * 60, ["a", "b"] * 60])
def test_a_sorted_file_without_an_index_column_is_none(tmp_path, labels):
    assert leaks(series_job(tmp_path, labels, index=False))["alarms"] == []


def test_a_label_that_drifts_with_the_order_of_the_records_is_one(tmp_path):
    rng = np.random.default_rng(1)
    labels = ["ab"[int(rng.random() < (0.05 if i < 60 else 0.95))] for i in range(120)]
    (found,) = leaks(series_job(tmp_path, labels, index=False))["alarms"]
    assert "the order of the records" in found
    assert "hold out by time or group" in found


def test_chance_raises_none(tmp_path):
    """An index column, and labels that have nothing to do with it, thirty times."""
    for seed in range(30):
        rng = np.random.default_rng(seed)
        job = series_job(tmp_path, [*rng.permutation(["a", "b", "c"] * 20)], index=True, n=60, seed=seed)
        assert leaks(job)["alarms"] == [], seed


def test_mixed_sample_rates_and_silence_are_alarms(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    rng = np.random.default_rng(0)
    for name, rate, silence in (("rates", (8000, 16000), (0, 0)), ("silence", (8000, 8000), (0, 800))):
        for label in (0, 1):
            (tmp_path / name / "ab"[label]).mkdir(parents=True)
            for i in range(30):
                wave = 0.1 * rng.standard_normal(rate[label] // 4)
                wave[: silence[label]] = 0
                soundfile.write(tmp_path / name / "ab"[label] / f"{i}.wav", wave, rate[label])
        (tmp_path / "r.yaml").write_text(AUDIO.format(path=tmp_path / name))
        (found,) = leaks(load_job(load_recipe(tmp_path / "r.yaml")))["alarms"]
        assert {"rates": "the sample rate", "silence": "the fraction of silence"}[name] in found


def test_image_files_of_another_size_per_class_are_one(tmp_path):
    pillow = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    for label in (0, 1):
        (tmp_path / "x" / "ab"[label]).mkdir(parents=True)
        for i in range(30):
            side = (12, 14)[label]
            image = pillow.fromarray(rng.integers(0, 255, (side, 12, 3)).astype(np.uint8))
            image.save(tmp_path / "x" / "ab"[label] / f"{i}.png")
    text = AUDIO.replace("audio, seconds: 0.25, rate: 8000", "image, size: 12")
    text = text.replace("signal_patches", "patch_projection, patch: 4")
    (tmp_path / "r.yaml").write_text(text.format(path=tmp_path / "x"))
    (found,) = leaks(load_job(load_recipe(tmp_path / "r.yaml")))["alarms"]
    assert "the height" in found


def test_it_is_cheap_for_ten_thousand_records(tmp_path):
    job = series_job(tmp_path, ["a", "b"] * 5000, index=True, n=10_000)
    started = time.perf_counter()
    leaks(job)
    assert time.perf_counter() - started < 2


def test_few_records_are_not_examined(tmp_path):
    assert leaks(series_job(tmp_path, ["a", "b"] * 10, index=True, n=20)) == {"alarms": []}

"""Series, recordings and tables over time from file to prediction; broken input by name."""

import csv
import json
import re

import numpy as np
import pytest

from xmr.cli.app import execute
from xmr.recipe.load import load_recipe

SERIES = """task: {task}
data: {{path: {path}, split: {{by: random, test: 0.3, validation: 0.2}}}}
encoder: {{name: series}}
source: {{name: resnet20_cifar10, weights: random}}
transform: {{name: signal_image}}
output: {{name: {output}}}
training: {{epochs: 2, learning_rate: 0.01, batch_size: 16}}
baselines: [majority, logistic, linear_probe]
"""
AUDIO = """task: classification
data:
  path: {path}
  pattern: "{{label}}_{{group}}_{{take}}"
  split: {{by: group, held_out_group: ann, validation: 0}}
encoder: {{name: audio, seconds: 0.5}}
source: {{name: minilm, layers: 1}}
transform: {{name: signal_patches}}
output: {{name: ridge}}
training: {{epochs: 1, batch_size: 16}}
baselines: [majority, mfcc_logistic]
"""
FORECAST = """task: forecasting
data: {{path: {path}, split: {{by: time, validation: 60, test: 60}}}}
encoder: {{name: forecast, context_length: 48, horizon: 12, season: 24}}
source: {{name: minilm, layers: 1}}
transform: {{name: signal_patches, patch: 12, stride: 12, instance_norm: true, rescale: false}}
output: {{name: forecast, width: 4}}
training: {{epochs: 3, learning_rate: 0.003, batch_size: 32}}
baselines: [last_value, seasonal_naive, linear]
"""


def rows_of(path):
    with path.open() as handle:
        return list(csv.DictReader(handle))


def series_file(path, n=60, length=40, labels=("slow", "fast")):
    rng = np.random.default_rng(0)
    clock = np.arange(length) / length
    with path.open("w") as handle:
        handle.write("id," + ",".join(f"t{i}" for i in range(length)) + ",label\n")
        for i in range(n):
            values = np.sin(2 * np.pi * (clock * (2 + 4 * (i % 2)) + rng.random())) + 0.1 * rng.standard_normal(length)
            handle.write(f"s{i}," + ",".join(f"{x:.4f}" for x in values) + f",{labels[i % 2]}\n")
    return path


def test_series_from_file_to_prediction(tmp_path):
    path = series_file(tmp_path / "x.csv")
    recipe = tmp_path / "r.yaml"
    recipe.write_text(SERIES.format(task="classification", path=path, output="ridge"))
    run = tmp_path / "run"
    assert execute(["run", str(recipe), "-o", str(run), "--quiet"]) == 0
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["source_unchanged"] is True
    assert metrics["test"]["accuracy"] > 0.8
    assert "reprogrammed images" in (run / "report.html").read_text()
    assert json.loads((run / "program" / "program.json").read_text())["output"]["name"] == "linear"
    out = tmp_path / "p.csv"
    assert execute(["predict", str(run), str(path), "-o", str(out)]) == 0
    found = rows_of(out)
    assert [row["id"] for row in found] == [f"s{i}" for i in range(60)]
    right = np.mean([row["predicted"] == ("slow", "fast")[i % 2] for i, row in enumerate(found)])
    assert right > 0.8
    assert execute(["evaluate", str(run), str(path)]) == 0


def test_columns_beside_the_samples_are_known_when_predicting(tmp_path, capsys):
    rows = [line.split(",") for line in series_file(tmp_path / "x.csv").read_text().splitlines()]
    beside = ["patient,age,weight", *(f"{i // 6},{i % 2},{i}.5" for i in range(60))]
    (tmp_path / "full.csv").write_text("".join(f"{','.join(row[1:-1])},{more}\n" for row, more in zip(rows, beside)))
    (tmp_path / "bare.csv").write_text("".join(f"{','.join(row[1:-1])}\n" for row in rows))
    recipe, run = tmp_path / "r.yaml", tmp_path / "run"
    recipe.write_text(SERIES.format(task="classification", path=tmp_path / "full.csv", output="ridge"))
    asked = [
        "data.target=age",
        "data.group_column=patient",
        "data.ignore_columns=[weight]",
        "data.split={by: group, held_out_group: '3', validation: 0}",
    ]
    assert execute(["run", str(recipe), *asked, "baselines=[]", "-o", str(run), "--quiet"]) == 0
    metrics = json.loads((run / "metrics.json").read_text())
    assert (metrics["n_train"], metrics["n_test"]) == (54, 6)
    for name in ("full", "bare"):
        assert execute(["predict", str(run), str(tmp_path / f"{name}.csv"), "-o", str(tmp_path / f"{name}.out")]) == 0
    assert (tmp_path / "full.out").read_text() == (tmp_path / "bare.out").read_text()
    assert execute(["evaluate", str(run), str(tmp_path / "full.csv")]) == 0
    assert execute(["evaluate", str(run), str(tmp_path / "bare.csv")]) == 2
    assert "expected a column named target" in capsys.readouterr().err


@pytest.mark.parametrize("task", ["regression", "multilabel"])
def test_other_tasks_of_series(tmp_path, task):
    labels = ("0.5", "2.25") if task == "regression" else ("0", "1")
    path = series_file(tmp_path / "x.csv", 40, labels=labels)
    recipe = tmp_path / "r.yaml"
    recipe.write_text(SERIES.format(task=task, path=path, output="ridge"))
    assert execute(["run", str(recipe), "-o", str(tmp_path / "run"), "--quiet"]) == 0


def test_recordings_of_a_speaker_left_out(tmp_path, capsys):
    soundfile = pytest.importorskip("soundfile")
    folder = tmp_path / "clips"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for speaker, pitch in (("ann", 1.0), ("bob", 0.8), ("cyd", 1.2)):
        for take in range(6):
            for label, tone in (("low", 200), ("high", 900)):
                clock = np.arange(3000) / 8000
                wave = 0.4 * np.sin(2 * np.pi * tone * pitch * clock + rng.random()) + 0.02 * rng.standard_normal(3000)
                soundfile.write(folder / f"{label}_{speaker}_{take}.wav", wave, 8000)
    recipe = tmp_path / "r.yaml"
    recipe.write_text(AUDIO.format(path=folder))
    run = tmp_path / "run"
    assert execute(["run", str(recipe), "-o", str(run), "--quiet"]) == 0
    metrics = json.loads((run / "metrics.json").read_text())
    assert (metrics["n_train"], metrics["n_test"]) == (24, 12)
    assert "ann held out of 3 groups" in metrics["split"]
    (folder / "broken_ann_9.wav").write_bytes(b"RIFF")
    out = tmp_path / "p.csv"
    assert execute(["predict", str(run), str(folder), "-o", str(out)]) != 0
    assert "broken_ann_9.wav" in capsys.readouterr().err
    assert execute(["predict", str(run), str(folder), "-o", str(out), "--on-error", "skip"]) == 0
    assert len(rows_of(out)) == 36
    assert "broken_ann_9.wav" in (tmp_path / "p.csv.skipped.csv").read_text()


def time_table(path, rows=400, time="date"):
    clock = np.arange(rows)
    noise = np.random.default_rng(0).standard_normal((rows, 2))
    values = np.stack([np.sin(2 * np.pi * clock / 24), 5 + 3 * np.cos(2 * np.pi * clock / 24)], axis=1) + 0.05 * noise
    lines = [f"{i},{a:.4f},{b:.4f}" for i, (a, b) in enumerate(values)]
    path.write_text(f"{time},x,y\n" + "\n".join(lines) + "\n")
    return path


def test_forecasts_go_on_where_the_table_ends(tmp_path):
    path = time_table(tmp_path / "t.csv", time="when")
    recipe = tmp_path / "r.yaml"
    recipe.write_text(FORECAST.format(path=path))
    run = tmp_path / "run"
    assert execute(["run", str(recipe), "data.time=when", "-o", str(run), "--quiet"]) == 0
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["test"]["mse"] < 0.5 * metrics["baselines"]["last_value"]["mse"]
    assert metrics["n_test"] == 2 * (60 - 12 + 1)
    out = tmp_path / "p.csv"
    assert execute(["predict", str(run), str(path), "-o", str(out)]) == 0
    found = rows_of(out)
    assert [row["id"] for row in found] == ["400 x", "400 y"]  # the time of t+1
    values = np.array([float(found[1][f"t+{i}"]) for i in range(1, 13)])
    expected = 5 + 3 * np.cos(2 * np.pi * np.arange(400, 412) / 24)
    assert np.abs(values - expected).mean() < 1.0
    assert execute(["evaluate", str(run), str(path)]) == 0
    other = tmp_path / "other.csv"
    other.write_text(path.read_text().replace("when", "hour"))
    assert execute(["evaluate", str(run), str(other)]) == 2
    assert execute(["evaluate", str(run), str(other), "--input", "hour"]) == 0


def test_a_table_with_gaps_and_a_column_of_words_is_forecast(tmp_path):
    path = time_table(tmp_path / "t.csv", time="when")
    rows = [line.split(",") for line in path.read_text().splitlines()]
    for place in range(20, len(rows), 17):
        rows[place][1] = ""
    path.write_text("\n".join(",".join([*row, "place" if row == rows[0] else "here"]) for row in rows) + "\n")
    recipe = tmp_path / "r.yaml"
    recipe.write_text(FORECAST.format(path=path))
    asked = ["run", str(recipe), "data.time=when", "training.epochs=1", "-o", str(tmp_path / "run"), "--quiet"]
    assert execute([*asked, "data.ignore_columns=[place]"]) == 2
    assert execute([*asked, "encoder.missing=carry"]) == 2
    assert execute([*asked, "data.ignore_columns=[place]", "encoder.missing=carry"]) == 0
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert all(np.isfinite(found["mse"]) for found in (metrics["test"], *metrics["baselines"].values()))
    assert execute(["evaluate", str(tmp_path / "run"), str(path)]) == 0
    assert execute(["predict", str(tmp_path / "run"), str(path), "-o", str(tmp_path / "p.csv")]) == 0
    assert len(rows_of(tmp_path / "p.csv")) == 2
    assert execute(["new", "forecast", str(path), "--input", "when", "--ignore-column", "place"]) == 0
    text = (tmp_path / "t.yaml").read_text()
    assert load_recipe(str(tmp_path / "t.yaml")).data.ignore_columns == ["place"]
    assert "23 missing values" in text
    assert "missing: carry" in text


def test_new_recipes_for_series_and_recordings(tmp_path):
    path = series_file(tmp_path / "x.csv")
    assert execute(["new", "series", str(path)]) == 0
    text = (tmp_path / "x.yaml").read_text()
    assert "60 series of 1 channel and at most 40 samples" in text
    assert "signal_image" in text


# what is wrong, the file's text, further settings, what the message must hold
BROKEN = [
    ("a word among numbers", "a,b,label\n1,2,x\n1,two,y\n", [], r"x\.csv:3: b: found 'two'; expected a number"),
    ("too few fields", "a,b,label\n1,2,x\n1,y\n", [], r"x\.csv:3: found 2 fields; expected 3"),
    ("no label column", "a,b,kind\n1,2,x\n", [], r"columns a, b, kind; expected a column named target"),
    ("another label column", "a,b,label\n1,2,x\n", ["data.target=lable"], r"'lable'.*did you mean label"),
    ("a series of one sample", "a,label\n1,x\n2,y\n", [], r"found a series of 1 values; expected at least 2"),
    ("all missing", "a,b,label\n?,?,x\n1,2,y\n", [], r"found a series of 0 values; expected at least 2"),
    ("infinite", "a,b,label\ninf,1,x\n1,2,y\n", [], r"found infinite values; expected finite numbers"),
    ("gaps refused", "a,b,c,label\n1,,3,x\n1,2,3,y\n", ["encoder.missing=fail"], r"found missing values"),
    ("lengths differ", "a,b,c,label\n1,2,3,x\n1,2,,y\n", ["encoder.length=fail"], r"found 2 samples; expected"),
    ("no label", "a,b,label\n1,2,x\n1,2,\n", [], r"found no label"),
    ("one class", "a,b,label\n" + "".join(f"{i},{i * i},x\n" for i in range(9)), [], r"only one class"),
    ("labels of their own", "a,b,label\n" + "".join(f"{i},2,{i}.5\n" for i in range(40)), [], r"task: regression"),
    ("an empty file", "", [], r"an empty file"),
    ("open quotes", 'a,b,label\n1,"2,x\n', [], r"x\.csv"),
    ("a patch longer than the series", "a,b,label\n1,2,x\n2,3,y\n3,5,x\n4,1,y\n5,5,x\n6,0,y\n",
     ["source={name: minilm, layers: 1}", "transform={name: signal_patches, patch: 9}"], r"transform\.patch: found 9"),
    ("a wrong transform", "a,b,label\n1,2,x\n2,3,y\n", ["transform.name=border"], r"'border'.*signal"),
    ("a wrong baseline", "a,b,label\n1,2,x\n2,3,y\n", ["baselines=[minirokcet]"], r"minirocket"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "more", "said"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_broken_series_are_one_line(tmp_path, capsys, text, more, said):
    path, recipe = tmp_path / "x.csv", tmp_path / "r.yaml"
    path.write_text(text)
    recipe.write_text(SERIES.format(task="classification", path=path, output="linear"))
    assert execute(["run", str(recipe), "-o", str(tmp_path / "run"), "--quiet", *more]) != 0
    error = capsys.readouterr().err
    assert "Traceback" not in error
    assert re.search(said, error.replace("\n", " ")), error


def test_a_class_unseen_in_training_is_skipped_when_asked(tmp_path):
    path = series_file(tmp_path / "x.csv")
    text = path.read_text().splitlines()
    header = text[0] + ",set"
    rows = [f"{line},{'train' if i < 40 else 'test'}" for i, line in enumerate(text[1:])]
    rows[-1] = rows[-1].replace("fast", "new")
    path.write_text("\n".join([header, *rows]) + "\n")
    recipe = tmp_path / "r.yaml"
    recipe.write_text(SERIES.format(task="classification", path=path, output="linear"))
    order = ["data.split.by=predefined", "baselines=[]", "--quiet", "-o"]
    assert execute(["run", str(recipe), *order, str(tmp_path / "a")]) != 0
    assert execute(["run", str(recipe), *order, str(tmp_path / "b"), "data.on_error=skip"]) == 0
    assert "found the label 'new'" in (tmp_path / "b" / "skipped.csv").read_text()

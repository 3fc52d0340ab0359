"""Pictures from folder to prediction, end to end: run, resume, predict, evaluate, report, broken files by name."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from safetensors.torch import save_file

from xmr.cli.app import execute
from xmr.data.settings import DataSettings
from xmr.encoders.image import ImageEncoder
from xmr.prepare import prepare
from xmr.sources.resnet20 import ResNet20Network

RECIPE = """task: classification
data: {{path: {folder}, split: {{by: random, test: 0.3, validation: 0.2}}}}
encoder: {{name: image, size: 16}}
source: {{name: resnet20_cifar10, weights: random}}
transform: {{name: {transform}}}
output: {{name: {output}}}
training: {{epochs: 2, learning_rate: 0.05, batch_size: 16}}
baselines: [majority, pixel_logistic, linear_probe]
"""

# what is wrong, the file, its bytes, what the message must hold
PICTURES = [
    ("an image of zero bytes", "zero.png", b"", r"zero\.png'?: found a file of zero bytes; expected an image"),
    ("not an image", "text.png", b"not a picture", r"text\.png'?: found no image; expected one of PNG"),
    ("an image cut short", "cut.jpg", None, r"cut\.jpg'?: found a damaged image"),
]


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(40):
        pixels = rng.integers(0, 90, (20, 24, 3)).astype(np.uint8)
        pixels[:10] += 150 * (number % 2)
        path = tmp_path / "pics" / ("dark", "bright")[number % 2] / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Pillow.fromarray(pixels).save(path)
    return tmp_path / "pics"


def write(folder, transform="border", output="iterative_mapping"):
    path = folder.parent / "r.yaml"
    path.write_text(RECIPE.format(folder=folder, transform=transform, output=output))
    return path


def test_from_folder_to_prediction(folder, tmp_path):
    run = tmp_path / "run"
    assert execute(["run", str(write(folder)), "-o", str(run), "--quiet"]) == 0
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["source_unchanged"] is True
    assert metrics["baselines"]["pixel_logistic"]["accuracy"] == 1.0
    assert (metrics["n_train"], metrics["n_validation"], metrics["n_test"]) == (22, 6, 12)
    with (run / "mapping.csv").open() as handle:
        mapping = list(csv.DictReader(handle))
    assert {row["target"] for row in mapping} == {"bright", "dark"}
    assert {row["source class"] for row in mapping} <= {"airplane", "automobile", "bird", "cat", "deer"} | {
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    }
    report = (run / "report.html").read_text()
    assert "Top source classes per target class" in report
    assert "What the source sees" in report
    assert 'alt="reprogrammed images"' in report
    assert execute(["run", str(write(folder)), "-o", str(run), "--quiet", "--resume"]) == 0
    out = tmp_path / "answers.csv"
    assert execute(["predict", str(run), str(folder), "-o", str(out)]) == 0
    with out.open() as handle:
        rows = list(csv.DictReader(handle))
    assert [row["id"] for row in rows] == sorted(str(p.relative_to(folder)) for p in folder.rglob("*.png"))
    assert all(abs(float(row["p[bright]"]) + float(row["p[dark]"]) - 1) < 1e-4 for row in rows)
    with (run / "predictions.csv").open() as handle:
        test = {row["id"]: float(row["p[dark]"]) for row in csv.DictReader(handle)}
    again = {row["id"]: float(row["p[dark]"]) for row in rows}
    assert all(abs(again[name] - value) < 1e-3 for name, value in test.items())
    assert execute(["evaluate", str(run), str(folder)]) == 0
    assert execute(["check", str(write(folder))]) == 0


@pytest.mark.parametrize("transform", ["watermark", "sample_specific_masks", "coordinator", "clustered_border"])
def test_other_transforms_run(folder, tmp_path, transform):
    recipe = str(write(folder, transform, "bayesian_plus_mapping"))
    assert execute(["run", recipe, "baselines=[]", "ensemble=2", "-o", str(tmp_path / "run"), "--quiet"]) == 0
    out = tmp_path / "answers.csv"
    assert execute(["predict", str(tmp_path / "run"), str(folder / "dark"), "-o", str(out)]) == 0
    assert len(out.read_text().splitlines()) == 21


@pytest.mark.parametrize(("name", "file", "content", "message"), PICTURES, ids=[row[0] for row in PICTURES])
def test_broken_pictures(folder, tmp_path, capsys, name, file, content, message):
    if content is None:
        Pillow.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40, 3)).astype(np.uint8)).save(tmp_path / file)
        content = (tmp_path / file).read_bytes()[:1200]
    (folder / "dark" / file).write_bytes(content)
    assert execute(["run", str(write(folder)), "-o", str(tmp_path / "run"), "--quiet"]) == 2
    error = capsys.readouterr().err
    assert re.search(message, error.replace("\n", " ")), error
    assert "Traceback" not in error
    skip = ["run", str(write(folder)), "data.on_error=skip", "baselines=[]", "-o", str(tmp_path / "run"), "--quiet"]
    assert execute(skip) == 0
    assert file in (tmp_path / "run" / "skipped.csv").read_text()
    assert f"| {name} |" in (Path(__file__).parents[2] / "docs" / "bad-input.md").read_text()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["data.split.by=cluster"], r"data\.split\.by: found 'cluster', of sequences for image"),
        (["data.max_length=9"], r"data\.max_length: found a limit of symbols for image"),
        (
            ["transform.name=free_embedding"],
            r"'free_embedding' \(symbols into token space\) between image and pixel space",
        ),
        (["baselines=[kmer_forest]"], r"baselines\.0: found 'kmer_forest'; expected one of cnn, fine_tuning"),
        (["output.name=linear", "output.pool=cls"], r"'cls' for a source that returns one vector"),
        (
            ["output.name=iterative_mapping", "output.size=9"],
            r"18 source classes needed; expected at most the source's 10",
        ),
        (["source.weights=pretrained", "source.weights_file=no.pt"], r"source\.weights_file: found no file 'no\.pt'"),
        (["output.name=text_mapping"], r"a source whose classes are not texts"),
        (["output.name=random_mapping", "transform.name=clustered_border", "transform.clusters=0"], r"clusters"),
    ],
)
def test_recipes_that_cannot_be(folder, tmp_path, capsys, overrides, message):
    assert execute(["run", str(write(folder)), *overrides, "-o", str(tmp_path / "run"), "--quiet"]) == 2
    error = capsys.readouterr().err.replace("\n", " ")
    assert re.search(message, error), error
    assert "Traceback" not in error


def test_a_drafted_recipe_runs(folder, tmp_path):
    save_file(ResNet20Network().state_dict(), tmp_path / "net.safetensors")
    assert execute(["new", "image", str(folder), "-o", str(tmp_path / "mine.yaml")]) == 0
    overrides = ["source.name=resnet20_cifar10", f"source.weights_file={tmp_path / 'net.safetensors'}"]
    overrides += ["training.epochs=1", "encoder.size=32"]
    assert execute(["run", str(tmp_path / "mine.yaml"), *overrides, "-o", str(tmp_path / "run"), "--quiet"]) == 0


def test_an_interrupted_run_resumes_to_the_same_bits(folder, tmp_path):
    """Masks have batch-norm statistics of their own, mappings have counts: all of it is in a checkpoint."""
    from xmr.job import load_job
    from xmr.recipe.load import load_recipe
    from xmr.training.checkpoint import trained_state
    from xmr.training.interrupt import TrainingInterruptedError
    from xmr.training.loop import train

    recipe = load_recipe(write(folder, "sample_specific_masks", "bayesian_mapping"), ["training.optimizer=sgd"])

    def trained(place, stop_after=None, resume=False):
        job = load_job(recipe)
        steps = 0

        def report(event):
            nonlocal steps
            steps += event["kind"] == "step"
            if steps == stop_after:
                raise TrainingInterruptedError

        arguments = (job.program, job.sets["train"], job.sets["validation"], recipe.training, 0, place, report, resume)
        try:
            train(*arguments)
        except TrainingInterruptedError:
            return None
        return trained_state({"t": job.program.transforms, "o": job.program.outputs})

    whole = trained(tmp_path / "a")
    assert trained(tmp_path / "b", stop_after=3) is None
    resumed = trained(tmp_path / "b", resume=True)
    assert all((whole[key] == resumed[key]).all() for key in whole)


@pytest.mark.parametrize("spec", ["folders", "lists of one folder", "lists of two folders"])
def test_a_test_part_of_its_own_finds_its_pictures(folder, tmp_path, spec):
    """`data.test_path` beside `data.path`: each names its pictures below its own folder."""
    other = tmp_path / "held"
    (tmp_path / "pics").rename(tmp_path / "train_pics")
    train = tmp_path / "train_pics"
    for name in ("dark", "bright"):
        (other / name).mkdir(parents=True)
        for path in sorted((train / name).iterdir())[:5]:
            path.rename(other / name / path.name)
    places = train, other
    if spec == "lists of one folder":
        for path in other.rglob("*.png"):
            path.rename(train / path.parent.name / path.name)
    if spec != "folders":
        home = (train, train) if spec == "lists of one folder" else places
        held = [f"{n}/{m:02d}.png" for n, ms in (("dark", range(0, 10, 2)), ("bright", range(1, 10, 2))) for m in ms]
        kept = [p.relative_to(train).as_posix() for p in sorted(train.rglob("*.png"))]
        places = home[0] / "train.csv", home[1] / "test.csv"
        for place, names in zip(places, ([n for n in kept if n not in held], held)):
            place.write_text("path,label\n" + "".join(f"{n},{n.split('/')[0]}\n" for n in names))
    split = {"by": "predefined", "validation": 0}
    settings = DataSettings(path=str(places[0]), test_path=str(places[1]), split=split)
    prepared = prepare(settings, "classification", ImageEncoder(size=8), 0)
    assert (len(prepared.split.train), len(prepared.split.test), len(prepared.skipped)) == (30, 10, 0)

"""report.html says which records, which labels, which thresholds, and what to do next; names from files are text."""

import html
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from xmr.cli.app import execute
from xmr.commands.run import run
from xmr.recipe.load import load_recipe
from xmr.report.next_steps import next_steps
from xmr.report.thresholds import threshold_table

RECIPE = """task: classification
data: {{path: "{path}", split: {{by: random, test: 40, validation: 20}}}}
encoder: {{name: {encoder}}}
source: {{name: minilm, layers: 1}}
transform: {{name: {transform}}}
output: {{name: linear}}
training: {{epochs: 2, precision: full}}
baselines: [majority]
"""
BAD = '<b>"x"&amp;'  # a name from a file


def text_of(page):
    return html.unescape(re.sub(r"<[^>]+>", " ", page))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A run on random peptides, with an id and a class that look like HTML."""
    place = tmp_path_factory.mktemp("a report") / "out"
    rng = np.random.default_rng(0)
    lines = ["id,sequence,label"]
    for i in range(160):
        sequence = "".join(rng.choice(list("ACDEFGHIKL"), 20))
        lines.append(f"{BAD.replace(chr(34), '')}{i},{sequence},{['yes', '<i>no'][i % 2]}")
    (place.parent / "x.csv").write_text("\n".join(lines) + "\n")
    made = RECIPE.format(path=place.parent / "x.csv", encoder="protein", transform="free_embedding")
    (place.parent / "r.yaml").write_text(made)
    run(load_recipe(place.parent / "r.yaml"), place, device="cpu")
    return place, (place / "report.html").read_text()


def test_the_largest_errors_name_the_record_and_its_sequence(page):
    _, text = page
    table = text.split("Largest errors in the test set")[1].split("</table>")[0]
    assert re.search(r"&lt;b&gt;x&amp;amp;\d+", table)
    assert re.search(r">[ACDEFGHIKL]{20}<", table)
    assert "<i>no" not in text
    assert "<b>x" not in text


def test_attributions_have_the_id_and_the_true_label(page):
    part = text_of(page[1].split("Feature attribution")[1].split("<h2>")[0])
    assert len(re.findall(r"<b>x&amp;\d+, (yes|<i>no) \(0\.\d\d\), true: (yes|<i>no)", part)) == 4


def test_symbols_have_where_they_started_and_how_far_they_moved(page):
    part = page[1].split("What the program learned")[1].split("<h2>")[0]
    assert "started at" in part
    assert len(re.findall(r'<td class="n">\d+%</td>', part)) == 20


def test_sensitivity_and_specificity_by_threshold(page):
    assert "sensitivity" in page[1]
    score, truth = np.array([0.9, 0.6, 0.4, 0.2]), np.array([True, False, True, False])
    table = text_of(threshold_table(score, truth, "A<b>", 0.35))
    rows = {cells[0]: cells[1:] for line in table.splitlines() if len(cells := line.split()) >= 5}
    assert rows["0.5"] == ["0.500", "0.500", "0.500", "2"]
    assert rows["0.35"] == ["(in", "use)", "1.000", "0.500", "0.667", "3"]
    assert rows["0.3"] == ["1.000", "0.500", "0.667", "3"]
    assert table.count("A<b>") == 2


def test_what_to_do_next_can_be_typed(page, tmp_path, capsys):
    text = page[1]
    part = text.split("What to do next")[1].split("<h2>")[0]
    commands = [html.unescape(found) for found in re.findall(r"<code>(.*?)</code>", part)]
    assert any("--resume --controls" in command for command in commands)
    assert any("data.split.by=cross_validation" in command for command in commands)  # 160 records are few
    asked = next(command for command in commands if command.endswith("--resume --controls"))
    words = shlex.split(asked)  # the folder has a blank in its name
    assert words[:2] == ["xmr", "run"]
    assert execute(words[1:]) == 0
    assert "control: shuffled labels" in capsys.readouterr().err
    again = (page[0] / "report.html").read_text()
    assert "control: shuffled labels" in again
    assert again.split("Largest errors")[1].split("</table>")[0] == text.split("Largest errors")[1].split("</table>")[0]


def result(**changed):
    whole = {
        "metric": "auroc",
        "test": {"auroc": 0.8},
        "test_interval": {"auroc": [0.7, 0.9]},
        "chance": {"auroc": 0.5},
        "baselines": {},
        "best_epoch": 3,
        "split": "random",
        "epochs_run": 10,
        "n_train": 800,
        "n_validation": 100,
        "n_test": 100,
        "controls": {},
    }
    return {**whole, **changed}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"baselines": {"kmer_forest": {"auroc": 0.9}}}, "xmr compare runs/a/recipe.yaml --seeds 5"),
        ({"test_interval": {"auroc": [0.4, 0.9]}}, "xmr scan runs/a/recipe.yaml"),
        ({"best_epoch": 10}, "xmr run runs/a/recipe.yaml training.epochs=20 -o runs/a-longer"),
        ({"leaks": {"alarms": ["x"]}}, "xmr check runs/a/recipe.yaml"),
        ({}, "xmr compare runs/a/recipe.yaml --train-sizes 50,200,all"),
    ],
)
def test_the_most_urgent_step_follows_from_the_figures(changed, expected):
    assert next_steps(result(**changed), Path("runs/a"))[0][1] == expected


def test_errors_of_a_table_name_the_cells(tmp_path):
    rng = np.random.default_rng(0)
    lines = [f"{rng.standard_normal():.3f},{'ns'[i % 2]},{'ab'[i % 2]}" for i in range(160)]
    lines += [f"{rng.standard_normal():.3f},{'ns'[i % 2]},{'ba'[i % 2]}" for i in range(40)]
    (tmp_path / "x.csv").write_text("\n".join(["age,town,label", *lines]) + "\n")
    (tmp_path / "r.yaml").write_text(
        RECIPE.format(path=tmp_path / "x.csv", encoder="table", transform="feature_tokens")
    )
    run(load_recipe(tmp_path / "r.yaml"), tmp_path / "out", device="cpu")
    table = (tmp_path / "out" / "report.html").read_text().split("Largest errors")[1].split("</table>")[0]
    assert re.search(r"age: -?\d\.\d+, town: [ns]", table)

"""Every recipe is valid and runs; what is wrong with one is said with its line and the nearest right name."""

import math
from pathlib import Path

import numpy as np
import pytest

from tests.tiny import WORDS, tiny_audio, tiny_model, tiny_source, tiny_vision
from xmr.core.component import KINDS, create, section_model
from xmr.core.registry import ENCODERS, TRANSFORMS, grid
from xmr.errors import RecipeError
from xmr.program import Program
from xmr.recipe.load import RENAMED, dump_recipe, load_recipe, recipe_names, recipes_folder
from xmr.recipe.recipe import space_of
from xmr.sources.hf_text import HFText
from xmr.sources.specials import Specials
from xmr.tasks.base import task_class
from xmr.tasks.forecasting import Forecasting
from xmr.training.loop import train
from xmr.training.work import LabelledSet

FOR_TINY = {  # what does not fit sources of 32 x 32 pixels and 40 words
    "clip_vp": ["transform.width=10"],
    "warp": [f"output.words={{high: [{WORDS[5]}], low: [{WORDS[6]}]}}"],
}
RECIPES = sorted(recipes_folder().rglob("*.yaml"))
GOOD = """task: classification
seed: 0
data:
  dataset: amp_vs_uniprot
  split: {by: random, test: 0.2}
encoder: {name: protein, max_length: 30}
source: {name: minilm, layers: 1}
transform: {name: free_embedding}
output: {name: linear, pool: mean}
training: {epochs: 1, learning_rate: 3e-3}
"""


def write(tmp_path, text):
    path = tmp_path / "r.yaml"
    path.write_text(text)
    return path


def _tokens(texts):
    """A token per word: its own where the tiny source has it, else another."""
    return [[WORDS.index(word) if word in WORDS else 7 + len(word) % 5 for word in text.split()] for text in texts]


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_every_recipe_runs_a_few_steps(path, tmp_path, monkeypatch):
    text = path.read_text()
    head = text.split("task:")[0]
    assert head.startswith("# ")
    assert "Run: " in head
    recipe = load_recipe(path, FOR_TINY.get(path.stem, ()))
    encoder = create(ENCODERS, recipe.encoder)
    steps = recipe.task == "forecasting"
    tiny = {
        "pixel": lambda: tiny_vision(labels=60),
        "wave": tiny_audio,
        "token": lambda: tiny_source("t5" if steps else "bert"),  # a tiny BERT takes 62 tokens
    }
    source = tiny[space_of(recipe.source["name"])]()
    if recipe.output["name"] == "verbalizer":
        around = Specials((1,), (2,), WORDS, (), _tokens, mask=3)
        source = HFText("tiny").adopt(tiny_model("bert"), around)
    if recipe.source["name"] == "clip":
        groups = [*(recipe.output.get("groups") or ["texts"])]
        source.text_of = ("high", "low") * (source.classes // 2)
        source.group_of = tuple(groups[i // 2 % len(groups)] for i in range(source.classes))
    capacity = create(TRANSFORMS, recipe.transform).capacity(source.space)
    encoder.configure(capacity, source.space.rate, source.tokenize)
    records = encoder.example(24, 0, recipe.task)
    encoder.fit(records)
    targets = Forecasting.steps(encoder.horizon) if steps else task_class(recipe.task).fit(records)
    data = LabelledSet(encoder.encode(records), targets.encode(records), records.ids)
    if recipe.output["name"] == "primed_mapping":
        monkeypatch.chdir(tmp_path)
        np.savez("answers.npz", ids=np.array(records.ids), logp=np.zeros((len(records), 5)))
    length = int(data.data.width[0]) if encoder.one_length else None
    program = Program.build(encoder, recipe.transform, source, recipe.output, targets, recipe.ensemble, 0, length)
    settings = recipe.training.model_copy(update={"epochs": 3, "min_steps": 0})
    history = train(program, data, data, settings, 0, tmp_path)
    assert len(history.rows) == 4  # with the untrained program
    assert math.isfinite(history.best_score)


@pytest.mark.parametrize("name", RENAMED)
def test_an_old_recipe_is_answered_with_the_new_command(name):
    with pytest.raises(RecipeError, match=r"found a recipe of version 0\.1; expected its new name: xmr run ") as caught:
        load_recipe(name)
    new, *overrides = str(caught.value).partition("xmr run ")[2].split()
    assert name not in recipe_names()
    recipe = load_recipe(new, overrides)
    assert recipe.data.dataset == name.removeprefix("image/")


def test_a_recipe_reruns_as_it_was_written(tmp_path):
    for path in RECIPES:
        recipe = load_recipe(path)
        again = tmp_path / "again.yaml"
        again.write_text(dump_recipe(recipe))
        assert load_recipe(again).model_dump() == recipe.model_dump()


def test_numbers_are_yaml_1_2(tmp_path):
    recipe = load_recipe(write(tmp_path, GOOD))
    assert recipe.training.learning_rate == 0.003
    assert load_recipe(write(tmp_path, GOOD.replace("3e-3", "1e-3"))).training.learning_rate == 0.001


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "epochs: 1",
            "epoch: 1",
            r"r\.yaml:10: training\.epoch: found the unknown key 'epoch'.*did you mean epochs",
        ),
        ("pool: mean", "pool: meen", r"r\.yaml:9: output\.pool: found 'meen'.*did you mean mean"),
        (
            "name: free_embedding",
            "name: free_embeding",
            r"r\.yaml:8: transform\.name.*did you mean free_embedding",
        ),
        ("layers: 1", "layers: none", r"r\.yaml:7: source\.layers: found 'none'; expected a valid integer"),
        ("layers: 1", "layers: 0", r"source\.layers: found 0; expected greater than or equal to 1"),
        (
            "task: classification",
            "task: clasification",
            r"r\.yaml:1: task: found 'clasification'.*did you mean classification",
        ),
        ("test: 0.2}", "test: -1}", r"r\.yaml:5: data\.split\.test: found -1"),
        ("by: random", "by: cluser", r"did you mean cluster"),
        (
            "dataset: amp_vs_uniprot",
            "input: x",
            r"r\.yaml:3: data: .*exactly one of data.dataset and data.path",
        ),
        (
            "name: linear, pool: mean",
            "name: per_position",
            r"'per_position' for task classification; expected one of .*linear",
        ),
        ("pool: mean", "pool: concat", r"aligned: true"),
        (
            "name: linear, pool: mean",
            "name: frequent_mapping, pool: concat",
            r"output\.pool: found 'concat'; expected 'mean', 'cls', 'last' or 'attention'",
        ),
        (
            "seed: 0",
            "seed: 0\nseed: 1",
            r"r\.yaml:3: found the key 'seed' again; expected each key once",
        ),
        ("seed: 0", "seed: !!python/object/apply:os.system [ls]", r"YAML tag|could not determine"),
        ("{name: protein, max_length: 30}", "protien", r"r\.yaml:6: encoder\.name.*did you mean protein"),
        ("encoder:", "encoders:", r"the unknown key 'encoders'.*did you mean encoder"),
        ("seed: 0", "seed: [0", r"r\.yaml:\d+: found"),
        ("data:", "data: &a", r""),
    ],
)
def test_what_is_wrong_is_said(tmp_path, old, new, message):
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new, 1))
    if not message:
        load_recipe(path)
        return
    with pytest.raises(RecipeError, match=message):
        load_recipe(path)


def test_all_problems_at_once(tmp_path):
    text = GOOD.replace("pool: mean", "pool: meen").replace("epochs: 1", "epoch: 1").replace("seed: 0", "sed: 0")
    with pytest.raises(RecipeError) as caught:
        load_recipe(write(tmp_path, text))
    assert len(caught.value.problems) == 3


def test_overrides(tmp_path):
    path = write(tmp_path, GOOD)
    recipe = load_recipe(path, ["training.epochs=7", "source=identity", "transform.name=vocabulary_map", "ensemble=2"])
    assert recipe.training.epochs == 7
    assert recipe.source["name"] == "identity"
    assert recipe.transform == {"name": "vocabulary_map", "init": "random_tokens", "init_tokens": None}
    assert recipe.ensemble == 2
    with pytest.raises(RecipeError, match=r"override training\.epoch=7: .*did you mean epochs"):
        load_recipe(path, ["training.epoch=7"])
    with pytest.raises(RecipeError, match=r"section\.key=value"):
        load_recipe(path, ["epochs"])


def test_unknown_recipe_has_a_nearest_name():
    with pytest.raises(RecipeError, match="did you mean protein/amp"):
        load_recipe("protein/amq")
    with pytest.raises(RecipeError, match="no such file"):
        load_recipe("nowhere.yaml")


def test_an_empty_cell_is_refused_before_anything_is_loaded(tmp_path):
    """A source of another space names the cells that would work, and no weights are touched."""
    from xmr.core.registry import SOURCES

    SOURCES.add("pixels_for_test", "xmr.sources.identity:Identity", space="pixel")
    try:
        with pytest.raises(
            RecipeError,
            match=r"'free_embedding' \(symbols into token space\) between symbols and pixel.*one of symbol_tiles",
        ):
            load_recipe(write(tmp_path, GOOD), ["source=pixels_for_test"])
    finally:
        SOURCES._entries.pop("pixels_for_test")


@pytest.mark.parametrize("section", [[], ["source={name: http_image, url: 'http://127.0.0.1:9', classes: 10}"]])
def test_a_gradient_through_a_source_that_only_answers_is_refused_before_it_is_loaded(section):
    """The file and the service need not exist for this."""
    said = r"training\.optimizer.*found 'adamw' for a source that only answers; expected rgf, spsa, zip, cma"
    with pytest.raises(RecipeError, match=said):
        load_recipe("blackbox/digits_onnx", [*section, "training.epochs=5"])
    assert load_recipe("blackbox/digits_onnx", [*section, "training.epochs=0"])
    assert load_recipe("blackbox/digits_onnx", [*section, "training.epochs=5", "training.optimizer=spsa"])


def test_registry_and_classes_name_the_same_cells():
    for entry in TRANSFORMS:
        assert (entry.fact("takes"), entry.fact("space")) == (entry.load().takes, entry.load().space)
    assert grid()["symbols", "token"]


def test_every_argument_is_documented_in_its_class():
    from xmr.core.component import help_of

    for registry in KINDS.values():
        for entry in registry:
            assert set(section_model(entry.load()).model_fields) == set(help_of(entry.load())), entry.name


def test_listing_imports_no_torch():
    import subprocess
    import sys

    heavy = "assert not {'torch', 'transformers'} & set(sys.modules)"
    code = f"import sys, xmr.cli.app, xmr.core.registry as r; r.grid(); {heavy}"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_path_is_read_beside_the_recipe(tmp_path):
    (tmp_path / "mine.csv").write_text("sequence,label\nACD,1\n")
    recipe = load_recipe(write(tmp_path, GOOD.replace("dataset: amp_vs_uniprot", "path: mine.csv")))
    assert Path(recipe.data.path) == tmp_path / "mine.csv"

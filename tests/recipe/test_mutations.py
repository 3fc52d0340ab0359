"""Packaged recipes, damaged at random: each is read, or refused by one error at a place, at once."""

import copy
import io
import random
import time

import pytest
from ruamel.yaml import YAML

from xmr.errors import RecipeError
from xmr.recipe.load import dump_recipe, load_recipe, recipes_folder
from xmr.recipe.plain_yaml import read_file

RECIPES = sorted(recipes_folder().rglob("*.yaml"))
CASES = 100
ODD = [
    *(None, True, False, 0, -1, 10**12, -(10**30), 1.5, float("nan"), float("inf"), 1e-320),
    *("", "x", "\u202e", "a" * 5000, "null", "__class__", "/dev/zero", "1e5"),
    *(
        [],
        {},
        [[]],
        [None],
        [1, 2],
        ["a", "b"],
        {"a": 1},
        {"name": "identity"},
        {"name": None},
        {"name": ["x"]},
        {"": {}},
    ),
    {"a": {"b": {"c": [1, {"d": float("nan")}]}}},
]
KEYS = ["name", "x", "", " ", "task", "columns", "pool", "size", "width", "layers", "texts", "names", "skip", "target"]
MARKS = [*"[]{}:,&*!|>'\"%@`#-?\t\n \\0~", "\x00", "\x85", "!!set ", "<<: ", "---\n", "? "]


def places(tree, path=()):
    """The path of every value in plain data."""
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [place for key, value in inner for place in ((*path, key), *places(value, (*path, key)))]


def mutated(tree, draw):
    """One to four values or keys of plain data removed, renamed, moved or replaced; then, at times, of its text."""
    tree = copy.deepcopy(tree)
    for _ in range(draw.randint(1, 4)):
        *above, key = draw.choice(places(tree) or [("task",)])
        parent = tree
        for part in above:
            parent = parent[part]
        chance = draw.random()
        if chance < 0.2 and key in parent:
            del parent[key]
        elif chance < 0.5 and isinstance(parent, dict):
            parent[draw.choice([*KEYS, f"{key}s", str(key)[:-1]])] = parent.pop(key, None)
        elif chance < 0.6:
            parent[key] = [draw.choice(ODD)] * 2
        else:
            parent[key] = copy.deepcopy(draw.choice(ODD))
    out = io.StringIO()
    YAML(typ="safe", pure=True).dump(tree, out)
    text = out.getvalue()
    for _ in range(draw.choice([0, 0, 0, 1, 3])):
        at = draw.randrange(len(text) + 1)
        text = text[:at] + draw.choice(MARKS) + text[at:]
    return text


def test_damaged_recipes(tmp_path):
    draw = random.Random(0)
    trees = [read_file(path)[0] for path in RECIPES]
    for path in RECIPES:
        load_recipe(path)  # imports are not counted
    path, again, refused = tmp_path / "r.yaml", tmp_path / "again.yaml", 0
    for _ in range(CASES):
        text = mutated(draw.choice(trees), draw)
        path.write_text(text)
        start = time.process_time()
        try:
            recipe = load_recipe(path)
        except RecipeError as error:
            refused += 1
            for line in str(error).splitlines():
                assert line.isprintable(), text
                assert line.startswith((f"{path}:", "and ")), text
        else:
            again.write_text(dump_recipe(recipe))
            assert dump_recipe(load_recipe(again)) == dump_recipe(recipe), text
        assert time.process_time() - start < 2, text
    assert refused > CASES / 2


@pytest.mark.parametrize(
    "change",
    [
        *("encoder.max_length=1000000000000", "ensemble=1000000000", "training.epochs=1000000000", "seed=-1"),
        *("seed=4294967296", "data.seed=1e30", "data.split.test=.inf", "training.learning_rate=.inf"),
        *("training.max_grad_norm=.nan", "training.min_steps=100000000", "training.batch_tokens=1000000000000"),
        *(
            "source={name: identity, width: 1e9}",
            "source={name: identity, vocabulary: 1000000000}",
            "source.layers=1000000",
        ),
        *("transform={name: context_window, channels: 1e9}", "output={name: ridge, min_fit_rows: 100000000000}"),
    ],
)
def test_numbers_have_an_end(change):
    field = change.partition("=")[0]
    with pytest.raises(RecipeError, match=rf"^override [^:]+.*: {field}[.\w]*: found .*; expected "):
        load_recipe("protein/amp", [change])

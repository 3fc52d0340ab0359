import os
from pathlib import Path

import pytest

from xmr.commands.workers.base import Engine, WorkerLostError
from xmr.core.registry import PLUGINS, TRANSFORMS
from xmr.errors import RecipeError
from xmr.recipe.load import load_recipe

PLUGIN = """
from xmr.core.registry import TRANSFORMS
TRANSFORMS.add("of_a_plugin", "xmr.transforms.vocabulary:FreeEmbedding", "the same", takes="symbols", space="token")
"""


def surroundings(recipe, folder, resume, comment):
    """Stands in for training: says where it runs."""
    if comment == "bad":
        raise RecipeError("no such thing")
    if comment == "gone":
        os._exit(9)  # as the system does when memory runs out
    found = {"process": os.getpid(), "threads": os.environ["OMP_NUM_THREADS"], "resume": resume}
    return {**found, "transforms": TRANSFORMS.names(), "seed": recipe.seed, "folder": str(folder)}


def test_processes_have_their_share_of_cores_and_the_plugins(tmp_path, monkeypatch):
    plugin = tmp_path / "plugin.py"
    plugin.write_text(PLUGIN)
    monkeypatch.setattr("xmr.core.registry.PLUGINS", [*PLUGINS, plugin])
    recipe = load_recipe("protein/amp", ["seed=3"])
    with Engine(jobs=2).workers() as workers:
        runs = [workers.start(surroundings, recipe, Path(name), "") for name in "abc"]
        bad = workers.start(surroundings, recipe, Path("d"), "bad")
        found = [run() for run in runs]
        with pytest.raises(RecipeError, match="no such thing"):
            bad()
    assert [each["folder"] for each in found] == ["a", "b", "c"]
    assert os.getpid() not in {each["process"] for each in found}
    for each in found:
        assert (each["seed"], each["resume"]) == (3, True)
        assert each["threads"] == str(max(1, (os.cpu_count() or 1) // 2))
        assert "of_a_plugin" in each["transforms"]


def test_a_process_that_is_gone_is_said():
    with Engine(jobs=2).workers() as workers:
        gone = workers.start(surroundings, load_recipe("protein/amp"), Path("a"), "gone")
        with pytest.raises(WorkerLostError, match="a smaller --jobs continues"):
            gone()


def test_one_job_runs_here_and_when_it_is_asked(tmp_path):
    begun = []

    def train(recipe, folder, resume, comment):
        begun.append(comment)
        return {}

    with Engine().workers() as workers:
        runs = [workers.start(train, load_recipe("protein/amp"), tmp_path, name) for name in "ab"]
        assert begun == []
        runs[0]()
        assert begun == ["a"]

"""Every form of data that docs/forms.md lists is drafted and read as meant; each recipe ends with a result."""

import shlex

import pytest

from tests.commands.forms import FORMS, PAGE, page
from xmr.cli.app import execute
from xmr.core.component import create
from xmr.core.registry import ENCODERS
from xmr.recipe.load import load_recipe


def names(form):
    return form.have.replace(" ", "-")[:60]


@pytest.fixture
def drafted(request, tmp_path, monkeypatch):
    """A form, and the recipe that its command wrote."""
    form = request.param
    monkeypatch.chdir(tmp_path)
    form.write(tmp_path)
    assert execute(["new", *shlex.split(form.command), "-o", "r.yaml"]) == 0
    return form, load_recipe("r.yaml")


@pytest.mark.parametrize("drafted", FORMS, ids=names, indirect=True)
def test_a_form_is_read_as_meant(drafted):
    form, recipe = drafted
    encoder = create(ENCODERS, recipe.encoder)
    encoder.configure(512)
    prepared = encoder.prepare(recipe.data, recipe.task, 0)
    records = prepared.records
    assert recipe.task == form.task
    assert len(records) == form.n or not form.n, prepared.skipped.rows[:3]
    assert form.labels <= {label for column in records.labels.values() for label in column}
    if recipe.task == "classification":
        assert {*next(iter(records.labels.values()))} == form.labels
    found = recipe.data.model_dump() | {"split": recipe.data.split.by}
    assert {name: found[name] for name in form.data} == form.data
    assert {name: recipe.encoder.get(name) for name in form.encoder} == form.encoder
    assert form.inputs is None or records.inputs == form.inputs


@pytest.mark.slow
@pytest.mark.parametrize("drafted", FORMS, ids=names, indirect=True)
def test_the_recipe_of_a_form_ends_with_a_result(drafted):
    fast = ["training.epochs=1", "training.min_steps=0", "ensemble=1", "baselines=[]"]
    if drafted[1].data.split.by == "cross_validation":
        fast.append("data.split.by=random")
    assert execute(["run", "r.yaml", *fast, "-o", "out", "--quiet"]) == 0


def test_the_page_lists_these_forms():
    assert PAGE.read_text() == page(), "run: python -m tests.commands.forms"

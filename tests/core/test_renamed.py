"""What version 0.1 called otherwise: every new name is in use, no old one is, and an old one gets its new one."""

import json
import re
from pathlib import Path

import pytest

from xmr.core import renamed
from xmr.core.component import KINDS, check_section, section_model
from xmr.data.settings import DataSettings, SplitSettings
from xmr.errors import RecipeError
from xmr.recipe.load import load_recipe
from xmr.recipe.recipe import Recipe
from xmr.training.settings import TrainingSettings

SETTINGS = {"data": DataSettings, "data.split": SplitSettings, "training": TrainingSettings}
FIELDS = [(section, old, new) for section, names in renamed.FIELDS.items() for old, new in names.items()]


def models(section, component=None):
    """The models of a section: one of settings, or that of each component (or of one)."""
    if section in SETTINGS:
        return [SETTINGS[section]]
    return [section_model(entry.load()) for entry in KINDS[section] if component in (None, entry.name)]


def values(model, field):
    """The choices of a field."""
    return set(re.findall(r'"(\w+)"', json.dumps(model.model_json_schema()["properties"][field])))


@pytest.mark.parametrize(
    ("kind", "old", "new"), [(kind, *pair) for kind, names in renamed.COMPONENTS.items() for pair in names.items()]
)
def test_components(kind, old, new):
    assert new in KINDS[kind].names()
    with pytest.raises(RecipeError, match=rf"^r\.yaml: {kind}\.name: found the old name '{old}'.*`{new}`$"):
        check_section(kind, {"name": old}, "r.yaml")


@pytest.mark.parametrize(("section", "old", "new"), FIELDS)
def test_fields(section, old, new):
    component, _, field = old.rpartition(".")
    known = [set(model.model_fields) for model in models(section, component or None)]
    assert any(new in fields for fields in known)
    assert not any(new in fields and field in fields for fields in known)


@pytest.mark.parametrize("field", renamed.VALUES)
def test_values(field):
    section, _, name = field.rpartition(".")
    holders = [model for model in (models(section) if section else [Recipe]) if name in model.model_fields]
    chosen = [values(model, name) for model in holders]
    for old, new in renamed.VALUES[field].items():
        holding = [choices for choices in chosen if new in choices]
        assert holding
        assert not any(old in choices for choices in holding)


@pytest.mark.parametrize(
    ("recipe", "override", "notice"),
    [
        (
            "protein/amp",
            "task=residue_classification",
            "`task: residue_classification` is now `task: sequence_labeling`",
        ),
        ("protein/amp", "source=none", "the source `none` is now `identity`"),
        ("protein/amp", "data.longest=60", "`data.longest` is now `data.max_length`"),
        ("protein/amp", "data.split.by=column", "`data.split.by: column` is now `data.split.by: predefined`"),
        ("protein/amp", "data.split.labels=20", "`data.split.labels` is now `data.split.n_labelled`"),
        ("protein/amp", "training.clip=1", "`training.clip` is now `training.max_grad_norm`"),
        ("protein/amp", "encoder.columns=variable", "`encoder.columns` is now `encoder.aligned: true`"),
        ("series/gunpoint", "encoder.hop=0.25", "`encoder.hop` is now `encoder.overlap: 0.75`"),
    ],
)
def test_an_override_with_an_old_name(recipe, override, notice):
    path, _, _ = override.partition("=")
    with pytest.raises(RecipeError) as error:
        load_recipe(recipe, [override])
    assert str(error.value).startswith(f"override {override}: {path}")
    assert str(error.value).endswith(notice)
    assert "\n" not in str(error.value)


def test_the_changelog_lists_every_name():
    def where(section, old):
        component, _, name = old.rpartition(".")
        return (f"{section} ({component})" if component else section, name)

    tables = [*renamed.COMPONENTS.items(), *renamed.FIELDS.items(), *renamed.VALUES.items()]
    expected = [(*where(section, old), new) for section, names in tables for old, new in names.items()]
    text = (Path(__file__).parents[2] / "CHANGELOG.md").read_text()
    section = text.partition("### Renamed")[2].partition("\n## ")[0]
    assert re.findall(r"^\| (.+?) \| `(.+?)` \| `(.+?)` \|$", section, flags=re.M) == expected


def test_a_section_of_an_old_program():
    known = section_model(KINDS["encoder"].get("series")).model_fields
    section = {"name": "series", "length": "window", "hop": 0.25, "normalise": "train"}
    translated = renamed.translate("encoder", section, known)
    assert translated == {"name": "series", "length": "window", "overlap": 0.75, "normalize": "train"}
    assert check_section("encoder", translated, "p") | translated == check_section("encoder", translated, "p")


def test_a_field_that_another_component_renamed_stays():
    assert check_section("encoder", {"name": "table", "columns": {"a": "skip"}}, "r")["columns"] == {"a": "skip"}

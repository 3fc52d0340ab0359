"""What version 0.1 called otherwise: every new name is in use, no old one is, and an old one is told its new one."""

import pytest

from xmr.core import renamed
from xmr.core.component import KINDS, check_section
from xmr.errors import RecipeError
from xmr.recipe.load import load_recipe


@pytest.mark.parametrize(
    ("kind", "old", "new"), [(k, o, n) for k, names in renamed.COMPONENTS.items() for o, n in names.items()]
)
def test_components(kind, old, new):
    assert new in KINDS[kind].names()
    with pytest.raises(
        RecipeError, match=rf"^r\.yaml: {kind}\.name: found the old name '{old}'.*`{old}` is now `{new}`$"
    ):
        check_section(kind, {"name": old}, "r.yaml")


@pytest.mark.parametrize(
    ("override", "notice"),
    [
        ("task=residue_classification", "`task: residue_classification` is now `task: sequence_labeling`"),
        ("source=none", "the source `none` is now `identity`"),
    ],
)
def test_an_override_with_an_old_name(override, notice):
    section, _, _ = override.partition("=")
    with pytest.raises(RecipeError) as error:
        load_recipe("protein/amp", [override])
    assert str(error.value).startswith(f"override {override}: {section}")
    assert str(error.value).endswith(notice)
    assert "\n" not in str(error.value)

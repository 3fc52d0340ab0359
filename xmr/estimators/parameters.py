"""Fields of a recipe as parameters of an estimator: `training__epochs` is `training.epochs`, for grid searches."""

from __future__ import annotations

import json
from typing import Any, Self

from xmr.recipe.load import as_override


class RecipeParameters:
    """`get_params` and `set_params` of an estimator with `overrides`, for any field of its recipe."""

    overrides: Any

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's parameters; with `deep`, the overridden fields of the recipe as well."""
        found: dict[str, Any] = super().get_params(deep)  # type: ignore[misc]
        given = self.overrides if deep and isinstance(self.overrides, list | tuple) else ()
        for override in filter(lambda each: isinstance(each, str), given):  # `fit` refuses others
            field, _, value = override.partition("=")
            found[field.replace(".", "__")] = _value(value)
        return found

    def set_params(self, **parameters: Any) -> Self:
        """Set parameters; one with `__` in its name is a field of the recipe and becomes an override.

        A field that the recipe does not have is an error of `fit`.
        """
        fields = {name: value for name, value in parameters.items() if "__" in name}
        super().set_params(**{name: value for name, value in parameters.items() if name not in fields})  # type: ignore[misc]
        for name, value in fields.items():
            field = name.replace("__", ".")
            others = [override for override in self.overrides if override.partition("=")[0] != field]
            self.overrides = (*others, as_override(name, value))
        return self


def _value(text: str) -> Any:
    """The value of an override, as JSON where it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text

"""A study file: which programs (rows) are compared on which data (columns), with which seeds and baselines."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, MinLen
from pydantic import Field, ValidationError, field_validator

from xmr.core.component import Section, problems_of
from xmr.errors import Problem, RecipeError, one_of, shortened
from xmr.metrics.registry import METRICS
from xmr.recipe.plain_yaml import read_file

Overrides = list[str]
Name = Annotated[str, MinLen(1)]


class Choice(Section):
    """Alternatives of which one is chosen per column, without the test set."""

    rule: Literal["validation", "leave_one_out"] = Field(
        description="best validation score after training, or best leave-one-out score on the training set before it"
    )
    among: Annotated[dict[Name, Overrides], MinLen(1)] = Field(description="name of an alternative -> its overrides")
    seeds: Annotated[int, Ge(1), Le(100)] = Field(1, description="seeds whose mean score decides")


class RowSettings(Section):
    """One program of the table. A plain list stands for its overrides."""

    kind: Literal["program", "control"] = Field("program", description="a control is not a recommendation")
    like: str | None = Field(None, description="an earlier row whose overrides and choice are taken over")
    overrides: Overrides = Field(default_factory=list, description="recipe fields to change, as section.key=value")
    choose: Choice | None = Field(None, description="what is chosen per column")
    baselines: list[str] = Field(default_factory=list, description="baselines of the same splits, a row each")
    columns: list[str] | None = Field(None, description="the columns it is trained in, if not all")
    auto: Annotated[float, Gt(0)] | None = Field(
        None, description="minutes of `xmr auto`, whose choice is shown in place of the recipe's program"
    )
    baselines_only: bool = Field(False, description="show the baselines and not the program")


class ColumnSettings(Section):
    """One data set, training-set size or metric. A plain list stands for its overrides."""

    recipe: str | None = Field(None, description="the recipe, if not the study's")
    overrides: Overrides = Field(default_factory=list, description="recipe fields to change, before the row's")
    metric: str | None = Field(None, description="the metric shown, if not the study's")


class Study(Section):
    """A table: every row is trained in every column with every seed. The first row is what others are compared to."""

    title: str
    question: str = Field("", description="what the table answers, in a sentence or three")
    recipe: str = Field(description="name or path of the recipe")
    seeds: Annotated[int, Ge(1), Le(1000)] = Field(5, description="number of seeds per cell, from 0 on")
    overrides: Overrides = Field(default_factory=list, description="recipe fields to change everywhere")
    metric: str | None = Field(None, description="the metric shown; the task's main metric by default")
    rows: Annotated[dict[Name, RowSettings], MinLen(1)]
    columns: Annotated[dict[Name, ColumnSettings], MinLen(1)]
    repeats: dict[Name, Overrides] = Field(
        default_factory=dict,
        description="variants that a cell averages over besides its seeds, such as held-out groups",
    )
    mean: bool = Field(False, description="add the mean over the columns that show the study's metric")

    @field_validator("rows", "columns", mode="before")
    @classmethod
    def _lists_are_overrides(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {
            name: {"overrides": each or []} if isinstance(each, list | None) else each for name, each in value.items()
        }

    def columns_of(self, row: str) -> list[str]:
        """The columns that a row is trained in."""
        asked = self.rows[row].columns
        return [column for column in self.columns if asked is None or column in asked]

    def overrides_of(self, row: str, column: str, chosen: dict[str, str]) -> Overrides:
        """Overrides of a cell; chosen: row with a choice -> the alternative it takes."""
        return [*self.overrides, *self.columns[column].overrides, *self._row_overrides(row, chosen)]

    def _row_overrides(self, name: str, chosen: dict[str, str]) -> Overrides:
        row = self.rows[name]
        inherited = self._row_overrides(row.like, chosen) if row.like else []
        picked = row.choose.among[chosen[name]] if row.choose else []
        return [*inherited, *row.overrides, *picked]


def load_study(path: Path) -> Study:
    """Read and check a study file. Raises RecipeError with every problem, each with file and line."""
    if not os.path.isfile(path):
        raise RecipeError(Problem(str(path), "no such file", "a study file, such as studies/demo.yaml"))
    raw, lines = read_file(path)
    if not isinstance(raw, dict):
        raise RecipeError(Problem(f"{path}:1", "no sections" if raw is None else repr(raw), "a study's sections"))

    def place(field: tuple[str | int, ...]) -> str:
        known = field
        while known and known not in lines:
            known = known[:-1]
        return f"{path}:{lines.get(known, 1)}: {shortened('.'.join(map(str, field)), 100) or 'study'}"

    try:
        study = Study.model_validate(raw)
    except ValidationError as error:
        raise RecipeError(problems_of(error, Study, place)) from None
    if study.metric is not None:
        METRICS.get(study.metric, place(("metric",)))
    for name, column in study.columns.items():
        if column.metric is not None:
            METRICS.get(column.metric, place(("columns", name, "metric")))
    earlier: list[str] = []
    for name, row in study.rows.items():
        if row.like is not None and row.like not in earlier:
            raise RecipeError(one_of(place(("rows", name, "like")), row.like, earlier))
        problems = [
            one_of(place(("rows", name, "columns")), other, study.columns)
            for other in row.columns or ()
            if other not in study.columns
        ]
        if problems:
            raise RecipeError(problems)
        earlier.append(name)
    return study

"""`xmr papers`: the systems of the field, with the figure that each published and the one measured here."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import MinLen
from pydantic import Field, TypeAdapter

from xmr.commands.study.pages import number
from xmr.commands.study.result import Result, read_result
from xmr.core.component import Section
from xmr.errors import RecipeError, one_of
from xmr.metrics.registry import higher_is_better
from xmr.recipe.plain_yaml import read_file

Text = Annotated[str, MinLen(1)]
Tag = Literal["input", "embedding", "hidden", "learnable", "fixed", "additive", "concatenative", "parametric"]
Alignment = Literal["identity", "structural", "statistical", "linear"]
UNCHECKED = "not quoted: its tables could not be checked"
NOT_RUN, NOT_MEASURED = "not run", "not measured"
COLUMNS = ("published", "ours", "random source", "no source", "linear probe", "best baseline", "verdict")


class Measured(Section):
    """Where a result stands: results/NAME.json, row and column. against: the column of the baselines, if another."""

    name: Text
    row: Text
    column: Text
    against: Text | None = None


class Paper(Section):
    """One system. tags: location, type, operator and alignment (arXiv 2506.04650). why: what keeps its figure from
    being repeated; decision: why it is not in xmr.
    """

    name: Text
    reference: Text
    source: Text
    target: Text
    tags: tuple[Tag, Tag, Tag, Alignment]
    recipe: str | None = None
    published: Text = UNCHECKED
    published_value: float | None = Field(
        None, description="the figure, where source, data and split are the same here"
    )
    result: Measured | None = None
    why: str = ""
    decision: str = ""

    @property
    def state(self) -> str:
        """`measured`, `runs` (with a hub, a GPU or the user's data), or `not in xmr`."""
        return "not in xmr" if self.decision else "measured" if self.measured else "runs"

    @property
    def measured(self) -> Result | None:
        """The result, if there is one with this row and column."""
        found = None if self.result is None else _result(self.result.name)
        cells = {} if found is None or self.result is None or self.result.row not in found.rows else found.rows
        return found if cells and self.result and self.result.column in cells[self.result.row].cells else None

    def cells(self) -> dict[str, str]:
        """The text of each of `COLUMNS`; none is empty."""
        result, place = self.measured, self.result
        if result is None or place is None:
            return dict(zip(COLUMNS, (self.published, *[NOT_RUN] * 5, self._verdict(None))))
        column, against = place.column, place.against or place.column
        best = result.best(against, ("baseline",), ("linear_probe",))

        def shown(row: str | None, column: str = column) -> str | None:
            known = row is not None and row in result.rows and column in result.rows[row].cells
            return number(result.rows[row].cells[column]) if known and row else None

        def control(kind: str) -> str:
            return shown(f"{place.row}, {kind}") or (shown(kind) if place.row == first else None) or NOT_MEASURED

        first = next(iter(result.rows))
        seeds = f", {result.seeds} seed{'s' if result.seeds > 1 else ''}"
        return {
            "published": self.published,
            "ours": f"{result.columns[column]} {shown(place.row)} ({column}{seeds})",
            "random source": control("random weights"),
            "no source": control("no source"),
            "linear probe": shown("linear_probe", against) or NOT_MEASURED,
            "best baseline": f"{best} {shown(best, against)}" if best else NOT_MEASURED,
            "verdict": self._verdict(result),
        }

    def _verdict(self, result: Result | None) -> str:
        """Reproduced or not, or why that cannot be; where it was measured, also what the figure here says."""
        if self.decision:
            return f"not in xmr: {self.decision}"
        if result is None or self.result is None:
            return f"cannot be: {self.why}"
        place = self.result
        column, against = place.column, place.against or place.column
        rows, sign = result.rows, 1 if higher_is_better(result.columns[column]) else -1
        ours = rows[place.row].cells[column]
        if self.published_value is not None:
            reached = sign * (ours.mean - self.published_value) >= -2 * (ours.std or 0.0)
            return "reproduced" if reached else f"not reproduced: {self.why}"
        random = rows.get(f"{place.row}, random weights") or (
            rows.get("random weights") if place.row == next(iter(rows)) else None
        )
        rivals = {
            "the random source": (random, column),
            "the linear probe": (rows.get("linear_probe"), against),
            "the best baseline": (rows.get(result.best(against, ("baseline",), ("linear_probe",)) or ""), against),
        }
        known = {name: row.cells[at].mean for name, (row, at) in rivals.items() if row and at in row.cells}
        above = [name for name, value in known.items() if sign * (ours.mean - value) > 0]
        below = [name for name in known if name not in above]
        said = [
            f"{word} {' and '.join(names)}"
            for word, names in (("better than", above), ("not better than", below))
            if names
        ]
        return f"cannot be: {self.why}; the figure here is {', '.join(said) or 'without comparison'}"


def results_folder() -> Path:
    """The measured results: next to the package in a checkout, inside it in a wheel."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "packaged_results"
    return inside if inside.is_dir() else package.parent / "results"


@cache
def _result(name: str) -> Result | None:
    path = results_folder() / f"{name}.json"
    return read_result(path) if path.is_file() else None


@cache
def papers() -> tuple[Paper, ...]:
    """Every system, in the order of the data file."""
    raw, _ = read_file(Path(__file__).with_name("papers.yaml"))
    return tuple(TypeAdapter(list[Paper]).validate_python(raw))


def chosen(name: str | None) -> tuple[Paper, ...]:
    """The system of this name, or all. Raises RecipeError with the nearest name."""
    known = {paper.name.lower(): paper for paper in papers()}
    if name is None:
        return papers()
    if name.lower() not in known:
        raise RecipeError(one_of("papers", name, [paper.name for paper in papers()]))
    return (known[name.lower()],)


def as_json(found: tuple[Paper, ...]) -> str:
    """Every field and cell as JSON."""
    rows: list[dict[str, Any]] = [
        {
            **paper.model_dump(exclude_none=True, exclude={"published", "published_value"}),
            "state": paper.state,
            **paper.cells(),
        }
        for paper in found
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False)


def markdown() -> str:
    """The tables of docs/papers.md: what each system is, and the figures."""
    first = [
        "| system | reference | source → target | location, type, operator, alignment | recipe | state |",
        "|---" * 6 + "|",
    ]
    second = [f"| system | {' | '.join(COLUMNS)} |", "|---" * (1 + len(COLUMNS)) + "|"]
    for paper in papers():
        recipe = f"`{paper.recipe}`" if paper.recipe else "none"
        what = f"{paper.source} → {paper.target} | {', '.join(paper.tags)} | {recipe} | {paper.state}"
        first.append(f"| {paper.name} | {paper.reference} | {what} |")
        second.append(f"| {paper.name} | {' | '.join(paper.cells().values())} |")
    commands = dict.fromkeys(paper.measured.command for paper in papers() if paper.measured)
    measured = ["Measured with:", "", *(f"- `{command}`" for command in commands)]
    return "\n".join([*first, "", "## Figures", "", *second, "", *measured])

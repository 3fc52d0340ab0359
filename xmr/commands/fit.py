"""`xmr.fit`: what `xmr run` does, for data in memory or in files, and its result as an object."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xmr.commands.new.base import Asked
from xmr.commands.new.new import draft, draft_of
from xmr.commands.new.registry import DRAFTS
from xmr.commands.repeated import WHOLE, of_summary, run_all, runs_of
from xmr.commands.run import run
from xmr.commands.run_folder import metrics_of
from xmr.commands.trackers import TrackerName
from xmr.commands.verdict import control_scores, headline_scores
from xmr.core.registry import ENCODERS
from xmr.data.readers.values import as_text
from xmr.data.records import Records
from xmr.errors import Problem, ProgramError, RecipeError, printable, shortened
from xmr.program import Program
from xmr.recipe.load import as_override, load_recipe
from xmr.recipe.recipe import Recipe
from xmr.report.notebook import framed, table

if TYPE_CHECKING:
    from xmr.commands.compare.result import Comparison
    from xmr.commands.export import Exported

LABEL = "label"
_OF_FILES = ("dataset", "path", "target", "positive", "test_path", "labels_path", "mask_path", "wild_type")


def fit(
    recipe: str | Path | dict[str, Any],
    X: Any = None,
    y: Any = None,
    *,
    folder: Path | str | None = None,
    controls: bool = False,
    device: str = "auto",
    resume: bool = False,
    force: bool = False,
    track: TrackerName | None = None,
    log: Callable[[str], None] = lambda _: None,
    **overrides: Any,
) -> Run:
    """Train, choose on validation records, test once and compare with the baselines.

    Args:
        recipe: a packaged recipe (`protein/amp`), the path of one, its sections, or a kind of data (`protein`, `table`,
            `series`, ...; see `xmr new`), for which a recipe is drafted that suits the records.
        X: what to learn from: a list of texts, an array, a frame, or paths (of a file, of a folder, or one per
            image or clip). To forecast: a frame or series with its time as a column or index, or an array (time,
            channels). None: the data that the recipe names.
        y: the labels, one per record: a list, an array, a series; a frame or an array (n, K) for several. Of a file
            or a frame, the names of its label columns, where they are not the usual ones.
        folder: where the run is kept, as `xmr run -o` does; by default a temporary one that the result owns.
        controls: also train without ingredients of the recipe (`xmr run --controls`).
        device: auto, cpu, cuda, cuda:N or mps.
        resume: continue an interrupted run in `folder`. force: replace a finished one.
        track: tensorboard, wandb, mlflow or trackio: what receives recipe, curves and metrics (`xmr run --log`).
        log: receives what `xmr run` prints.
        overrides: fields of the recipe, two underscores for a dot: `training__epochs=3`, `ensemble=1`.

    Raises RecipeError, DataError and OutputError for what `xmr run` would refuse, and ValueError for data in memory of
    another shape or type.
    """
    given = [as_override(name, value) for name, value in overrides.items()]
    X, y = _apart(X, y)
    name = "recipe" if isinstance(recipe, dict) else str(recipe)
    stated = {name: overrides.get(name) for name in ("task", "data__time", "data__ignore_columns")}
    asked = Asked(task=stated["task"], time=stated["data__time"], ignore=tuple(stated["data__ignore_columns"] or ()))
    loaded, held = _loaded(recipe, X, y, given, asked)
    home = None if folder is not None else tempfile.TemporaryDirectory(prefix="xmr-")
    place = Path(home.name if home is not None else str(folder))
    said = printable(" ".join([name, *given]))
    settings: dict[str, Any] = {"device": device, "resume": resume, "force": force, "track": track, "log": log}

    def once(each: Recipe, below: str) -> dict[str, Any]:
        """One run of several."""
        asked = controls and below != WHOLE
        return run(each, place / below, controls=asked, comment=said, **settings)

    runs = runs_of(loaded)
    if len(runs) == 1:
        run(loaded, place, controls=controls, comment=said, **settings)
    else:
        run_all(loaded, runs, place, once, force)
    return Run(place, held, home)


def _apart(X: Any, y: Any) -> tuple[Any, Any]:
    """A frame and the columns of it that `y` names, apart; all else as it is."""
    names = [y] if isinstance(y, str) else y if isinstance(y, list | tuple) and len(y) < len(X) else []
    header = [*getattr(X, "columns", [])]
    if not names or not all(isinstance(name, str) and name in header for name in names):
        return X, y
    return X[[name for name in header if name not in names]], X[y] if isinstance(y, str) else X[[*names]]


def _loaded(
    recipe: str | Path | dict[str, Any], X: Any, y: Any, given: list[str], asked: Asked
) -> tuple[Recipe, Records | None]:
    """The recipe for what `fit` is given, and the records where they are in memory."""
    drafted = isinstance(recipe, str) and recipe in DRAFTS.names()
    if X is None:
        if drafted or y is not None:
            raise RecipeError(Problem("fit", "no X", f"data for {recipe!r}: texts, an array, a frame or paths"))
        return load_recipe(recipe, given), None
    if isinstance(X, str | os.PathLike):
        named = (y,) if isinstance(y, str) else tuple(y or ())
        if drafted:
            made = draft(str(recipe), Path(X), Path("recipe.yaml"), replace(asked, target=named))
            return load_recipe(made.body, given), None
        target = "null" if y is None else as_override("", [*named])[1:]
        files = [f"data.{field}=null" for field in _OF_FILES]
        return load_recipe(recipe, [*files, as_override("data__path", str(X)), f"data.target={target}", *given]), None
    if drafted:
        encoder = ENCODERS.get(str(recipe))
        records = _records(encoder, X, y)
        body = draft_of(str(recipe), records, asked).body
        loaded = load_recipe(body, ["data.path=memory", "data.target=null", *given])
    else:
        files = [f"data.{field}=null" for field in _OF_FILES]
        loaded = load_recipe(recipe, [*files, "data.path=memory", *given])
        encoder = ENCODERS.get(loaded.encoder["name"])
        records = _records(encoder, X, y)
    loaded.encoder |= encoder.fields_for(X)
    loaded.data = loaded.data.holding(records)
    return loaded, records


def _records(encoder: Any, X: Any, y: Any) -> Records:
    """Data in memory with its labels. Raises ValueError where there are none, or more or fewer than records."""
    records: Records = encoder.from_array(X)
    if not encoder.labelled:
        if y is not None:
            raise RecipeError(Problem("fit: y", "labels", "no y: what is forecast is in X"))
        return records
    records.labels = labels_of(y)
    counts = {len(column) for column in records.labels.values()}
    if counts != {len(records)}:
        found = f"{next(iter(counts), 0):,} labels for {len(records):,} records"
        raise RecipeError(Problem("fit: y", found, "one per record"))
    return records


def labels_of(y: Any) -> dict[str, list[str]]:
    """Labels in memory as columns of text: (n,) or (n, K), a list, a series or a frame."""
    if y is None:
        return {}
    if hasattr(y, "columns"):
        return {str(name): [as_text(value) for value in y[name].to_list()] for name in y.columns}
    values = np.asarray(y, dtype=object)
    if values.ndim > 1:
        values = values.reshape(len(values), -1)
        return {f"{LABEL} {k + 1}": [as_text(value) for value in column] for k, column in enumerate(values.T.tolist())}
    return {str(getattr(y, "name", None) or LABEL): [as_text(value) for value in values.tolist()]}


def run_held(records: Records, recipe: Recipe, folder: Path, **settings: Any) -> dict[str, Any]:
    """`run` on records in memory, whose name the recipe has."""
    recipe.data = recipe.data.holding(records)
    return run(recipe, folder, **settings)


@dataclass
class Run:
    """A finished run. `Run(folder)` is that of `xmr run -o folder`; in a notebook it shows its figures.

    held: the records, where they are in memory; home: a temporary folder, deleted with the last reference to the run.
    """

    folder: Path | str
    held: Records | None = None
    home: Any = None

    def __post_init__(self) -> None:
        self.folder = Path(self.folder)
        if not self.metrics:
            raise ProgramError(Problem(str(self.folder), "no finished run", "the folder of `xmr run` or `xmr.fit`"))

    @property
    def place(self) -> Path:
        """The folder."""
        return Path(self.folder)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """metrics.json; of a cross-validation or several seeds its `test`, `baselines`, `controls` and `verdict`."""
        summary = metrics_of(self.place, "summary.json")
        if not summary:
            return metrics_of(self.place)
        return of_summary(summary, metrics_of(self.place / WHOLE) or metrics_of(self._first(summary)))

    def _first(self, summary: dict[str, Any]) -> Path:
        """The folder of the first of several seeds."""
        return self.place / f"seed-{summary['seeds'][0]}"

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe with all defaults."""
        loaded = load_recipe(self.place / "recipe.yaml")
        loaded.data = loaded.data.holding(self.held)
        return loaded

    @cached_property
    def program(self) -> Program:
        """The trained program; after a cross-validation the one that has learned from all records, of several seeds the
        first.
        """
        several = metrics_of(self.place, "summary.json") and not (self.place / WHOLE).is_dir()
        return Program.load(self._first(metrics_of(self.place, "summary.json")) if several else self.place)

    def compare(
        self,
        train_sizes: Sequence[int | str] = ("all",),
        seeds: int = 5,
        jobs: int = 1,
        log: Callable[[str], None] = lambda _: None,
        **settings: Any,
    ) -> Comparison:
        """What `xmr compare` does: the recipe, its controls and its baselines on the same splits, for several seeds.

        The runs lie in the folder `compare` of this one, so that another call trains only what is new. settings: of
        `xmr.commands.compare.compare.Settings`.
        """
        from xmr.commands.compare.compare import Settings, compare
        from xmr.commands.workers.base import Engine

        if self.held is not None:
            settings["train"] = partial(run_held, self.held)
        settings.setdefault("engine", Engine(jobs=jobs))
        asked = Settings(train_sizes=[str(size) for size in train_sizes], seeds=seeds, **settings)
        return compare(str(self.place / "recipe.yaml"), self.place / "compare", asked, log)

    def report(self) -> Report:
        """report.html, which a notebook shows."""
        return Report(self.place / "report.html")

    def export(self, path: Path | str) -> Exported:
        """The program with its source as an ONNX file, checked on records of the run; see `xmr.commands.export`."""
        from xmr.commands.export import export_program, tested

        return export_program(self.program, Path(path), tested(self.recipe, self.program))

    def _repr_html_(self) -> str:
        """The main metric of program, baselines and controls, and what speaks against it."""
        result = self.metrics
        if "test" not in result:
            return table(result.get("recipe", ""), ["program"], [["trained on all records, no test part"]])
        metric, scores = headline_scores(result)
        low, high = result["test_interval"].get(metric, (None, None))
        interval = "" if low is None else f"{low:.3f} to {high:.3f}"
        rows = [[name, f"{value:.3f}", interval if name == "program" else ""] for name, value in scores.items()]
        rows += [[f"control: {name}", f"{value:.3f}", ""] for name, value in control_scores(metric, result).items()]
        title = shortened(result.get("recipe", ""), 80)
        return table(title, ["", f"test {metric}", "95 % interval"], rows, result.get("verdict", []))


@dataclass(frozen=True)
class Report:
    """A page that a run wrote."""

    path: Path

    def _repr_html_(self) -> str:
        """The page in a frame."""
        return framed(self.path.read_text(encoding="utf-8"))

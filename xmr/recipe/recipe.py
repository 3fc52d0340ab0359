"""The recipe model: each section is checked by its schema, and the sections against each other; all problems at
once.
"""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Ge, Le
from pydantic import AfterValidator, Field, ValidationError
from pydantic_core import PydanticKnownError

from xmr.baselines.base import Case
from xmr.baselines.registry import BASELINES
from xmr.core.component import KINDS, Locate, Section, problems_of, section_model, section_problems
from xmr.core.registry import FEATURES, TASKS, TRANSFORMS, grid
from xmr.data.settings import DataSettings, Seed
from xmr.errors import MAX_PROBLEMS, Problem, RecipeError, one_of
from xmr.tasks.base import Combine, task_class
from xmr.training.settings import TrainingSettings
from xmr.training.zeroth_order.settings import SEARCHES, SearchSettings


def _registered(task: str) -> str:
    """Raises the error of a `Literal` for a task that is not registered."""
    if task not in TASKS.names():
        *names, last = map(repr, TASKS.names())
        raise PydanticKnownError("literal_error", {"expected": f"{', '.join(names)} or {last}"})
    return task


def _list_tasks(schema: dict[str, Any]) -> None:
    schema["enum"] = TASKS.names()


class Recipe(Section):
    """One task from data to result. Component sections hold a `name` and that component's arguments."""

    task: Annotated[str, AfterValidator(_registered)] = Field(
        description="what is predicted for each record", json_schema_extra=_list_tasks
    )
    seed: Seed = Field(0, description="seed of split, initialization and shuffling")
    data: DataSettings = Field(description="the records")
    encoder: Any = Field(description="the encoder of the modality")
    source: Any = Field(description="the frozen source model; `identity` is a control")
    transform: Any = Field(description="the input transformation")
    output: Any = Field(description="the output transformation")
    training: TrainingSettings = Field(default_factory=TrainingSettings)
    ensemble: Annotated[int, Ge(1), Le(1000)] = Field(
        1, description="number of programs with different seeds in front of one source; predictions are combined"
    )
    combine: Combine = Field(
        "mean",
        description="classes of an ensemble: the mean of its programs' probabilities, or weighted by log K less the "
        "entropy of each program's (`entropy`)",
    )
    baselines: list[str] = Field(default_factory=list, description="baselines to run on the same split")
    expected: dict[str, Any] = Field(
        default_factory=dict,
        description="range of test metrics that a rerun should give; for readers and tests, without effect on the run",
    )


def check_recipe(raw: dict[str, Any], place: Locate) -> Recipe:
    """Validate plain data as a recipe. Raises RecipeError with all problems and their lines."""
    problems: list[Problem] = []
    sections: dict[str, Any] = {}
    for kind in KINDS:
        if kind in raw:
            sections[kind], found = section_problems(kind, raw[kind], place)
            problems += found
    try:
        recipe = Recipe.model_validate({**raw, **sections})
    except ValidationError as error:
        problems = [*problems_of(error, Recipe, place), *problems]
        raise RecipeError(problems) from None
    if not problems:
        problems = [*_cell_problems(recipe, place), *_fit_problems(recipe, place)]
    if problems:
        raise RecipeError(problems)
    return recipe


def space_of(source: str) -> str:
    """The space of a registered source: token, pixel or wave."""
    entry = KINDS["source"].entry(source)
    return entry.facts.get("space") or str(getattr(entry.load(), "space_kind", "?"))


def case_of(recipe: Recipe) -> Case:
    """What decides which baselines suit a recipe."""
    encoder = recipe.encoder["name"]
    emits = KINDS["encoder"].entry(encoder).fact("emits")
    space = space_of(recipe.source["name"])
    return Case(encoder=encoder, emits=emits, space=space, predicts=task_class(recipe.task).predicts)


def _cell_problems(recipe: Recipe, place: Locate) -> list[Problem]:
    """Refuse an empty cell of the grid before anything is loaded, and name the cells that work."""
    emits = KINDS["encoder"].entry(recipe.encoder["name"]).fact("emits")
    space = space_of(recipe.source["name"])
    chosen = TRANSFORMS.entry(recipe.transform["name"])
    if (chosen.fact("takes"), chosen.fact("space")) == (emits, space):
        return []
    works = grid().get((emits, space), [])
    expected = (
        f"one of {', '.join(works)}" if works else f"another source: no transform maps {emits} into {space} space"
    )
    found = f"{chosen.name!r} ({chosen.fact('takes')} into {chosen.fact('space')} space)"
    return [Problem(place(("transform", "name")), f"{found} between {emits} and {space} space", expected)]


def _fit_problems(recipe: Recipe, place: Locate) -> list[Problem]:
    """Sections that are valid alone but not together."""
    problems: list[Problem] = []
    task = task_class(recipe.task)
    output = KINDS["output"].get(recipe.output["name"])
    names = {task.name, task.like}
    if not names & {*output.tasks}:
        fitting = [e.name for e in KINDS["output"] if names & {*e.load().tasks}]
        problems.append(
            Problem(
                place(("output", "name")),
                f"{recipe.output['name']!r} for task {recipe.task}",
                f"one of {', '.join(fitting)}",
            )
        )
    case = case_of(recipe)
    emits, known = case.emits, BASELINES.suiting(case)
    strange = [(index, name) for index, name in enumerate(recipe.baselines) if name not in known]
    problems += [one_of(place(("baselines", index)), name, known) for index, name in strange[:MAX_PROBLEMS]]
    aligned = bool(recipe.encoder.get("aligned"))
    if recipe.output.get("pool") == "concat" and not aligned:
        problems.append(
            Problem(
                place(("output", "pool")),
                "'concat'",
                "records of equal length (encoder.aligned: true), or mean",
            )
        )
    if task.per_position and recipe.encoder.get("shuffle") == "positions":
        problems.append(
            Problem(
                place(("encoder", "shuffle")),
                "'positions' for a per-position task",
                "none: labels would not move along",
            )
        )
    if task.per_position and recipe.encoder.get("length") == "truncate":
        problems.append(
            Problem(
                place(("encoder", "length")),
                "'truncate' for a per-position task",
                "window or fail: no position may be lost",
            )
        )
    if task.per_position and aligned and "fixed_columns" in recipe.encoder:  # these are not fed
        problems.append(Problem(place(("encoder", "aligned")), "true for a per-position task", "false"))
    problems += _batch_problems(recipe, place, emits)
    if emits != "symbols":
        problems += _only_for_symbols(recipe, place, emits)
    problems += _feature_problems(recipe, place, emits)
    problems += _search_problems(recipe.training, place, space_of(recipe.source["name"]))
    source, transform = (KINDS[kind].get(getattr(recipe, kind)["name"]) for kind in ("source", "transform"))
    if transform.learns and not source.gradient:
        problems += recipe.training.without_gradient(place(("training", "optimizer")))
    one_vector = source.one_vector
    if task.per_position and one_vector:
        expected = "one with hidden states at all positions"
        problems.append(
            Problem(place(("source", "name")), f"{recipe.source['name']!r} for a task per position", expected)
        )
    usual = ("mean", section_model(output).model_fields["pool"].default) if "pool" in recipe.output else ()
    if recipe.output.get("pool") not in (None, *usual) and one_vector:
        found = f"{recipe.output['pool']!r} for a source that returns one vector"
        problems.append(Problem(place(("output", "pool")), found, "mean, or no pool"))
    if recipe.training.class_weights != "none" and not task.classes:
        found = f"{recipe.training.class_weights!r} for task {task.name}"
        problems.append(Problem(place(("training", "class_weights")), found, "none: this task has no classes"))
    if recipe.training.threshold != "half" and not task.has_threshold:
        found = f"{recipe.training.threshold!r} for task {task.name}"
        problems.append(
            Problem(
                place(("training", "threshold")), found, "half: only two classes, or several labels, have a threshold"
            )
        )
    if recipe.training.calibration != "none" and not (task.classes and task.single_target):
        found = f"{recipe.training.calibration!r} for task {task.name}"
        expected = "none: only probabilities of one class per record are calibrated"
        problems.append(Problem(place(("training", "calibration")), found, expected))
    if recipe.combine != "mean" and (recipe.ensemble == 1 or not (task.classes and task.single_target)):
        found = f"{recipe.combine!r} for task {task.name} and {recipe.ensemble} programs"
        problems.append(Problem(place(("combine",)), found, "mean, or an ensemble that predicts one class per record"))
    if recipe.training.decoding_passes > 1 and task.predicts != "hidden":
        found = f"{recipe.training.decoding_passes} for task {task.name}"
        problems.append(
            Problem(place(("training", "decoding_passes")), found, "1: only hidden letters (infilling) are filled")
        )
    if recipe.training.metric is not None:
        try:
            task.check_metric(recipe.training.metric, (), place(("training", "metric")))
        except RecipeError as error:
            problems += error.problems
    if isinstance(recipe.data.target, list) and len(recipe.data.target) > 1 and not task.several_columns:
        problems.append(
            Problem(
                place(("data", "target")),
                f"several columns for task {task.name}",
                "one, or task: multilabel",
            )
        )
    return problems


def _feature_problems(recipe: Recipe, place: Locate, emits: str) -> list[Problem]:
    """Domain features that are unknown, or of another kind of data."""
    known = [entry.name for entry in FEATURES if entry.fact("reads") == emits]
    asked = enumerate(recipe.output.get("domain_features", ()))
    return [one_of(place(("output", "domain_features", i)), name, known) for i, name in asked if name not in known]


def _search_problems(training: TrainingSettings, place: Locate, space: str) -> list[Problem]:
    """Settings of a search without one, or that it does not use."""
    if not training.searches:
        used = {"search": training.search != SearchSettings(), "subspace": training.subspace is not None}
        found, expected = f"settings of a search for {training.optimizer}", f"optimizer: {', '.join(SEARCHES)}"
        return [Problem(place(("training", name)), found, expected) for name, set_ in used.items() if set_]
    problems = []
    if training.patience is not None:
        expected = "null: a search is validated at its end alone"
        problems.append(Problem(place(("training", "patience")), str(training.patience), expected))
    if training.subspace is not None and training.subspace.kind == "low_frequency" and space != "pixel":
        found = f"'low_frequency' in {space} space"
        problems.append(Problem(place(("training", "subspace", "kind")), found, "random or low_rank"))
    return problems


def _batch_problems(recipe: Recipe, place: Locate, emits: str) -> list[Problem]:
    """Batches are measured in tokens or counted in records, depending on the kind of data; the other field is idle."""
    counts, idle = ("batch_tokens", "batch_size") if emits == "symbols" else ("batch_size", "batch_tokens")
    value = getattr(recipe.training, idle)
    if value == TrainingSettings.model_fields[idle].default:
        return []
    return [Problem(place(("training", idle)), f"{value}, which has no effect for {emits}", f"training.{counts}")]


def _only_for_symbols(recipe: Recipe, place: Locate, emits: str) -> list[Problem]:
    """Settings that apply only to sequences."""
    wrong = {
        ("task",): task_class(recipe.task).per_position,
        ("data", "max_length"): recipe.data.max_length is not None,
        ("data", "split", "by"): recipe.data.split.by in ("cluster", "position", "mutations"),
    }
    by = f"{recipe.data.split.by!r}, of sequences"
    words = {"task": "a task of sequences", "max_length": "a limit of symbols", "by": by}
    return [
        Problem(place(path), f"{words[path[-1]]} for {emits}", "a setting for this kind of data")
        for path, found in wrong.items()
        if found
    ]

"""Which source, and how many of its layers? Cheap scores of the features of an untrained program, before any training.

One pass over the training set per source scores all layers of a language model. The test set is not used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np
import torch

from xmr.commands.new.sources import source_text
from xmr.commands.scan.reference import reference_features
from xmr.commands.scan.tangent import tangent
from xmr.commands.scan.transferability import h_score, jackknife, leep, log_me, probe, sliced_wasserstein
from xmr.commands.workers.base import Engine, EngineError
from xmr.core.component import create
from xmr.core.files import finite, write_csv, write_json
from xmr.core.registry import SOURCES, TASKS, grid
from xmr.errors import Problem, RecipeError, reason
from xmr.job import Job, load_job
from xmr.recipe.load import load_recipe
from xmr.recipe.recipe import case_of
from xmr.tasks.base import task_class

MAX_CLASSES = 2000  # of a source whose class logits are compared with its features; a vocabulary has more
MAX_LEEP = 20_000_000  # probabilities held at once for LEEP; beyond, fewer records are asked


@dataclass(frozen=True)
class Scores:
    """One source at one depth.

    log_me: the ranking, because it predicted trained results best (docs/results.md); probe: cross-validated score on
    the training records (accuracy, or R2); the errors are standard errors over records; wasserstein: sliced distance
    to the source's own features of reference records; llr: evidence of the source's class logits less that of its
    features, above 0 where a label mapping may do better than a linear probe (arXiv 2409.01821). NaN where a score is
    not defined (LEEP and H-score of a regression, LLR of a vocabulary) or there is no reference.
    """

    source: str
    transform: str
    layers: int | None
    log_me: float
    log_me_error: float
    probe: float
    probe_error: float
    h_score: float
    leep: float
    seconds: float
    wasserstein: float = float("nan")
    llr: float = float("nan")
    tangent_rank: float = float("nan")
    tangent_alignment: float = float("nan")


def scan(
    name: str,
    overrides: list[str],
    sources: list[str],
    folder: Path,
    log: Callable[[str], None] = lambda _: None,
    reference: Path | None = None,
    with_tangent: bool = False,
    engine: Engine | None = None,
) -> list[Scores]:
    """Score every source at every depth, writing scan.csv and scan.json -> scores, the best LogME first.

    sources: values of the recipe's `source` section, e.g. `minilm` or `{name: hf_text, model: ...}`; none: its own. One
    of another space gets the first transform of its cell of the grid. One that is not available is reported and
    skipped. reference: records of the sources' own kind (a text file, a
    folder of images). with_tangent: also rank and alignment of the tangent kernel. engine: where, by default
    here. Raises RecipeError if no source is available.
    """
    recipe = load_recipe(name, overrides)
    task, emits = recipe.task, case_of(recipe).emits
    if not task_class(task).single_target:
        expected = " or ".join(entry.name for entry in TASKS if task_class(entry.name).single_target)
        raise RecipeError(Problem("task", task, f"{expected}, which the scores are made for"))
    found: list[Scores] = []
    failures: list[tuple[str, str]] = []
    with (engine or Engine()).workers() as workers:
        scores = {
            source: workers.submit(_score, name, tuple(overrides), source, emits, reference, with_tangent)
            for source in sources or [""]
        }
        for source, result in scores.items():
            try:
                found += result()
            except EngineError:
                raise
            except Exception as error:  # of one source: the others are not lost by it
                failures.append((source, reason(error)))
                log(f"{source or 'its own source'}: {failures[-1][1]}")
                continue
            best = max((row for row in found if row.source == (source or found[-1].source)), key=_rank)
            log(
                f"{best.source}: best LogME {best.log_me:.3f} ± {best.log_me_error:.3f}"
                + (f" at {best.layers} layers" if best.layers else "")
            )
    if not found:
        raise RecipeError(f"scan: no source could be scored: {failures[0][1]}")
    ranked = sorted(found, key=_rank, reverse=True)
    columns = list(Scores.__dataclass_fields__)
    write_csv(folder / "scan.csv", columns, [[getattr(row, column) for column in columns] for row in ranked])
    rows = [vars(row) for row in ranked]
    write_json(folder / "scan.json", finite({"recipe": name, "failures": failures, "scores": rows}))
    return ranked


def _score(
    name: str, overrides: tuple[str, ...], source: str, emits: str, reference: Path | None, with_tangent: bool
) -> list[Scores]:
    """The scores of one source, with a transform that fits it."""
    asked = [*overrides, "baselines=[]", "ensemble=1", *([f"source={source}"] if source else [])]
    return score_source(name, [*asked, *_fitting(name, asked, emits)], source, reference, with_tangent)


def of_every_space(name: str, overrides: list[str]) -> list[str]:
    """A source of each space that the recipe's data can be put into, of those on this machine the best, as text."""
    emits = case_of(load_recipe(name, overrides)).emits
    known = {"token": "minilm", "pixel": source_text("pixel"), "wave": source_text("wave")}
    return [text for space, text in known.items() if (emits, space) in grid()]


def _fitting(name: str, asked: list[str], emits: str) -> list[str]:
    """The override of `transform` that a source of another space needs: the first of the grid that fits both."""
    first: RecipeError | None = None
    fitting = [f"transform={names[0]}" for (kind, _), names in grid().items() if kind == emits]
    for more in ([], *([transform] for transform in fitting)):
        try:
            load_recipe(name, [*asked, *more])
        except RecipeError as error:
            first = first or error
        else:
            return more
    assert first is not None
    raise first


def _rank(row: Scores) -> float:
    return row.log_me if np.isfinite(row.log_me) else -np.inf


def score_source(
    name: str, overrides: list[str], source: str, reference: Path | None = None, with_tangent: bool = False
) -> list[Scores]:
    """The scores of one source: a language model at every depth, any other as the recipe has it."""
    recipe = load_recipe(name, overrides)
    started = perf_counter()
    blocks = create(SOURCES, recipe.source).blocks()
    if blocks:
        recipe = load_recipe(name, [*overrides, "source.layers=null", f"source.feature_layers={blocks + 1}"])
    job = load_job(recipe)
    features = job.program.features(job.sets["train"].data)
    own = reference_features(job.source, reference) if reference is not None else None
    target = job.sets["train"].target.numpy()
    width = job.source.own_width if blocks else features.shape[1]
    cuts = [slice(begin, begin + width) for begin in range(0, features.shape[1], width)]
    depths: list[int | None] = [None]
    if blocks:  # the last depth comes first, then from the deepest to the embeddings (which no layer has touched)
        cuts, depths = cuts[:-1], list(range(len(cuts) - 1, 0, -1))
    seconds = (perf_counter() - started) / len(cuts)
    label = source or recipe.source["name"]
    rows = [_scored(label, layers, features[:, cut], target, job, seconds) for layers, cut in zip(depths, cuts)]
    if own is not None:
        far = [sliced_wasserstein(features[:, cut], own[:, cut]) for cut in cuts]
        rows = [replace(row, wasserstein=distance) for row, distance in zip(rows, far)]
    if with_tangent:  # of the whole source, whatever its depths
        rank, aligned = tangent(job)
        rows = [replace(row, tangent_rank=rank, tangent_alignment=aligned) for row in rows]
    return rows


def _scored(
    label: str, layers: int | None, features: np.ndarray, target: np.ndarray, job: Job, shared: float
) -> Scores:
    started = perf_counter()
    nan = float("nan")
    right, evidence = probe(features, target), log_me(features, target)
    between = likelihood = ratio = nan
    if job.task.classes:
        between = h_score(features, target)
        with torch.inference_mode():
            most = max(2, MAX_LEEP // job.source.classes)
            logits = job.source.answers(torch.from_numpy(features[:most])).float()
            likelihood = leep(torch.softmax(logits, dim=1).numpy(), target[:most])
        if job.source.classes <= MAX_CLASSES and most >= len(target):
            ratio = log_me(logits.numpy(), target) - evidence
    errors = jackknife(log_me, features, target), float(right.std(ddof=1) / np.sqrt(len(right)))
    seconds = shared + perf_counter() - started
    scores = evidence, errors[0], float(right.mean()), errors[1], between, likelihood, seconds
    return Scores(label, job.recipe.transform["name"], layers, *scores, llr=ratio)

"""Programs whose transform is searched: over a source that only answers, and over one with a gradient."""

import math
import re

import numpy as np
import pytest
import torch

from tests.training.test_loop import fit, same
from tests.training.zeroth_order.answers import digits_program
from xmr.commands.check import estimate
from xmr.errors import RecipeError
from xmr.recipe.load import load_recipe
from xmr.training.checkpoint import load_checkpoint
from xmr.training.interrupt import TrainingInterruptedError
from xmr.training.loop import train
from xmr.training.settings import TrainingSettings
from xmr.training.zeroth_order.learner import RULES, rms

WATERMARK = {"name": "watermark", "units": "pixel"}


def searched(place, rule="spsa", n=20, output="bayesian_plus_mapping", *, stop_at=None, resume=False, **more):
    """Train on digits -> program, history, steps, and what its source was asked."""
    own = {key: more.pop(key) for key in ("programs", "budget") if key in more}
    program, training, validation = digits_program(output, more.pop("transform", WATERMARK), n, **own)
    chosen = TrainingSettings(**{"epochs": 2, "batch_size": 10, "optimizer": rule, **more})
    steps = []

    def report(event):
        if event["kind"] == "step":
            steps.append(event)
            if len(steps) == stop_at:
                raise TrainingInterruptedError

    history = train(program, training, validation, chosen, 0, place, report, resume)
    return program, history, steps


@pytest.mark.parametrize("rule", [*RULES])
@pytest.mark.parametrize("output", ["ridge", "bayesian_plus_mapping", "linear"])
def test_a_source_that_only_answers(tmp_path, rule, output):
    before = torch.get_rng_state()
    program, history, steps = searched(tmp_path, rule, output=output)
    assert [row["epoch"] for row in history.rows] == [0, 1, 2]
    assert ["score" in row for row in history.rows] == [True, False, True], "validation asks, so only at both ends"
    losses = {"rgf": 6, "spsa": 10, "zip": 10, "cma": 15}[rule]
    counted = 0 if output == "linear" else 20
    assert program.source.asked == counted + 10 + len(steps) * 10 * losses + counted + 10
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("rule", [*RULES])
@pytest.mark.parametrize("stop_at", [1, 3])
@pytest.mark.parametrize("output", ["ridge", "frequent_mapping", "linear"])
def test_resumed_is_bit_identical(tmp_path, rule, output, stop_at):
    options = {"output": output, "programs": 2, "rule": rule}
    straight, history, _ = searched(tmp_path / "straight", **options)
    with pytest.raises(TrainingInterruptedError):
        searched(tmp_path / "stopped", stop_at=stop_at, **options)
    resumed, again, _ = searched(tmp_path / "stopped", resume=True, **options)
    assert same(straight, resumed)
    assert history.rows == again.rows


@pytest.mark.parametrize(
    ("rule", "transform"),
    [("rgf", "sparse_vocabulary_map"), ("spsa", "free_embedding"), ("zip", "prompt"), ("cma", "prompt")],
)
def test_a_language_model_is_searched_too_and_checkpoints_are_tensors(tmp_path, rule, transform):
    options = {"optimizer": rule, "transform": transform, "output": {"name": "ridge"}, "programs": 2, "epochs": 2}
    options |= {"batch_tokens": 600, "search": {"directions": 2, "population": 4}}
    options["subspace"] = None if rule in ("zip", "cma") else {"kind": "random", "size": 7}
    straight, history, _ = fit(tmp_path, name="straight", **options)
    with pytest.raises(TrainingInterruptedError, match="resume"):
        fit(tmp_path, stop_at=2, name="stopped", **options)
    tensors, _ = load_checkpoint(tmp_path / "stopped")
    assert "optimizer.z" in tensors
    resumed, again, _ = fit(tmp_path, resume=True, name="stopped", **options)
    assert same(straight, resumed)
    assert history.rows == again.rows


def test_a_head_that_reads_all_programs_is_one_search(tmp_path):
    program, history, _ = searched(tmp_path, "cma", output={"name": "ridge", "joined": True}, programs=3)
    assert len(program.outputs) == 1
    assert math.isfinite(history.rows[-1]["score"])


def test_the_untrained_program_is_kept_unless_validation_is_better(tmp_path):
    """Steps far too large: what is kept equals the start, bit for bit."""
    fresh, training, validation = digits_program("ridge", WATERMARK, 40)
    train(fresh, training, validation, TrainingSettings(epochs=0, batch_size=10, precision="full"), 0, tmp_path / "a")
    program, history, _ = searched(tmp_path / "b", n=40, output="ridge", search={"step": 1000.0})
    assert history.best_epoch == 0
    assert history.best_score == history.rows[0]["score"] > history.rows[-1]["score"]
    assert same(fresh, program)


def test_the_mapping_is_that_of_the_program_where_the_search_ended(tmp_path, monkeypatch):
    """Not of the programs around it, from which it was counted meanwhile."""
    from xmr.training.work import Work

    scores = iter([0.0, 1.0])
    monkeypatch.setattr(Work, "validate", lambda self, precision: {"score": next(scores)})
    program, history, _ = searched(tmp_path, output="frequent_mapping", search={"step": 20.0})
    assert history.best_epoch == 2
    _, training, _ = digits_program("frequent_mapping", WATERMARK, 20)
    with torch.no_grad():
        classes = program.answers(training.data.batch(np.arange(20)))[0].features.argmax(dim=1)
    from xmr.outputs.mapping import assign, count

    expected = assign(count(classes, training.target, 30, 10))
    assert torch.equal(program.outputs[0].groups, expected)


@pytest.mark.parametrize(("budget", "steps", "asked"), [(35, 0, 15), (59, 2, 50), (60, 3, 60), (None, 4, 70)])
def test_a_budget_is_never_exceeded_and_its_end_loses_nothing(tmp_path, budget, steps, asked):
    """10 training and 5 validation records, 10 questions per step; the last count, of 15, is reserved."""
    options = {"batch_size": 5, "search": {"directions": 1}, "rule": "spsa", "epochs": 2, "n": 10, "budget": budget}
    program, history, done = searched(tmp_path, **options)
    assert (len(done), program.source.asked) == (steps, asked)
    assert history.note.startswith(f"stopped after {steps} steps: ") == (budget is not None)
    assert [row["epoch"] for row in history.rows] == [*range(1 + -(-steps // 2))]
    assert "score" in history.rows[-1]
    assert (history.rows[0]["questions"], history.rows[-1]["questions"]) == (15, asked)
    assert {event["steps"] for event in done} <= {steps}, "schedules end where the budget does"
    again, rows, _ = searched(tmp_path, resume=True, **options)
    assert same(program, again)
    assert rows.rows == history.rows


def test_a_source_that_stops_answering_too_early_costs_the_search_alone(tmp_path):
    program, training, validation = digits_program("ridge", WATERMARK, 10, budget=40)
    program.source.questions.reserved = 0
    settings = TrainingSettings(epochs=2, batch_size=5, optimizer="rgf", search={"directions": 1})
    history = train(program, training, validation, settings, 0, tmp_path / "b")
    assert history.best_epoch == 0
    assert history.note == "the outputs were not counted again: 40 questions are spent"


def test_losses_of_a_step_are_of_one_batch_with_one_augmentation_and_one_output(tmp_path):
    """With a transform that cannot change anything that matters, all losses of a step are equal."""
    seen = []
    program, training, _ = digits_program("linear", WATERMARK, 20)
    program.encoder.crop, program.outputs[0].dropout_share = 2, 0.5
    from xmr.training.zeroth_order.spsa import SPSA

    honest = SPSA.step

    def step(self, z, level, loss, number):
        seen.append([float(loss(z)) for _ in range(3)])
        return honest(self, z, level, loss, number)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SPSA, "step", step)
        train(program, training, None, TrainingSettings(epochs=1, batch_size=10, optimizer="spsa"), 0, tmp_path)
    assert len(seen) == 2
    assert all(len({*losses}) == 1 for losses in seen)
    assert seen[0] != seen[1]


def test_a_step_is_measured_at_the_sources_input(tmp_path):
    """One level is 1/255 of the range of a pixel, whatever the parameters are: here before a sigmoid."""
    moved = []
    for transform in (WATERMARK, {"name": "border", "scale": 0.25}, {"name": "watermark", "units": "normalized"}):
        start, training, _ = digits_program("ridge", transform, 20)
        program, training, _ = digits_program("ridge", transform, 20)
        settings = TrainingSettings(epochs=1, batch_size=20, optimizer="rgf", search={"step": 3.0})
        train(program, training, None, settings, 0, tmp_path)
        batch = training.data.batch(np.arange(20))
        with torch.no_grad():
            one, other = (p.transforms[0](batch).images(p.source.space) for p in (start, program))
        moved.append(255 * rms(one - other))
    assert moved == pytest.approx([3, 3, 3], rel=0.5), "clipping at black and white hides some of it"


def test_a_gradient_through_a_source_that_only_answers_is_refused_before_it_is_asked(tmp_path):
    program, training, _ = digits_program("linear", WATERMARK, 20)
    said = (
        r"optimizer: found 'adamw' for a source that only answers; expected rgf, spsa, zip, cma, which need no gradient"
    )
    with pytest.raises(RecipeError, match=said):
        train(program, training, None, TrainingSettings(), 0, tmp_path)
    assert program.source.asked == 0
    program.transforms.requires_grad_(False)
    history = train(program, training, None, TrainingSettings(epochs=1), 0, tmp_path)
    assert history.rows[-1]["train_loss"] > 0, "the output alone learns from answers"


def test_what_cannot_be_searched_is_refused(tmp_path):
    program, training, validation = digits_program("ridge", WATERMARK, 20)
    program.transforms[0].requires_grad_(False)
    with pytest.raises(RecipeError, match=r"training.optimizer: found 'cma' for a transform without trainable param"):
        train(program, training, validation, TrainingSettings(optimizer="cma"), 0, tmp_path)
    with pytest.raises(RecipeError, match="numbers to search by cma; expected 2 to 200"):
        searched(tmp_path, "cma", subspace={"kind": "low_rank"})


@pytest.mark.parametrize("rule", [*RULES])
def test_it_learns_on_digits(tmp_path, rule):
    """With a fixed random mapping, so that only the pattern can lower the loss."""
    chosen = {"spsa": 2.0, "rgf": 2.0, "zip": 4.0, "cma": 24.0}[rule]
    subspace = {"kind": "low_frequency", "size": 4}
    _, history, _ = searched(
        tmp_path, rule, 100, "random_mapping", epochs=8, batch_size=50, subspace=subspace, search={"step": chosen}
    )
    assert history.rows[-1]["train_loss"] < 0.97 * history.rows[1]["train_loss"]


RECIPE = """task: classification
data: {dataset: digits, split: {by: random, test: 600, n_labelled: 60, validation: 0.2}}
encoder: {name: image, channels: 1}
source: {name: identity}
transform: {name: watermark}
output: {name: ridge}
"""


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (
            ["training.search.step=2"],
            "training.search: found settings of a search for adamw; expected optimizer: rgf, s",
        ),
        (["training.subspace={kind: random}"], "training.subspace: found settings of a search for adamw"),
        (["training.optimizer=spsa", "training.patience=3"], "training.patience: found 3; expected null"),
        (
            ["training.optimizer=spsa", "training.subspace={kind: low_frequency}"],
            "found 'low_frequency' in token space",
        ),
        (["training.optimizer=spsa", "training.subspace={kind: low_frequenzy}"], "did you mean low_frequency"),
        (["training.optimizer=spsa", "training.search.direction=3"], "did you mean directions"),
        (
            ["training.optimizer=spsa", "training.search={momentum: 1}"],
            "training.search.momentum: found 1; expected less",
        ),
    ],
)
def test_recipes_that_cannot_work_are_refused(tmp_path, overrides, said):
    (tmp_path / "r.yaml").write_text(RECIPE.replace("{name: watermark}", "{name: patch_projection}"))
    with pytest.raises(RecipeError, match=re.escape(said)):
        load_recipe(tmp_path / "r.yaml", overrides)


def test_check_says_how_many_records_a_search_asks_about(tmp_path):
    (tmp_path / "r.yaml").write_text(RECIPE.replace("{name: watermark}", "{name: patch_projection}"))
    recipe = load_recipe(tmp_path / "r.yaml", ["training.optimizer=cma", "training.epochs=10", "ensemble=2"])
    lines = dict(estimate(recipe))
    assert lines["search"] == "48 numbers per program, 15 losses per step: 14,400 records asked"

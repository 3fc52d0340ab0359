"""Training: the same result however it was interrupted, choice on validation, losses by hand."""

import math

import numpy as np
import pytest
import torch

from tests.test_program import build
from tests.tiny import tiny_source
from xmr.core.batching import budget_batches, inference_batches, training_batches
from xmr.encoders.table import TableEncoder
from xmr.outputs.ridge import solve
from xmr.program import Program
from xmr.tasks.base import IGNORE, task_class
from xmr.tasks.classification import Classification
from xmr.training.checkpoint import load_checkpoint, trained_state
from xmr.training.divergence import TrainingDivergedError, check_answers
from xmr.training.interrupt import TrainingInterruptedError
from xmr.training.loop import train
from xmr.training.settings import TrainingSettings
from xmr.training.work import LabelledSet, Work


def labelled(program, records):
    return LabelledSet(program.encoder.encode(records), program.task.encode(records))


def fit(tmp_path, *, stop_at=None, resume=False, name="a", seed=0, **settings):
    program, records = build(
        tiny_source(),
        settings.pop("programs", 1),
        output=settings.pop("output", None),
        transform=settings.pop("transform", "free_embedding"),
        n=40,
    )
    chosen = TrainingSettings(
        **{"epochs": 3, "batch_tokens": 200, "learning_rate": 1e-2, "precision": "full", **settings}
    )
    seen = []

    def report(event):
        seen.append(event)
        if stop_at is not None and event["kind"] == "step" and event["step"] == stop_at:
            import os
            import signal

            os.kill(os.getpid(), signal.SIGINT)

    history = train(
        program,
        labelled(program, records.take(range(28))),
        labelled(program, records.take(range(28, 40))),
        chosen,
        seed,
        tmp_path / name,
        report,
        resume,
    )
    return program, history, seen


def same(one, other):
    state, again = (trained_state({"t": p.transforms, "o": p.outputs}) for p in (one, other))
    return all(torch.equal(state[key], again[key]) for key in state)


@pytest.mark.parametrize(
    ("output", "transform"),
    [
        ("linear", "free_embedding"),
        ("bayesian_plus_mapping", "free_embedding"),
        ("ridge", "free_embedding"),
        ("linear", "sparse_vocabulary_map"),
    ],
)
@pytest.mark.parametrize("stop_at", [1, 7])
def test_resumed_is_bit_identical(tmp_path, stop_at, output, transform):
    options = {"programs": 2, "output": {"name": output}, "transform": transform}
    straight, history, _ = fit(tmp_path, name="straight", **options)
    with pytest.raises(TrainingInterruptedError, match="resume"):
        fit(tmp_path, stop_at=stop_at, name="stopped", **options)
    resumed, again, _ = fit(tmp_path, resume=True, name="stopped", **options)
    assert same(straight, resumed)
    assert history.rows == again.rows


def test_dropout_is_part_of_the_bit_identical_result(tmp_path):
    options = {"output": {"name": "linear", "dropout": 0.5}}
    straight, _, _ = fit(tmp_path, name="straight", **options)
    with pytest.raises(TrainingInterruptedError):
        fit(tmp_path, stop_at=5, name="stopped", **options)
    assert same(straight, fit(tmp_path, resume=True, name="stopped", **options)[0])


def test_a_seed_is_a_program(tmp_path):
    assert same(fit(tmp_path, name="a")[0], fit(tmp_path, name="b")[0])
    assert not same(fit(tmp_path, name="c")[0], fit(tmp_path, name="d", seed=1)[0])


def test_a_checkpoint_holds_what_training_changes_and_no_copy_of_the_source(tmp_path):
    source = tiny_source()
    encoder = TableEncoder()
    records = encoder.example(40, 0)
    encoder.fit(records)
    targets = task_class("classification").fit(records)
    program = Program.build(encoder, {"name": "feature_tokens"}, source, {"name": "ridge"}, targets, 2, 0)
    state = trained_state({"transforms": program.transforms, "outputs": program.outputs})
    assert not [name for name, tensor in state.items() if tensor.shape == source.space.embedding.shape]
    assert {"outputs.0.weight", "outputs.0.rows", "outputs.0.used", "outputs.0.epochs"} <= set(state)
    assert {name for name, _ in program.transforms.named_parameters(prefix="transforms")} <= set(state)


def test_few_records_are_passed_over_until_there_are_enough_steps(tmp_path):
    _, history, seen = fit(tmp_path, epochs=2, min_steps=30)
    steps = [event["step"] for event in seen if event["kind"] == "step"]
    each = len(steps) // (len(history.rows) - 1)
    assert 30 <= steps[-1] < 30 + each
    assert seen[0]["steps"] == steps[-1]
    assert len(fit(tmp_path, name="b", epochs=4, min_steps=3)[1].rows) == 5
    hopeless = {"learning_rate": 1e-12, "patience": 1}  # no epoch is better than the first
    assert (
        len(fit(tmp_path, name="c", epochs=9, **hopeless)[1].rows) == 3
    )  # the first epoch equals the untrained program
    assert len(fit(tmp_path, name="d", epochs=9, min_steps=4 * each, **hopeless)[1].rows) == 5


def test_it_learns(tmp_path):
    _, history, _ = fit(tmp_path, epochs=12, learning_rate=3e-2)
    assert history.rows[-1]["train_loss"] < 0.5 * history.rows[1]["train_loss"]


@pytest.mark.parametrize(("update_every", "precision"), [(1, "full"), (2, "full"), (1, "bf16")])
def test_a_solved_head_fits_the_transform_as_it_ended(tmp_path, update_every, precision):
    """Not features that moved while they were seen, or were rounded; nor the rest of an epoch without a solution."""
    output = {"name": "ridge", "update_every": update_every}
    program, _, _ = fit(tmp_path, output=output, learning_rate=0.3, precision=precision)
    _, records = build(tiny_source(), n=40)
    part = labelled(program, records.take(range(28)))
    features = np.zeros((28, program.source.hidden_width), np.float32)
    with torch.inference_mode():
        for row in range(28):
            batch = part.data.batch(np.array([row]))
            features[row] = program.outputs[0].pool(program.source(program.transforms[0](batch)), batch).numpy()
    truth = np.eye(program.task.outputs)[part.target.numpy()] * 2 - 1
    weight, bias = solve(np.tile(features, (update_every, 1)), np.tile(truth, (update_every, 1)))
    scores = features @ weight.T + bias
    found = program.outputs[0].scores(torch.from_numpy(features)).detach().numpy()
    np.testing.assert_allclose(found, scores, atol=0.005 * np.abs(scores).max())


def test_the_best_validation_epoch_is_kept(tmp_path, monkeypatch):
    scores = iter([0.2, 0.3, 0.9, 0.5, 0.4, 0.4, 0.4])
    kept = []

    def validate(self, precision):
        kept.append(trained_state({"t": self.program.transforms}))
        return {"score": next(scores)}

    monkeypatch.setattr(Work, "validate", validate)
    program, history, _ = fit(tmp_path, epochs=6, patience=2)
    assert history.best_epoch == 2
    assert len(history.rows) == 5  # the untrained program; two epochs without improvement, then it stops
    assert torch.equal(program.transforms[0].weight.detach(), kept[2]["t.0.weight"])


def test_the_last_epoch_without_validation(tmp_path):
    program, records = build(tiny_source())
    history = train(
        program, labelled(program, records), None, TrainingSettings(epochs=2, precision="full"), 0, tmp_path
    )
    assert history.best_epoch == 2
    assert "score" not in history.rows[0]


def test_clipping_is_per_program(tmp_path, monkeypatch):
    calls = []
    honest = torch.nn.utils.clip_grad_norm_
    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", lambda p, c: calls.append(len(list(p))) or honest(p, c))
    _, _, seen = fit(tmp_path, programs=3, epochs=1)
    steps = sum(event["kind"] == "step" for event in seen)
    assert calls == [3] * (3 * steps)  # embedding, weight and bias of each program on its own


def test_checkpoints_hold_no_pickle(tmp_path):
    with pytest.raises(TrainingInterruptedError):
        fit(tmp_path, stop_at=3)
    assert sorted({path.suffix for path in (tmp_path / "a").iterdir()}) == ["", ".json", ".safetensors"]
    tensors, progress = load_checkpoint(tmp_path / "a")
    assert progress["progress"]["step"] == 3
    assert any(key.startswith("optimizer.") for key in tensors)


@pytest.mark.parametrize("tokens", [30, 100, 1000])
def test_batches_hold_every_record_once_within_the_budget(tokens):
    rng = np.random.default_rng(0)
    width = rng.integers(1, 40, 300)
    for batches in (training_batches(width, width, tokens, rng), inference_batches(width, width, tokens)):
        assert sorted(np.concatenate(batches).tolist()) == list(range(300))
        assert all(len(b) == 1 or len(b) * width[b].max() <= 1.2 * tokens for b in batches)
    padded = sum(len(b) * width[b].max() for b in inference_batches(width, width, tokens))
    assert padded <= 1.2 * width.sum() or tokens < 100


def test_windowed_records_count_all_their_rows():
    cost, width = np.array([100, 100, 10, 10]), np.array([10, 10, 10, 10])
    assert [b.tolist() for b in budget_batches(cost, width, np.arange(4), 110)] == [[0], [1, 2], [3]]


def test_losses_by_hand():
    logits = torch.log(torch.tensor([[[0.5, 0.5], [0.2, 0.8]]]))
    assert torch.allclose(
        task_class("classification").loss(logits, torch.tensor([0, 1])), -torch.tensor([math.log(0.5 * 0.8) / 2])
    )
    weights = torch.tensor([1.0, 3.0])
    expected = -(math.log(0.5) + 3 * math.log(0.8)) / 4
    assert torch.allclose(
        task_class("classification").loss(logits, torch.tensor([0, 1]), weights), torch.tensor([expected])
    )
    assert torch.allclose(
        task_class("regression").loss(torch.tensor([[[1.0], [3.0]]]), torch.tensor([[0.0], [1.0]])),
        torch.tensor([2.5]),
    )
    known = torch.tensor([[1.0, float("nan")]])
    assert torch.allclose(task_class("multilabel").loss(torch.zeros(1, 1, 2), known), torch.tensor([math.log(2)]))
    positions = torch.log(torch.tensor([[[[0.5, 0.5], [0.1, 0.9]]]]))
    target = torch.tensor([[0, IGNORE]])
    assert torch.allclose(task_class("sequence_labeling").loss(positions, target), torch.tensor([math.log(2)]))


def test_class_weights_by_hand():
    weights = Classification(("a", "b", "c")).class_weights(torch.tensor([0, 0, 0, 1]))
    assert torch.allclose(weights, torch.tensor([4 / 9, 4 / 3, 0.0]))


def test_steps_that_are_too_large_are_said_to_be(tmp_path):
    said = r"training.learning_rate: found 1e\+30 and a NaN or infinite loss at step \d+; expected a smaller one"
    with pytest.raises(TrainingDivergedError, match=said):
        fit(tmp_path, learning_rate=1e30, epochs=9)


def test_answers_that_are_no_numbers_are_never_scored():
    settings = TrainingSettings(learning_rate=3.0)
    assert check_answers(torch.tensor([0.0, math.inf]), settings)[1] == math.inf
    with pytest.raises(TrainingDivergedError, match=r"found 3 and NaN or infinite predictions; expected a smaller one"):
        check_answers(torch.tensor([0.0, math.nan]), settings)


def test_an_epoch_as_good_as_the_untrained_program_is_preferred_to_it(tmp_path, monkeypatch):
    scores = iter([0.5, 0.4, 0.5, 0.5])
    monkeypatch.setattr(Work, "validate", lambda self, precision: {"score": next(scores)})
    assert fit(tmp_path, epochs=3)[1].best_epoch == 2

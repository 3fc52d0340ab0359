"""CUDA gives the numbers of the CPU, resumes bit-identically, waits for nothing within a step, and survives a lack of
memory. Each test runs on the CPU too, where most of it has to hold as well.
"""

import numpy as np
import pytest
import torch

from tests.benchmarks.gpu import measure
from tests.gpu.fitting import CPU, Job
from tests.gpu.syncs import OnHost, SyncError, no_sync
from tests.training.test_loop import same
from xmr.core.registry import OUTPUTS, TRANSFORMS
from xmr.program import Program
from xmr.training import loop
from xmr.training.interrupt import TrainingInterruptedError
from xmr.training.work import Work

FOR_CLIP, MASKED = ("text_mapping", "residual_text_mapping"), "verbalizer"
PLAIN = [each.name for each in OUTPUTS if each.name not in (*FOR_CLIP, MASKED, "primed_mapping")]
TASKS = ("classification", "multilabel", "regression", "sequence_labeling", "infilling")


def output_cases():
    return [(name, task) for name in PLAIN for task in TASKS if task in OUTPUTS.get(name).tasks]


@pytest.mark.slow
@pytest.mark.parametrize("name", [each.name for each in TRANSFORMS if each.name != "row_text"])
def test_every_transform_trains_and_predicts_as_on_the_cpu(device, name, tmp_path):
    here, there = Job(CPU, name), Job(device, name)
    before = here.predictions()
    torch.testing.assert_close(there.predictions(), before, atol=1e-4, rtol=1e-4)
    here.fit(tmp_path / "here")
    there.fit(tmp_path / "there")
    torch.testing.assert_close(there.predictions(), here.predictions(), atol=2e-2, rtol=2e-2)
    assert there.program.device.type == device.type
    assert here.predictions().isfinite().all()


@pytest.mark.slow
@pytest.mark.parametrize(("output", "task"), output_cases())
def test_every_output_trains_and_predicts_as_on_the_cpu(device, output, task, tmp_path):
    here, there = (Job(where, output=output, task=task) for where in (CPU, device))
    histories = [job.fit(tmp_path / name) for job, name in ((here, "here"), (there, "there"))]
    torch.testing.assert_close(there.predictions(), here.predictions(), atol=5e-2, rtol=5e-2)
    assert len({len(history.rows) for history in histories}) == 1


def test_a_saved_program_predicts_on_either_device(device, tmp_path):
    job = Job(device, {"name": "prompt"}, {"name": "ridge"})
    job.fit(tmp_path / "checkpoint")
    expected = job.predictions()
    job.program.to("cpu")
    torch.testing.assert_close(job.predictions(), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("output", ["linear", "ridge", "bayesian_mapping", {"name": "linear", "dropout": 0.5}])
def test_a_resumed_training_is_bit_identical(device, output, tmp_path, deterministic):
    options = {"output": output, "transform": {"name": "prompt"}}
    straight, stopped, resumed = (Job(device, **options) for _ in range(3))
    straight.fit(tmp_path / "straight")
    with pytest.raises(TrainingInterruptedError), stopping_after(3):
        stopped.fit(tmp_path / "stopped")
    resumed.fit(tmp_path / "stopped", resume=True)
    assert same(straight.program, resumed.program)
    assert torch.equal(straight.predictions(), resumed.predictions())


class stopping_after:
    """Asks the training to stop after some steps, as Ctrl-C does."""

    def __init__(self, steps):
        self.steps = steps

    def __enter__(self):
        self.patch = pytest.MonkeyPatch()
        real, done = Work.any_of, iter(range(1, 10_000))
        self.patch.setattr(Work, "any_of", lambda work, asked: real(work, next(done) >= self.steps))

    def __exit__(self, *raised):
        self.patch.undo()


def test_bfloat16_trains_and_full_precision_predicts(device, tmp_path):
    full, half = (Job(device, precision=precision) for precision in ("full", "bf16"))
    full.fit(tmp_path / "full")
    half.fit(tmp_path / "half")
    assert half.predictions().dtype == torch.float32
    torch.testing.assert_close(half.predictions(), full.predictions(), atol=0.1, rtol=0.1)
    assert all(parameter.dtype == torch.float32 for parameter in half.program.trained_parameters())


CELLS = [
    ("free_embedding", "linear"),
    ("vocabulary_map", "ridge"),
    ("context_window", "bayesian_mapping"),
    ("signal_patches", "linear"),
    ("signal_image", "iterative_mapping"),
    ("watermark", "linear"),
    ("border", "kernel_ridge"),
    ("feature_tokens", "linear"),
    ("wave_pattern", "linear"),
]


@pytest.mark.parametrize(("transform", "output"), CELLS)
def test_a_step_waits_for_nothing(device, transform, output, tmp_path, monkeypatch):
    monkeypatch.setattr("xmr.transforms.base.checked_ids", lambda ids, symbols: ids)  # read on the CPU alone
    for module in ("window", "tiles", "remap"):
        monkeypatch.setattr(f"xmr.transforms.{module}.checked_ids", lambda ids, symbols: ids)
    job = Job(device, transform, output)
    work = job.work()
    work.count_before_training()
    batches = work.batches(0)
    for step in range(2):  # the first steps load kernels and make the optimizer's state
        work.step(batches[0][0], step)
    work.training.data = OnHost(work.training.data)
    hosts = [getattr(head, name) for head in job.program.outputs for name in head.on_host]
    # transformers looks into the mask of a padded batch once per step, unless it is compiled: not ours to change.
    monkeypatch.setattr("transformers.masking_utils._ignore_bidirectional_mask_sdpa", lambda *given, **more: False)
    with no_sync(device, *hosts):
        for step, (batch, repeated) in enumerate(batches[:3], start=2):
            loss, _ = work.step(batch, step, repeated)
    assert torch.isfinite(loss)


def test_what_waits_is_noticed(device):
    value = torch.ones(3, device=device)
    with pytest.raises((SyncError, RuntimeError)), no_sync(device):
        float(value.sum())


def test_losses_are_read_together_and_reported_one_by_one(device, tmp_path, monkeypatch):
    events = []
    monkeypatch.setattr(loop, "READ_EVERY", {"cpu": 4, "cuda": 4})
    job = Job(device)
    history = job.fit(tmp_path / "a", report=lambda event: events.append(event))
    steps = [event for event in events if event["kind"] == "step"]
    assert [event["step"] for event in steps] == [*range(1, len(steps) + 1)]
    monkeypatch.setattr(loop, "READ_EVERY", {"cpu": 1, "cuda": 1})
    again = Job(device).fit(tmp_path / "b")
    if device.type == "cpu":
        assert history.rows == again.rows
    assert len(history.rows) == len(again.rows)


@pytest.mark.parametrize("transform", ["free_embedding", "watermark"])
def test_a_batch_too_large_for_the_memory_is_halved_and_said_once(device, transform, tmp_path, monkeypatch):
    real, sizes = Work.step, []

    def step(work, batch, *more):
        sizes.append(len(batch))
        if len(batch) > 4:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return real(work, batch, *more)

    monkeypatch.setattr(Work, "step", step)
    job = Job(device, transform)
    history = job.fit(tmp_path / "halved")
    assert history.note.count("memory") == 1
    assert "batch" in history.note
    assert max(sizes[-4:]) <= 4
    assert history.rows[-1]["epoch"] == 2
    monkeypatch.undo()
    shrink = {"free_embedding": "batch_tokens", "watermark": "batch_size"}[transform]
    smaller = getattr(job.settings, shrink) // history.shrink
    plain = Job(device, transform, **{shrink: smaller})
    plain.fit(tmp_path / "plain")
    assert same(plain.program, job.program) or device.type == "cuda"


def test_a_halved_training_is_resumed_with_its_batches(device, tmp_path, monkeypatch, deterministic):
    real = Work.step

    def step(work, batch, *more):
        if len(batch) > 4:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return real(work, batch, *more)

    monkeypatch.setattr(Work, "step", step)
    straight, stopped, resumed = (Job(device, "watermark") for _ in range(3))
    straight.fit(tmp_path / "straight")
    with pytest.raises(TrainingInterruptedError), stopping_after(4):
        stopped.fit(tmp_path / "stopped")
    history = resumed.fit(tmp_path / "stopped", resume=True)
    assert history.shrink == 2
    assert same(straight.program, resumed.program)


def test_another_error_is_not_taken_for_a_lack_of_memory(device, tmp_path, monkeypatch):
    def step(work, batch, *more):
        raise RuntimeError("a shape that does not fit")

    monkeypatch.setattr(Work, "step", step)
    with pytest.raises(RuntimeError, match="does not fit"):
        Job(device).fit(tmp_path)


def test_predictions_survive_a_lack_of_memory(device, monkeypatch):
    job = Job(device)
    expected = job.predictions()
    real, sizes = Program.logits, []

    def logits(program, answers, encoded):
        sizes.append(len(encoded))
        if len(encoded) > 3:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return real(program, answers, encoded)

    monkeypatch.setattr(Program, "logits", logits)
    torch.testing.assert_close(job.predictions(), expected, atol=1e-5, rtol=1e-5)
    assert max(sizes) > 3 >= sizes[-1]


def test_where_a_source_is_compiled():
    cuda = torch.device("cuda")
    settings = Job().settings
    assert not settings.compiles(CPU, 10**6)
    assert not settings.compiles(cuda, 10)
    assert not settings.model_copy(update={"compile": "off"}).compiles(cuda, 10**6)


@pytest.mark.slow
@pytest.mark.parametrize("transform", ["free_embedding", "watermark"])
def test_a_compiled_source_gives_the_same_numbers(device, transform, tmp_path):
    plain, compiled = Job(device, transform), Job(device, transform)
    backend = "inductor" if device.type == "cuda" else "eager"
    compiled.source.compile_network(backend=backend)
    torch.testing.assert_close(compiled.predictions(), plain.predictions(), atol=1e-4, rtol=1e-4)
    plain.fit(tmp_path / "plain")
    compiled.fit(tmp_path / "compiled")  # checks that the source has not changed
    torch.testing.assert_close(compiled.predictions(), plain.predictions(), atol=2e-2, rtol=2e-2)


def test_copies_to_a_device_keep_values(device):
    job = Job(CPU)
    batch = job.training.data.batch(np.arange(4))
    moved = batch.to(device)
    assert moved.ids.device.type == device.type
    assert torch.equal(moved.ids.cpu(), batch.ids)


@pytest.mark.slow
def test_the_benchmark_runs(device):
    rows = measure(device, tiny=True, backend="inductor" if device.type == "cuda" else "eager", rounds=1)
    assert [row.source for row in rows] == ["random BERT-base", "random ViT-B"]
    assert all(row.step > 0 and row.predict > 0 for row in rows)
    assert all((row.mib is not None) == (device.type == "cuda") for row in rows)

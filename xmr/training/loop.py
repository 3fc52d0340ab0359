"""The training loop: one pass of the frozen source per step for all programs; the best epoch is selected on validation
data.

All random numbers depend only on the seed and the step number, with generators owned by the fit. A run that is stopped
at any step and resumed is therefore bit-identical to an uninterrupted one, and so are fits in threads.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from xmr.core.batching import within_memory
from xmr.errors import QuestionBudgetError
from xmr.program import Program
from xmr.training.checkpoint import load_checkpoint, restore_trained, save_checkpoint, trained_state
from xmr.training.divergence import check_loss
from xmr.training.interrupt import TrainingInterruptedError, stop_on_interrupt
from xmr.training.precision import resolve_precision
from xmr.training.settings import TrainingSettings
from xmr.training.work import LabelledSet, Work

READ_EVERY = {"cpu": 1}  # steps after which losses are read: on other devices reading one waits for all that is queued
READ_TOGETHER = 32  # of other devices
CHECKPOINT_SECONDS = 20.0  # interval of checkpoints within an epoch; the end of each epoch is saved too
_MAKING_ACCELERATOR = threading.Lock()


@dataclass
class History:
    """One row per epoch, first of the untrained program (epoch 0), and the selected epoch."""

    rows: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best_score: float = -math.inf
    note: str = ""  # why it ended early
    shrink: int = 1  # batches were as many times smaller than the settings say, for want of memory


@dataclass
class _Progress:
    """The position in the training; saved in every checkpoint."""

    epoch: int = 0
    batch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    seen: int = 0
    stopped: bool = False
    asked: int = 0  # questions that a search has planned for its steps; how many were new does not matter


Report = Callable[[dict[str, Any]], None]


def train(
    program: Program,
    training: LabelledSet,
    validation: LabelledSet | None,
    settings: TrainingSettings,
    seed: int,
    folder: Path,
    report: Report = lambda _: None,
    resume: bool = False,
    accelerator: Any = None,
) -> History:
    """Train in place; the program ends with the weights of the best validation epoch (without validation set: the
    last). After a search without gradients, the outputs are made again from one pass over the training records, and the
    untrained program is kept unless validation is better.

    Where the memory of the device does not suffice, it starts again with half the batches, and says so in the note.

    folder: where checkpoints are written. report: called after every step and epoch. Raises SourceChangedError if the
    source is not bit-identical afterwards, TrainingDivergedError if the loss is NaN or infinite,
    TrainingInterruptedError after Ctrl-C.
    """
    if accelerator is None:
        accelerator = _accelerator(program.device)
    modules: dict[str, nn.Module] = {"transforms": program.transforms, "outputs": program.outputs}
    saved = load_checkpoint(folder) if resume else None
    first = 1 if saved is None else int(saved[1]["history"].get("shrink", 1))
    if accelerator.num_processes > 1:  # the others would not know
        return _train(program, training, validation, settings, seed, folder, report, saved, accelerator, first)
    untouched = trained_state(modules)

    def attempt(shrink: int) -> History:
        """The training with smaller batches: from where it was saved, or from the start."""
        if shrink == first:
            return _train(program, training, validation, settings, seed, folder, report, saved, accelerator, shrink)
        restore_trained(modules, untouched)
        return _train(program, training, validation, settings, seed, folder, report, None, accelerator, shrink)

    history = within_memory(attempt, first)
    if history.shrink > 1:
        said = f"the memory of the device did not suffice, so batches are 1/{history.shrink} of what the recipe says"
        history.note = "; ".join(filter(None, (history.note, said)))
    return history


def _train(
    program: Program,
    training: LabelledSet,
    validation: LabelledSet | None,
    settings: TrainingSettings,
    seed: int,
    folder: Path,
    report: Report,
    saved: tuple[dict[str, Tensor], dict[str, Any]] | None,
    accelerator: Any,
    shrink: int,
) -> History:
    """`train` with batches `shrink` times smaller, from a checkpoint where there is one."""
    precision = resolve_precision(settings.precision, program.device)
    job = Work(program, training, validation, settings, seed, precision, accelerator, shrink)
    modules: dict[str, nn.Module] = {"transforms": program.transforms, "outputs": program.outputs}
    history, progress = History(shrink=shrink), _Progress()
    best: dict[str, Tensor] | None = None
    if saved is not None:
        tensors, state = saved
        history, progress = History(**state["history"]), _Progress(**state["progress"])
        restore_trained(modules, {k.removeprefix("now."): v for k, v in tensors.items() if k.startswith("now.")})
        job.learner.restore(tensors)
        best = {k.removeprefix("best."): v for k, v in tensors.items() if k.startswith("best.")} or None
    else:
        job.fit_features()
        job.count_before_training()
        history.rows.append({"epoch": 0, **job.alignment(), **job.validate(job.precision)})
        if program.source.questions is not None:
            history.rows[0]["questions"] = program.source.questions.used()
        if history.rows[0].get("score", -math.inf) > -math.inf:  # the untrained program competes with every epoch
            history.best_score, best = history.rows[0]["score"], trained_state(modules)

    unread: list[tuple[Tensor, dict[str, Any]]] = []
    most = READ_EVERY.get(program.device.type, READ_TOGETHER)

    def read() -> None:
        """Read the losses of the last steps, and report them. Raises TrainingDivergedError."""
        losses = torch.stack([loss for loss, _ in unread]).tolist() if unread else []
        for loss, (_, event) in zip(losses, unread):
            progress.loss_sum += check_loss(loss, event["step"] - 1, settings) * event["records"]
            report({**event, "loss": loss})
        unread.clear()

    def checkpoint() -> None:
        """Save the progress, the best epoch and the optimizer; only the first of several processes writes."""
        if not accelerator.is_main_process:
            return
        tensors = {f"now.{key}": value for key, value in trained_state(modules).items()}
        tensors |= {f"best.{key}": value for key, value in (best or {}).items()}
        place = {"step": progress.step, "epoch": progress.epoch, "batch": progress.batch}
        state = {**place, "history": asdict(history), "progress": asdict(progress)}
        save_checkpoint(folder, tensors | job.learner.tensors(), state)

    def choose(row: dict[str, float]) -> bool:
        """Keep the program if it is the best so far, or equal to the untrained one (a search has to be better)."""
        nonlocal best
        score = row.get("score", -math.inf)
        equal = score == history.best_score and history.best_epoch == 0 and best is not None and not job.searches
        if score > history.best_score or equal:
            history.best_score, history.best_epoch = score, int(row["epoch"])
            best = trained_state(modules)
            return True
        return False

    with stop_on_interrupt() as asked_to_stop:
        while progress.epoch < job.epochs and not progress.stopped:
            clock = time.monotonic()
            if progress.batch == 0:
                for transform in program.transforms:
                    transform.on_epoch(progress.epoch, job.epochs)
            for batch, repeated in job.batches(progress.epoch)[progress.batch :]:
                try:
                    progress.asked = job.plan(batch, progress.asked, job.learner.evaluations)
                    loss, count = job.step(batch, progress.step, repeated)
                except QuestionBudgetError as spent:
                    progress.stopped, history.note = True, f"stopped after {progress.step} steps: {spent}"
                    break
                progress.seen += count
                progress.step += 1
                progress.batch += 1
                place = {"kind": "step", "epoch": progress.epoch, "step": progress.step, "steps": job.steps}
                unread.append((loss, {**place, "records": count}))
                if len(unread) >= most:
                    read()
                stop = job.any_of(asked_to_stop())
                if stop or time.monotonic() - clock > CHECKPOINT_SECONDS:
                    read()
                    checkpoint()
                    clock = time.monotonic()
                if stop:
                    raise TrainingInterruptedError(
                        f"stopped at epoch {progress.epoch + 1}, step {progress.step}; everything is saved, "
                        "the same command with --resume continues"
                    )
            read()
            if not progress.batch:
                break
            for output in () if progress.stopped else program.outputs:
                if output.due():
                    job.share_counts(output)
                output.on_epoch()
            row = {
                "epoch": progress.epoch + 1,
                "train_loss": progress.loss_sum / max(1, progress.seen),
                **job.alignment(),
                **({} if job.searches else job.validate(job.precision)),
                **({"questions": first + progress.asked} if (first := history.rows[0].get("questions")) else {}),
            }
            history.rows.append(row)
            if not choose(row) and settings.patience and progress.step >= settings.min_steps:
                progress.stopped = best is not None and progress.epoch + 1 - history.best_epoch >= settings.patience
            report({"kind": "epoch", **row})
            progress.epoch, progress.batch, progress.loss_sum, progress.seen = progress.epoch + 1, 0, 0.0, 0
            checkpoint()
    if job.searches and progress.step:
        held = trained_state(modules)
        try:
            job.recount()
            history.rows[-1] |= job.validate("full")
            if "questions" in history.rows[-1]:  # the count asks about every record once more
                history.rows[-1]["questions"] += history.rows[0]["questions"]
            choose(history.rows[-1])
        except QuestionBudgetError as spent:
            history.note = f"the outputs were not counted again: {spent}"
            restore_trained(modules, held)
    if best is not None:
        restore_trained(modules, best)
    else:
        history.best_epoch = progress.epoch
    if not job.searches and job.settle() and best is not None:
        history.best_score = job.validate("full")["score"]  # of the program's current weights
    program.source.assert_unchanged()
    program.eval()
    return history


def _accelerator(device: torch.device) -> Any:
    """accelerate's description of this process; created under a lock, because threads share its state."""
    from accelerate import Accelerator

    with _MAKING_ACCELERATOR:
        return Accelerator(cpu=device.type == "cpu")

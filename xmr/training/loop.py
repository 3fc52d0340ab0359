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

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from xmr.core.generators import Generators, share_generators
from xmr.core.kinds import Batch, EncodedSet
from xmr.outputs.base import Output
from xmr.program import Program, source_features
from xmr.training.checkpoint import (
    load_checkpoint,
    optimizer_tensors,
    restore_optimizer,
    restore_trained,
    save_checkpoint,
    trained_state,
)
from xmr.training.divergence import check_answers, check_loss
from xmr.training.interrupt import TrainingInterruptedError, stop_on_interrupt
from xmr.training.optimizer import make_optimizer, parameter_groups, rate_at
from xmr.training.precision import autocast, resolve_precision
from xmr.training.settings import TrainingSettings

CPU = torch.device("cpu")
MAX_ALIGNED = 64  # number of symbols whose nearest source token is searched each epoch
CHECKPOINT_SECONDS = 20.0  # interval of checkpoints within an epoch; the end of each epoch is saved too
_MAKING_ACCELERATOR = threading.Lock()


@dataclass
class LabelledSet:
    """An encoded data set with its targets (see `Task.encode`)."""

    data: EncodedSet
    target: Tensor

    def __len__(self) -> int:
        return len(self.data)


@dataclass
class History:
    """One row per epoch, first of the untrained program (epoch 0), and the selected epoch."""

    rows: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best_score: float = -math.inf


@dataclass
class _Progress:
    """The position in the training; saved in every checkpoint."""

    epoch: int = 0
    batch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    seen: int = 0
    stopped: bool = False


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
    last).

    folder: where checkpoints are written. report: called after every step and epoch. Raises SourceChangedError if the
    source is not bit-identical afterwards, TrainingDivergedError if the loss is NaN or infinite,
    TrainingInterruptedError after Ctrl-C.
    """
    if accelerator is None:
        accelerator = _accelerator(program.device)
    precision = resolve_precision(settings.precision, program.device)
    job = _Job(program, training, validation, settings, seed, precision, accelerator)
    modules: dict[str, nn.Module] = {"transforms": program.transforms, "outputs": program.outputs}
    history, progress = History(), _Progress()
    best: dict[str, Tensor] | None = None
    saved = load_checkpoint(folder) if resume else None
    if saved is not None:
        tensors, state = saved
        history, progress = History(**state["history"]), _Progress(**state["progress"])
        restore_trained(modules, {k.removeprefix("now."): v for k, v in tensors.items() if k.startswith("now.")})
        restore_optimizer(job.optimizer, tensors)
        best = {k.removeprefix("best."): v for k, v in tensors.items() if k.startswith("best.")} or None
    else:
        job.fit_features()
        job.count_before_training()
        history.rows.append({"epoch": 0, **job.alignment(), **job.validate(job.precision)})
        if history.rows[0].get("score", -math.inf) > -math.inf:  # the untrained program competes with every epoch
            history.best_score, best = history.rows[0]["score"], trained_state(modules)

    def checkpoint() -> None:
        """Save the progress, the best epoch and the optimizer; only the first of several processes writes."""
        if not accelerator.is_main_process:
            return
        tensors = {f"now.{key}": value for key, value in trained_state(modules).items()}
        tensors |= {f"best.{key}": value for key, value in (best or {}).items()}
        place = {"step": progress.step, "epoch": progress.epoch, "batch": progress.batch}
        state = {**place, "history": asdict(history), "progress": asdict(progress)}
        save_checkpoint(folder, tensors | optimizer_tensors(job.optimizer), state)

    with stop_on_interrupt() as asked_to_stop:
        while progress.epoch < job.epochs and not progress.stopped:
            clock = time.monotonic()
            if progress.batch == 0:
                for transform in program.transforms:
                    transform.on_epoch(progress.epoch, job.epochs)
            for batch, repeated in job.batches(progress.epoch)[progress.batch :]:
                loss, count = job.step(batch, progress.step, repeated)
                progress.loss_sum += loss * count
                progress.seen += count
                progress.step += 1
                progress.batch += 1
                report(
                    {
                        "kind": "step",
                        "epoch": progress.epoch,
                        "step": progress.step,
                        "steps": job.steps,
                        "loss": loss,
                        "records": count,
                    }
                )
                stop = job.any_of(asked_to_stop())
                if stop or time.monotonic() - clock > CHECKPOINT_SECONDS:
                    checkpoint()
                    clock = time.monotonic()
                if stop:
                    raise TrainingInterruptedError(
                        f"stopped at epoch {progress.epoch + 1}, step {progress.step}; everything is saved, "
                        "the same command with --resume continues"
                    )
            for output in program.outputs:
                if output.due():
                    job.share_counts(output)
                output.on_epoch()
            row = {
                "epoch": progress.epoch + 1,
                "train_loss": progress.loss_sum / max(1, progress.seen),
                **job.alignment(),
                **job.validate(job.precision),
            }
            history.rows.append(row)
            score = row.get("score", -math.inf)
            equal = score == history.best_score and history.best_epoch == 0 and best is not None  # as the untrained one
            if score > history.best_score or equal:
                history.best_score, history.best_epoch = score, progress.epoch + 1
                best = trained_state(modules)
            elif settings.patience and progress.step >= settings.min_steps:
                progress.stopped = best is not None and progress.epoch + 1 - history.best_epoch >= settings.patience
            report({"kind": "epoch", **row})
            progress.epoch, progress.batch, progress.loss_sum, progress.seen = progress.epoch + 1, 0, 0.0, 0
            checkpoint()
    if best is not None:
        restore_trained(modules, best)
    else:
        history.best_epoch = progress.epoch
    if job.settle() and best is not None:
        history.best_score = job.validate("full")["score"]  # of the program's current weights
    program.source.assert_unchanged()
    program.eval()
    return history


def _accelerator(device: torch.device) -> Any:
    """accelerate's description of this process; created under a lock, because threads share its state."""
    from accelerate import Accelerator

    with _MAKING_ACCELERATOR:
        return Accelerator(cpu=device.type == "cpu")


class _Job:
    """The fixed parts of one training job: batches, optimizer, schedule."""

    def __init__(
        self,
        program: Program,
        training: LabelledSet,
        validation: LabelledSet | None,
        settings: TrainingSettings,
        seed: int,
        precision: str,
        accelerator: Any,
    ) -> None:
        self.program, self.training, self.validation = program, training, validation
        self.settings, self.seed, self.precision, self.accelerator = settings, seed, precision, accelerator
        self.task = program.task
        self.optimizer = make_optimizer(settings, parameter_groups(program, settings))
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self.members = list(program.members())
        self.generators = Generators()
        share_generators(self.generators, program.transforms)
        share_generators(self.generators, program.outputs)
        self.weights: Tensor | None = None
        self.lengths: Tensor | None = None  # of the source's tokens
        if settings.class_weights == "balanced" and (weights := self.task.class_weights(training.target)) is not None:
            self.weights = weights.to(program.device)
        self.epochs = settings.epochs_of(len(self.batches(0)))
        self.steps = sum(len(self.batches(epoch)) for epoch in range(self.epochs))
        program.cache(training.data, varied=True)
        if validation is not None:
            program.cache(validation.data, varied=False)

    def batches(self, epoch: int) -> list[tuple[np.ndarray, bool]]:
        """The epoch's batches, which processes take in turn, each with a flag for one that is repeated so that all get
        as many.
        """
        data, world = self.training.data, self.accelerator.num_processes
        rng = np.random.default_rng([self.seed, epoch])
        everything = data.training_batches(self.settings.batch_size, self.settings.batch_tokens, rng)
        number, even = len(everything), len(everything) + -len(everything) % world
        return [(everything[i % number], i >= number) for i in range(self.accelerator.process_index, even, world)]

    def any_of(self, asked: bool) -> bool:
        """Whether any process is asked to stop: all stop after the same step, because none can continue alone."""
        if self.accelerator.num_processes == 1:
            return asked
        found = torch.tensor(float(asked), device=self.program.device)
        return bool(self.accelerator.reduce(found, reduction="sum") > 0)

    def draw(self, step: int) -> None:
        """Seed the random numbers of a step (dropout, augmentation) by step and process, so that a resumed run repeats
        them.
        """
        accelerator = self.accelerator
        number = step * accelerator.num_processes + accelerator.process_index
        self.generators.begin((self.seed * 1_000_003 + number) % 2**63)

    def varied(self, encoded: Batch) -> Batch:
        """A batch, still on the CPU, with the encoder's augmentation."""
        return self.program.encoder.augment(encoded, self.generators.on(CPU))

    def target(self, batch: np.ndarray) -> Tensor:
        """The targets of a batch, on the program's device."""
        target = self.task.batch_targets(self.training.target, self.training.data, batch)
        return target.to(self.program.device, non_blocking=True)

    def step(self, batch: np.ndarray, step: int, repeated: bool = False) -> tuple[float, int]:
        """One optimizer step -> (mean loss over programs, number of records). A repeated batch is not counted."""
        self.program.train()
        self.draw(step)
        share = rate_at(step, self.steps, self.settings)
        for group, rate in zip(self.optimizer.param_groups, self.rates):
            group["lr"] = rate * share
        target = self.target(batch)
        with autocast(self.precision, self.program.device):
            encoded = self.varied(self.training.data.batch(batch))
            logits = self.program(encoded.to(self.program.device)).float()
        losses = self.task.loss(logits, target, self.weights, self.settings.label_smoothing)
        total = losses.sum()
        for part in (*self.program.transforms, *self.program.outputs):
            regularization = part.regularization()
            total = total if regularization is None else total + regularization
        if not repeated:
            for output in self.program.outputs:
                output.update(target)
        self.optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(total)
        for member in self.members:
            held = [p for p in member if p.grad is not None]
            if self.accelerator.num_processes > 1:
                for parameter in held:
                    parameter.grad = self.accelerator.reduce(parameter.grad, reduction="mean")
            if self.settings.max_grad_norm is not None:
                nn.utils.clip_grad_norm_(held, self.settings.max_grad_norm)
        self.optimizer.step()
        return check_loss(float(losses.detach().mean()), step, self.settings), len(batch)

    def fit_features(self) -> None:
        """Fit domain features, and, by one pass of the source over the plain training records, transforms that need its
        features.
        """
        for output in self.program.outputs:
            output.fit_features(self.training.data)
        waiting = [transform for transform in self.program.transforms if transform.needs_features]
        if not waiting:
            return
        plain, source = waiting[0].plain, self.program.source
        found = torch.from_numpy(source_features(source, plain, self.training.data, device=self.program.device))  # type: ignore[arg-type]
        for member, transform in enumerate(waiting):
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + member)
            transform.fit_features(found, generator)

    def count_before_training(self) -> None:
        """One pass without gradient for mappings that need counts before training (frequent, iterative, Bayesian)."""
        if not any(output.counts_before_training for output in self.program.outputs):
            return
        self._observe(0, vary=False, precision=self.precision)
        self._refresh()

    def settle(self) -> bool:
        """Passes without gradient after training, for outputs that are solved from features of the final transform.

        In full precision, as predictions are: a head solved in closed form weighs features by their variance, so that
        rounding matters. Returns whether any pass was needed.
        """
        one = self.training.data.batch(np.arange(1))
        varied = self.varied(one) is not one
        if not self.epochs and not varied:
            return False  # solved before training from these very features
        asked = len(self.training), varied
        passes = max(output.refit_passes(*asked) for output in self.program.outputs)
        if not passes:
            return False
        for output in self.program.outputs:
            output.reset()
        for further in range(passes):
            self._observe(self.epochs + further, vary=True, precision="full")
        self._refresh()
        return True

    def _observe(self, epoch: int, vary: bool, precision: str) -> None:
        """Pass an epoch of training records to the outputs, with or without augmentation."""
        self.program.train()
        with torch.no_grad(), autocast(precision, self.program.device):
            for number, (batch, repeated) in enumerate(self.batches(epoch)):
                if repeated:
                    continue
                self.draw(epoch * 1_009 + number)
                encoded = self.training.data.batch(batch)
                if vary:
                    encoded = self.varied(encoded)
                self.program(encoded.to(self.program.device))
                for output in self.program.outputs:
                    output.update(self.target(batch))

    def _refresh(self) -> None:
        for output in self.program.outputs:
            self.share_counts(output)
            output.compute()

    def share_counts(self, output: Output) -> None:
        """Combine what the outputs of all processes counted, once, before a mapping is recomputed."""
        if self.accelerator.num_processes > 1:
            output.share(lambda counts: self.accelerator.reduce(counts, reduction="sum"), self._gathered)

    def _gathered(self, rows: Tensor) -> Tensor:
        """The rows of all processes, concatenated."""
        from accelerate.utils import gather_object

        return torch.cat([part.to(rows.device) for part in gather_object([rows.cpu()])])

    def alignment(self) -> dict[str, float]:
        """Similarity of the first program's symbols to the source's tokens: the mean over symbols of the best
        cosine.
        """
        table, space = self.program.transforms[0].table(), self.program.source.space
        if table is None or space.embedding is None:
            return {}
        with torch.no_grad():
            words = space.embedding.detach().to(self.program.device).float()
            if self.lengths is None:
                self.lengths = words.norm(dim=1).clamp(min=1e-12)
            cosines = F.normalize(table[:MAX_ALIGNED].float(), dim=1) @ words.T / self.lengths
        return {"alignment": float(cosines.amax(dim=1).mean())}

    def validate(self, precision: str) -> dict[str, float]:
        """Validation metrics of the mean over programs, and `score`, by which the best epoch is selected."""
        if self.validation is None or not len(self.validation):
            return {}
        context = autocast(precision, self.program.device)
        with self.program.source.asking("validation"):
            answers = self.program.predict_each(self.validation.data, precision=context).mean(dim=0)
        check_answers(answers, self.settings)
        values = self.task.metrics(answers.numpy(), self.validation.target)
        score = self.task.score(values)
        return {"score": score if math.isfinite(score) else -math.inf, **values}

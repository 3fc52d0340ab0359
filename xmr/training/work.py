"""The fixed parts of one training: batches and their random numbers, passes over the training records, validation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from xmr.core.generators import Generators, share_generators
from xmr.core.kinds import Batch, EncodedSet
from xmr.core.kinds.base import moved
from xmr.errors import QuestionBudgetError
from xmr.outputs.base import Output
from xmr.program import Program, source_features
from xmr.training.divergence import check_answers
from xmr.training.learner import GradientLearner, Learner, Trial
from xmr.training.optimizer import check_optimizer
from xmr.training.precision import autocast
from xmr.training.settings import TrainingSettings
from xmr.training.zeroth_order.learner import SearchLearner

CPU = torch.device("cpu")
MAX_ALIGNED = 64  # number of symbols whose nearest source token is searched each epoch


@dataclass
class LabelledSet:
    """An encoded data set with its targets (see `Task.encode`) and the ids of its records, where they are known."""

    data: EncodedSet
    target: Tensor
    ids: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.data)


class Work:
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
        shrink: int = 1,
    ) -> None:
        self.shrink = shrink  # batches are as many times smaller as the settings say
        self.program, self.training, self.validation = program, training, validation
        self.settings, self.seed, self.precision, self.accelerator = settings, seed, precision, accelerator
        self.task = program.task
        self.generators = Generators()
        share_generators(self.generators, program.transforms)
        share_generators(self.generators, program.outputs)
        self.weights: Tensor | None = None
        self.lengths: Tensor | None = None  # of the source's tokens
        if settings.class_weights == "balanced" and (weights := self.task.class_weights(training.target)) is not None:
            self.weights = weights.to(program.device)
        self.epochs = settings.epochs_of(len(self.batches(0)))
        self.searches = settings.searches and self.epochs > 0
        if self.searches:
            self.precision = "full"  # differences of losses are small
        self.steps = sum(len(self.batches(epoch)) for epoch in range(self.epochs))
        self.learner = self._learner()
        if settings.compiles(program.device, self.steps):
            program.source.compile_network()
        program.cache(training.data, varied=True)
        if validation is not None:
            program.cache(validation.data, varied=False)

    def _learner(self) -> Learner:
        """What the recipe trains with. Raises RecipeError where that needs a gradient that the source does not have."""
        check_optimizer(self.program, self.settings)
        if self.searches:
            return SearchLearner(self.program, self.settings, self.seed, self._affordable, self.accelerator)
        return GradientLearner(self.program, self.settings, self.steps, self.accelerator)

    def batches(self, epoch: int) -> list[tuple[np.ndarray, bool]]:
        """The epoch's batches, which processes take in turn, each with a flag for one that is repeated so that all get
        as many.
        """
        data, world = self.training.data, self.accelerator.num_processes
        rng = np.random.default_rng([self.seed, epoch])
        records, tokens = (max(1, n // self.shrink) for n in (self.settings.batch_size, self.settings.batch_tokens))
        everything = data.training_batches(records, tokens, rng)
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
        return moved(target, self.program.device)

    def _affordable(self, evaluations: int) -> int:
        """The number of steps, or how many of them the budget of a source that only answers allows; kept in `steps`."""
        asked = number = 0
        for epoch in range(self.epochs):
            for batch, _ in self.batches(epoch):
                try:
                    asked = self.plan(batch, asked, evaluations)
                except QuestionBudgetError:
                    self.steps = number
                    return number
                number += 1
        return number

    def plan(self, batch: np.ndarray, asked: int, evaluations: int) -> int:
        """Add the questions of a search step on this batch to those of all steps before.

        evaluations: losses per step. Raises QuestionBudgetError where the source may not be asked as many, before any
        of them is asked.
        """
        source = self.program.source
        budget = source.questions
        if not self.searches or budget is None:
            return asked
        transforms = self.program.transforms
        views, reads = source.hidden_width // source.own_width, int(transforms[0].reads_features)
        asked += (evaluations + reads) * len(batch) * views * len(transforms)
        if budget.limit is None:
            return asked
        allowed = budget.limit - (2 + reads) * budget.reserved  # for the count at the start and that at the end
        if asked > allowed:
            raise QuestionBudgetError(
                f"a search of one more step asks {asked:,} questions, and of source.queries ({budget.limit:,}) "
                f"{max(0, allowed):,} are left to it"
            )
        return asked

    def step(self, batch: np.ndarray, step: int, repeated: bool = False) -> tuple[Tensor, int]:
        """One optimizer step -> (mean loss over programs, number of records). A repeated batch is not counted.

        Nothing waits for the device: whoever reads the loss does.
        """
        self.program.train()
        self.draw(step)
        target = self.target(batch)
        with autocast(self.precision, self.program.device):
            encoded = self.varied(self.training.data.batch(batch)).to(self.program.device)

        def losses() -> Tensor:
            """The loss of each program as it is now, (N,)."""
            with autocast(self.precision, self.program.device):
                logits = self._answered(encoded, step) if self.searches else self.program(encoded)
            return self.task.loss(logits.float(), target, self.weights, self.settings.label_smoothing)

        with self.program.source.asking("search") if self.searches else nullcontext():
            loss = self.learner.step(Trial(encoded, losses), step)
        if not repeated:
            for output in self.program.outputs:  # that have processed the batch, last as the last loss was computed
                output.update(target)
        return loss, len(batch)

    def _answered(self, encoded: Batch, step: int) -> Tensor:
        """The target logits, whose gradient ends at the outputs; each call of a step has the same random numbers."""
        self.draw(step)
        with torch.no_grad():
            answers = self.program.answers(encoded)
        return self.program.logits(answers, encoded)

    def fit_features(self) -> None:
        """Fit domain features, and, by one pass of the source over the plain training records, transforms that need its
        features.
        """
        for output in self.program.outputs:
            output.fit_features(self.training.data)
        for member, output in enumerate(self.program.outputs):
            if output.needs_features:
                rows = self.program.features(self.training.data, member, output.pool)  # type: ignore[arg-type]
                output.prime(torch.from_numpy(rows), self.training.ids)
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

    def recount(self) -> None:
        """As `count_before_training`, after a search: mappings and heads of the transform where the search ended.

        What they counted during the search came from programs around it.
        """
        if any(output.recounts for output in self.program.outputs):
            for output in self.program.outputs:
                output.reset()
            self.count_before_training()

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
            answers = self.task.combined(self.program.predict_each(self.validation.data, precision=context))
        check_answers(answers, self.settings)
        values = self.task.metrics(answers.numpy(), self.validation.target, self.task.lengths(self.validation.data))
        score = self.task.score(values)
        return {"score": score if math.isfinite(score) else -math.inf, **values}

"""A program: the small trained part that reuses a frozen source for a target task. Read this file first.

    x_T --encode--> --transform--> x_S --frozen source--> y_S --output--> y_T

Model reprogramming trains the transform and the output; the source never changes. Survey: arXiv 2202.10629.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from xmr.core.batching import tokens_at_once, within_memory
from xmr.core.component import create
from xmr.core.generators import Generators
from xmr.core.global_generators import use_generators
from xmr.core.kinds import (
    Batch,
    EncodedSet,
)
from xmr.core.modules import Modules
from xmr.core.novelty import Novelty
from xmr.core.prediction import Prediction
from xmr.core.registry import OUTPUTS, TRANSFORMS
from xmr.core.spaces import SourceInput
from xmr.data.columns import Columns
from xmr.data.records import Records
from xmr.encoders.base import Encoder
from xmr.outputs.base import Output, Pooling
from xmr.sources.base import Source
from xmr.tasks.base import Task
from xmr.transforms.base import Transform

if TYPE_CHECKING:
    from pathlib import Path

    from xmr.report.attribution import Explanation

CPU = torch.device("cpu")
READ_TOGETHER = 16  # batches
MAX_NOVELTY = 500  # training records whose statistics are kept


class Program(nn.Module):
    """N programs (usually one) over ONE frozen source; their probabilities are averaged, or one head reads them all.

    The N programs are stacked along the batch, so that the source is loaded once and a step is one pass. outputs: one
    for each program, or a single one with `reads_all`, which receives the features of every program.
    """

    def __init__(
        self,
        encoder: Encoder,
        transforms: list[Transform],
        source: Source,
        outputs: list[Output],
        task: Task,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.transforms = Modules[Transform](transforms)
        self.source = source
        self.outputs = Modules[Output](outputs)
        self.task = task
        self.length: int | None = None
        self.columns = Columns()  # column names of the training file
        self.novelty: Novelty | None = None  # statistics of the training records

    @classmethod
    def build(
        cls,
        encoder: Encoder,
        transform: dict[str, Any],
        source: Source,
        output: dict[str, Any],
        task: Task,
        programs: int = 1,
        seed: int = 0,
        length: int | None = None,
    ) -> Program:
        """Create N programs from recipe sections. length: L if all records have the same length (aligned variants)."""
        transforms: list[Transform] = []
        outputs: list[Output] = []
        for member in range(programs):
            number = seed * 1_000_003 + member
            generator = torch.Generator().manual_seed(number)
            made: Transform = create(TRANSFORMS, transform)
            made.member, made.programs = member, programs
            with use_generators(Generators(number)):  # for layers of plugins that do not use the generator
                made.build(encoder.spec, source.space, generator)
                made.set_feature_extractor(partial(_features, source), source.hidden_width, generator)
                positions = length if length is not None else made.positions
                if not (outputs and outputs[0].reads_all):
                    answer: Output = create(OUTPUTS, output)
                    answer.target_names, answer.spec, answer.programs = task.names, encoder.spec, programs
                    outputs.append(answer.build(source, task.outputs, positions, generator))
            transforms.append(made)
        program = cls(encoder, transforms, source, outputs, task)
        program.length = length
        return program

    def forward(self, encoded: Batch) -> Tensor:
        """Target logits of each output: (N, R, K), or (N, B, L, K) per position. This is the whole method."""
        return self.logits(self.answers(encoded), encoded)

    def answers(self, encoded: Batch) -> list[Any]:
        """What each output reads: the frozen source's features behind its program, or a list with those of all."""
        answers = self.source_outputs(encoded)
        return [answers] if self.outputs[0].reads_all else answers

    def source_outputs(self, encoded: Batch) -> list[Any]:
        """The frozen source's features behind each program."""
        inputs = stack([transform(encoded) for transform in self.transforms])
        return self.source(inputs).split(len(self.transforms))

    def logits(self, answers: list[Any], encoded: Batch) -> Tensor:
        """Target logits of each output from `answers`; see `forward`."""
        return torch.stack([output(answer, encoded, self.source) for output, answer in zip(self.outputs, answers)])

    def cache(self, data: EncodedSet, varied: bool) -> None:
        """Let a data set cache what the transform computes of each record without its parameters, if there is any.

        varied: batches are augmented by the encoder; if that changes them, nothing is cached.
        """
        if not len(data):
            return
        first = self.transforms[0]
        one = data.batch(np.arange(1))
        if varied and self.encoder.augment(one, torch.Generator()) is not one:
            return

        def compute(batch: Batch) -> Tensor:
            """What the transform makes of the rows of a batch, on the CPU."""
            rows = first.precompute(batch.to(self.device))
            assert rows is not None
            return rows.cpu()

        with torch.no_grad():
            if first.precompute(one.to(self.device)) is not None:
                data.cache(compute)

    def learn_novelty(self, records: Records, data: EncodedSet) -> None:
        """Keep statistics of (some of) the training records, by which `unlike_training` knows others."""
        chosen = np.random.default_rng(0).permutation(len(records))[:MAX_NOVELTY]
        taken = records.take(np.sort(chosen))
        wanted = [batch[np.isin(batch, chosen)] for batch in data.prediction_batches(tokens_at_once(self.device))]
        pool, features = Pooling("mean", self.source.hidden_width, None), []
        self.eval()
        with torch.inference_mode():
            for batch in filter(len, wanted):
                encoded = data.batch(batch).to(self.device)
                features.append(pool(self.source(self.transforms[0](encoded)), encoded).float().cpu().numpy())
        views = {**self.encoder.views(taken), "features": np.concatenate(features)}
        self.novelty = Novelty.fit(self.encoder.facts(taken), views)

    def unlike_training(self, records: Records, features: np.ndarray) -> list[str]:
        """Why each record is unlike the training records, or nothing. features: as `predict_each` writes them."""
        assert self.novelty is not None
        views = {**self.encoder.views(records), "features": features}
        return self.novelty.reasons(self.encoder.facts(records), views, len(records))

    def features(self, data: EncodedSet, member: int = 0, pool: Pooling | None = None) -> np.ndarray:
        """What the source makes of every record behind one of the programs as it is now: (n, D'), in order.

        pool: how positions become one vector; by default their mean.
        """
        self.eval()
        return source_features(self.source, self.transforms[member], data, pool, self.device)

    def trained_parameters(self) -> list[nn.Parameter]:
        """The trained modules: transforms and outputs, never the source."""
        return [p for part in (self.transforms, self.outputs) for p in part.parameters() if p.requires_grad]

    def members(self) -> Iterator[list[nn.Parameter]]:
        """The trained parameters of each program; a head that reads all programs counts to the first."""
        for parts in zip_longest(self.transforms, self.outputs):
            yield [p for part in parts if part is not None for p in part.parameters() if p.requires_grad]

    @property
    def device(self) -> torch.device:
        """The device of the program."""
        return next(p.device for part in (self.transforms, self.outputs) for p in (*part.parameters(), *part.buffers()))

    def predict_each(
        self,
        data: EncodedSet,
        tokens: int | None = None,
        precision: AbstractContextManager | None = None,
        features: np.ndarray | None = None,
    ) -> Tensor:
        """Predictions of each output for all records: (N, R, K) on the CPU, in order.

        Per position: (N, positions of all records, K); overlapping windows of a record are averaged. features: an array
        (R, D') that the source's mean features behind the first program are written to.
        """

        def once(given: EncodedSet) -> Tensor:
            """One pass over a data set; features are those of the records as they are."""
            kept = features if given is data else None
            return within_memory(lambda shrink: self._predict_each(given, tokens, kept, shrink))

        training = self.training
        self.eval()
        with torch.inference_mode(), precision or nullcontext():
            result = self.task.decode(once, data, self.encoder.spec)
        self.train(training)
        return result

    def _predict_each(self, data: EncodedSet, tokens: int | None, features: np.ndarray | None, shrink: int) -> Tensor:
        """`predict_each` in batches as many times smaller; an accelerator's values are read a few batches at a time."""
        pool, per_position = Pooling("mean", self.source.hidden_width, None), self.task.per_position
        rows = int(data.positions.sum()) if per_position else len(data)
        result = torch.zeros(len(self.outputs), rows, self.task.outputs)
        weight = torch.zeros(rows)
        unread: list[tuple[np.ndarray, Tensor | None, Tensor, Tensor | None]] = []

        def read() -> None:
            """Put what was computed into its place."""
            for records, mask, found, means in unread:
                values = found.cpu()
                if features is not None and means is not None:
                    features[records] = means.cpu().numpy()
                if mask is None:
                    result[:, torch.from_numpy(records)] = values
                    continue
                place = data.align(torch.arange(rows), records, 0)[mask]
                result.index_add_(1, place, values[:, mask])
                weight.index_add_(0, place, torch.ones(len(place)))
            unread.clear()

        most = 1 if self.device.type == "cpu" else READ_TOGETHER
        for records in data.prediction_batches(tokens or tokens_at_once(self.device), shrink * len(self.transforms)):
            batch = data.batch(records)
            encoded = batch.to(self.device)
            answers = self.answers(encoded)
            values = self.task.probabilities(self.logits(answers, encoded).float())
            first = answers[0][0] if self.outputs[0].reads_all else answers[0]
            means = None if features is None else pool(first, encoded).float()
            unread.append((records, batch.token_mask if per_position else None, values, means))
            if len(unread) >= most:
                read()
        read()
        return result / weight.clamp(min=1)[:, None] if per_position else result

    def predict(self, records: Records | Any, tokens: int | None = None) -> Prediction:
        """Predict records, or data in memory: texts, arrays or a frame, as the estimators take them.

        A forecast continues after the last step in memory, in its units; that of records is in z-scores, as they are.
        Raises DataError with file and line for records that the encoder cannot read.

        The prediction of a record does not depend on the other records, their order or the padding (to float
        tolerance).
        """
        given = self.records(records)
        data = self.encoder.encode(given)
        each = self.predict_each(data, tokens)
        made = Prediction.of(given.ids, each, self.task.combined(each), self.task.lengths(data))
        return made if given is records else self.encoder.to_original_units(made, given)

    def records(self, X: Records | Any) -> Records:
        """Records as they are, and data in memory as records. Raises ValueError for another shape or type."""
        return X if isinstance(X, Records) else self.encoder.to_predict(X, self.columns)

    def explain(self, X: Records | Any, patches: int | None = None) -> Explanation:
        """What the predictions of a few records depend on, which a notebook draws; see `xmr.report.attribution`."""
        from xmr.report.attribution import explain

        return explain(self, self.records(X), patches)

    def save(self, folder: Path) -> None:
        """Write the program folder: program.json, program.safetensors (what was learned), encoder.json."""
        from xmr.program_folder import save_program

        save_program(self, folder)

    @staticmethod
    def from_pretrained(name: str, revision: str | None = None, device: str = "cpu") -> Program:
        """A program of the Hugging Face hub, USER/NAME. Raises SourceUnavailableError and ProgramError."""
        from xmr.program_folder import pull

        return Program.load(pull(name, revision), device)

    @staticmethod
    def load(folder: Path | str, device: str = "cpu") -> Program:
        """Read a program folder. Raises ProgramError with what is wrong."""
        from xmr.program_folder import load_program

        return load_program(folder, device)


def stack(inputs: list[Any]) -> SourceInput:
    """The inputs of several programs as one batch, program after program."""
    return type(inputs[0]).stack(inputs)


def source_features(
    source: Source,
    transform: Callable[[Batch], SourceInput],
    data: EncodedSet,
    pool: Pooling | None = None,
    device: torch.device = CPU,
) -> np.ndarray:
    """Pooled features of every record that `transform` hands to the frozen source: (n, D'), without gradient."""
    pool = pool or Pooling("mean", source.hidden_width, None)
    features = np.zeros((len(data), pool.width), np.float32)
    with torch.inference_mode():
        for records in data.prediction_batches(tokens_at_once(device)):
            encoded = data.batch(records).to(device)
            features[records] = pool(source(transform(encoded)), encoded).float().cpu().numpy()
    return features


def _features(source: Source, inputs: SourceInput) -> Tensor:
    """The frozen source's features of a batch in its space, (B, D'), without gradient: for input-dependent programs."""
    with torch.no_grad():
        return source(inputs).mean()

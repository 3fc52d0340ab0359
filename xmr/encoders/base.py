"""The contract of an encoder: fit on training records, encode a whole data set once, batch by index."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from torch import Generator

from xmr.core.kinds import Batch, EncodedSet, Spec
from xmr.core.prediction import Prediction
from xmr.core.spaces import Tokenize
from xmr.data.columns import Columns
from xmr.data.readers.read import read_all, stream
from xmr.data.records import Records, Skipped
from xmr.data.settings import DataSettings
from xmr.errors import DataError
from xmr.prepare import Prepared, prepare
from xmr.tasks.base import Scale, Task, task_class


class Encoder(ABC):
    """Turns records of one modality into `Encoded` values. Constructor arguments are its recipe section.

    `configure` is called first, with what the source takes; `fit` sees training records only; `state` is plain JSON,
    saved with the program, from which `restore` makes an equal encoder.
    """

    section: dict[str, Any]  # the recipe section it was made from (xmr.core.component.create)
    emits: ClassVar[str]
    drafting: ClassVar[dict[str, Any]] = {}  # fields by which `xmr new` looks at records; its draft states others
    reads: ClassVar[str] = "text"  # what a file of records holds: see `xmr.data.columns.Columns.reads`
    kmer: ClassVar[int] = 0  # letters of the k-mers that tell near copies; 0: the inputs are no sequences of letters
    season: int = 1  # steps after which a series repeats, for the seasonal-naive forecast
    chunk: ClassVar[int] = 4096  # records read and predicted at a time when a file is predicted
    labelled: ClassVar[bool] = True  # whether data in memory comes with labels
    tabular: ClassVar[bool] = False  # whether arrays are rows of columns, which scikit-learn checks by name and number

    @property
    @abstractmethod
    def spec(self) -> Spec:
        """What a transform knows about the target domain: its alphabet, or the shape of its images."""

    @property
    def one_length(self) -> bool:
        """Whether every record has the training records' length, so that `pool=concat` may keep positions apart."""
        return False

    def configure(self, capacity: int = 512, rate: int | None = None, tokenize: Tokenize | None = None) -> Self:
        """Tell the encoder what it may need to know of the source; called once, before any record is read.

        capacity: the longest content the source takes next to what the transform adds, in the source's units; rate: the
        samples per second it expects, where it takes waves; tokenize: its own tokenizer, where it reads text.
        """
        return self

    def prepare(self, settings: DataSettings, task: str, seed: int) -> Prepared:
        """The data of a recipe: read, checked, cleaned and split. Raises DataError with file and line."""
        return prepare(settings, task, self, seed)

    def read(self, path: Path, columns: Columns, on_error: str, skipped: Skipped) -> Records:
        """A whole labelled file, to evaluate a fitted program on."""
        return read_all(path, columns, on_error, skipped)

    def stream(self, path: Path | Sequence[Path], columns: Columns, chunk: int) -> Iterator[Records]:
        """A file to predict, or several, `chunk` records at a time."""
        return stream(path, columns, chunk)

    def columns_for(self, wanted: Columns, task: Task) -> Columns:
        """`wanted` with what the fitted encoder must find in a file."""
        return wanted

    def targets(
        self,
        task: str,
        records: Records,
        positive: str | None = None,
        scale: Scale = "standard",
    ) -> Task:
        """The task called `task` as the training part has it; see `Task.fit`."""
        return task_class(task).fit(records, positive, scale)

    def to_original_units(self, prediction: Prediction, records: Records) -> Prediction:
        """Predictions of these records in the units of the file, where the encoder scales what is predicted."""
        return prediction

    def describe(self) -> list[str]:
        """What `fit` decided about the data and users should see, line by line."""
        return []

    @abstractmethod
    def check(self, records: Records, *, fitted: bool = False) -> dict[int, str]:
        """Records this encoder cannot take: index -> "found ...; expected ...". `fitted`: also what fit learned."""

    def require_valid(self, records: Records, *, fitted: bool = True) -> None:
        """Raises DataError naming file and line of every record that `check` refuses."""
        wrong = self.check(records, fitted=fitted)
        if wrong:
            raise DataError([records.problem(index, message) for index, message in sorted(wrong.items())])

    @abstractmethod
    def fit(self, records: Records) -> Self:
        """Learn whatever statistics the encoder needs, from training records only."""

    @abstractmethod
    def encode(self, records: Records) -> EncodedSet:
        """Encode checked records. Raises DataError at the first that `check` would have named."""

    def augment(self, encoded: Batch, generator: Generator) -> Batch:
        """Augment a training batch; all randomness comes from `generator`, which the loop seeds at every step."""
        return encoded

    def facts(self, records: Records) -> dict[str, np.ndarray]:
        """Facts of each record that say little of its content, by name, (n,): its length, the size of its file."""
        return {}

    def views(self, records: Records) -> dict[str, np.ndarray]:
        """Vectors that describe the content of each record, by name, (n, D): the composition of a sequence."""
        return {}

    def shown(self, records: Records) -> list[str]:
        """Each input as a line of text for people; empty where it is not text."""
        return [""] * len(records) if records.arrays is not None else records.inputs

    def numbers(self, records: Records) -> dict[str, np.ndarray]:
        """Columns of numbers in the input that might be row numbers, by name, (n,)."""
        return {}

    @classmethod
    def from_array(cls, X: Any) -> Records:
        """Data in memory as records: texts, a frame, or an array. Raises ValueError for another shape or type."""
        raise ValueError(f"found {type(X).__name__}; expected files: {cls.__name__} takes no data in memory")

    def to_predict(self, X: Any, trained: Columns) -> Records:
        """Data in memory as the records to predict. trained: columns of the training file. Raises as `from_array`."""
        del trained
        return self.from_array(X)

    def from_json(self, items: list[Any], folder: Path) -> Records:
        """Records of a request: texts, lists of numbers, objects by column, or files as {"b64": ...}.

        folder: an empty one, for files. Raises ValueError for what is none of these.
        """
        del folder
        return self.from_array(items)

    @classmethod
    def fields_for(cls, X: Any) -> dict[str, Any]:
        """Fields of the recipe's section that follow from data in memory."""
        return {}

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """What `fit` and `configure` learned, as plain JSON."""

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> Self:
        """The inverse of `state`."""

    @abstractmethod
    def example(self, n: int, seed: int, task: str = "classification") -> Records:
        """Synthetic labelled records, for tests and for `xmr check`."""

    @abstractmethod
    def canonical(self, records: Records) -> list[str]:
        """Each input in the one form that tells whether two records are the same."""

    def varying(self, texts: list[str]) -> list[str]:
        """Canonical inputs without what is the same in all training records: what baselines of texts learn from."""
        return texts

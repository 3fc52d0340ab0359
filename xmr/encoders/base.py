"""The contract of an encoder: fit on training records, encode a whole data set once, batch by index."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Protocol, Self

from torch import Generator

from xmr.core.kinds import Batch, EncodedSet, Spec
from xmr.core.spaces import Tokenize
from xmr.data.records import Records


class Reader(Protocol):
    """What an encoder is told of a source and of what stands before it."""

    space: Any
    tokenize: Tokenize | None


class Encoder(ABC):
    """Turns records of one modality into `Encoded` values. Constructor arguments are its recipe section.

    `bind` is called once with the longest input the source takes; `fit` sees training records only; `state` is plain
    JSON, saved beside the program, from which `restore` makes an equal encoder.
    """

    section: dict[str, Any]  # the recipe section it was made from (xmr.core.component.create)
    emits: ClassVar[str]
    reads: ClassVar[str] = "text"  # what a file of records holds: see `xmr.data.columns.Columns.reads`
    season: int = 1  # steps after which a series repeats, for the seasonal-naive forecast
    chunk: ClassVar[int] = 4096  # records read and answered at a time when a file is predicted

    @property
    @abstractmethod
    def spec(self) -> Spec:
        """What a transform is told of the target domain: its alphabet, or the shape of its pictures."""

    @property
    def one_length(self) -> bool:
        """Whether every record has the training records' length, so that `pool: concat` may keep positions apart."""
        return False

    def bind(self, source_length: int, rate: int | None = None) -> None:  # noqa: B027  (most need no binding)
        """Tell the encoder the longest content of the source, in its units, and the samples a second it expects."""

    def configure(self, source: Reader, capacity: int) -> None:
        """Tell the encoder all of a source that it may need. capacity: the longest content beside the transform's."""
        self.bind(capacity, getattr(source.space, "rate", None))
        self.use_tokenizer(source.tokenize)

    def use_tokenizer(self, tokenize: Tokenize | None) -> None:  # noqa: B027  (most read no words)
        """Give the encoder the source's own tokenizer (texts -> token ids), or None where it has none."""

    def describe(self) -> list[str]:
        """What `fit` decided about the data and users should see, line by line."""
        return []

    @abstractmethod
    def check(self, records: Records, *, fitted: bool = False) -> dict[int, str]:
        """Records this encoder cannot take: index -> "found ...; expected ...". `fitted`: also what fit learned."""

    @abstractmethod
    def fit(self, records: Records) -> Self:
        """Learn whatever statistics the encoder needs, from training records only."""

    @abstractmethod
    def encode(self, records: Records) -> EncodedSet:
        """Encode checked records. Raises DataError at the first that `check` would have named."""

    def augment(self, encoded: Batch, generator: Generator) -> Batch:
        """A training batch, varied; all randomness comes from `generator`, which the loop begins anew at every step."""
        return encoded

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """What `fit` and `bind` learned, as plain JSON."""

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> Self:
        """The inverse of `state`."""

    @abstractmethod
    def example(self, n: int, seed: int, task: str = "classification") -> Records:
        """Synthetic labelled records, for tests and for `xmr check`."""

    @abstractmethod
    def canonical(self, records: Records) -> list[str]:
        """Each input in the one form that tells whether two records are the same."""

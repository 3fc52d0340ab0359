"""Texts to symbols: the words or characters of the training part, each a symbol of its own."""

from __future__ import annotations

import re
from collections import Counter
from typing import Annotated, Any, Literal, Self

import numpy as np
from annotated_types import Ge, Lt

from xmr.core.kinds import Spec, SymbolSet, SymbolSpec
from xmr.core.spaces import Tokenize
from xmr.data.records import Records
from xmr.encoders.sequence import SequenceEncoder
from xmr.encoders.state import whole
from xmr.errors import Problem, RecipeError
from xmr.tasks.base import task_class

_WORDS = re.compile(r"\w+|[^\w\s]")
_UNKNOWN = "(unknown)"


class TextEncoder(SequenceEncoder):
    """One symbol per word or character, for the most frequent ones in the training set.

    A word (a run of letters and digits, or one other sign) or character that is not among them is the mean of all that
    are. Reprogramming learns what the symbols mean to the source, whatever language or code they are of.

    Args:
        units: kind of symbols; `source`: tokens of the source's own tokenizer, at which `transform.init: own_tokens`
            starts them.
        vocabulary: number of symbols to keep, the most frequent of the training set.
        lowercase: read upper case as lower case.
        max_length: maximum number of symbols per row; by default what the source accepts.
        length: a longer text is split into overlapping windows that are pooled, truncated at the end, or an error.
        overlap: fraction of a window that neighboring windows share.
        shuffle: control; `positions` permutes the symbols of every text, each in its own order.
    """

    def __init__(
        self,
        units: Literal["words", "characters", "source"] = "words",
        vocabulary: Annotated[int, Ge(1)] = 5000,
        lowercase: bool = True,
        max_length: Annotated[int, Ge(1)] | None = None,
        length: Literal["window", "truncate", "fail"] = "window",
        overlap: Annotated[float, Ge(0.0), Lt(1.0)] = 0.25,
        shuffle: Literal["none", "positions"] = "none",
    ) -> None:
        self.vocabulary, self.lowercase = vocabulary, lowercase
        self.max_length, self.length, self.overlap, self.shuffle = max_length, length, overlap, shuffle
        self.limit = max_length or 512
        self.letters: tuple[str, ...] = ()
        self.units: str = units
        self.between = "" if units == "characters" else " "  # symbols in canonical form
        self.tokenize: Tokenize | None = None

    @property
    def spec(self) -> Spec:
        """The symbols kept, and the unknown one."""
        return SymbolSpec(self.letters, ((_UNKNOWN, self.letters),))

    def configure(self, capacity: int = 512, rate: int | None = None, tokenize: Tokenize | None = None) -> Self:
        """Also the source's tokenizer. Raises RecipeError for `units: source` of a source without one."""
        self.tokenize = tokenize
        if self.units == "source" and tokenize is None:
            raise RecipeError(Problem("encoder.units: source", "a source without a tokenizer", "words or characters"))
        return super().configure(capacity, rate, tokenize)

    def _symbols(self, texts: list[str]) -> list[list[str]]:
        """The symbols of each text; tokens are named `#` and their number."""
        if self.units != "source":
            return [self._units(text) for text in texts]
        if self.tokenize is None:  # a file is read before the source is loaded
            return [text.split() for text in texts]
        return [[f"#{token}" for token in row] for row in self.tokenize(texts)]

    def _units(self, text: str) -> list[str]:
        text = text.lower() if self.lowercase else text
        return _WORDS.findall(text) if self.units == "words" else list(text)

    def check(self, records: Records, *, fitted: bool = False) -> dict[int, str]:
        """Texts without a symbol, and those that are too long where that fails."""
        wrong: dict[int, str] = {}
        for index, symbols in enumerate(self._symbols(records.inputs)):
            count = len(symbols)
            if not count:
                wrong[index] = f"found an empty text; expected at least one of its {self._named}"
            elif self.length == "fail" and count > self.limit:
                hint = f"at most {self.limit} (encoder.length: window takes any length)"
                wrong[index] = f"found {count} {self._named}; expected {hint}"
        return wrong

    @property
    def _named(self) -> str:
        return "tokens" if self.units == "source" else self.units

    def canonical(self, records: Records) -> list[str]:
        """The symbols, a blank between words; the text itself where the source reads it."""
        if self.units == "source":
            return [" ".join(text.split()) for text in records.inputs]
        return [self.between.join(self._units(text)) for text in records.inputs]

    def fit(self, records: Records) -> Self:
        """Keep the most frequent symbols, in the order of their alphabet."""
        counts = Counter(unit for row in self._symbols(records.inputs) for unit in row)
        self.letters = tuple(sorted(unit for unit, _ in counts.most_common(self.vocabulary)))
        return self

    def encode(self, records: Records) -> SymbolSet:
        """Encode every text once. Raises DataError naming file and line of what cannot be read."""
        self.require_valid(records)
        number = {letter: index for index, letter in enumerate(self.letters)}
        rows = [[number.get(unit, len(number)) for unit in row] for row in self._symbols(records.inputs)]
        lengths = np.array([len(row) for row in rows], dtype=np.int64)
        flat = np.array([symbol for row in rows for symbol in row], dtype=np.int64)
        return self.encoded(flat, lengths)

    def state(self) -> dict[str, Any]:
        """The symbols and the row limit."""
        return {"limit": self.limit, "letters": list(self.letters)}

    def restore(self, state: dict[str, Any]) -> Self:
        """The inverse of `state`."""
        self.limit, self.letters = whole(state, "limit", 1), tuple(map(str, state["letters"]))
        return self

    def example(self, n: int, seed: int, task: str = "classification") -> Records:
        """Sentences of 3 to 12 words, labelled by how many of them are glad."""
        rng = np.random.default_rng(seed)
        glad, sad = ["good", "fine", "bright", "warm"], ["bad", "grim", "dark", "cold"]
        drawn = [rng.choice([*glad, *sad, "the", "day"], size=int(rng.integers(3, 13))) for _ in range(n)]
        score = [float(np.isin(words, glad).sum() - np.isin(words, sad).sum()) for words in drawn]
        texts = [" ".join(words) + "." for words in drawn]
        letters = ["".join("G" if c in "aeiou" else "C" for c in text) for text in texts]
        columns = task_class(task).example_labels(score, [len(words) > 7 for words in drawn], letters)
        return Records.of(texts, columns)

"""What an encoder can emit and what a source can take: the two small sets of types that hold everything together.

Axis legend: B rows of a batch, R records of a batch, L target length, T source length, D width, V source vocabulary,
S symbols of an alphabet (letters and mixtures), A its letters, C channels, K target classes, N programs of an ensemble.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

Tokenize = Callable[[list[str]], list[list[int]]]  # a source's own reading of texts: token ids


@dataclass(frozen=True)
class SymbolSpec:
    """The symbols of a target domain. `letters` (A) are learned; each of `mixtures` is a mean of letters.

    Letters are characters, or texts (k-mers, words) as a tuple. A mixture such as the protein code B (D or N) is
    embedded as the mean of what it may stand for, so no symbol met only at prediction has an untrained vector. Symbol
    ids count the letters first, then the mixtures (S in all).
    """

    letters: str | tuple[str, ...]
    mixtures: tuple[tuple[str, str | tuple[str, ...]], ...] = ()

    @property
    def symbols(self) -> tuple[str, ...]:
        """Every symbol in the order of its id."""
        return (*self.letters, *(symbol for symbol, _ in self.mixtures))

    def blends(self) -> Float[Tensor, "M A"]:
        """Row m holds the shares of the letters in mixture m; rows sum to one."""
        number = {letter: index for index, letter in enumerate(self.letters)}
        rows = torch.zeros(len(self.mixtures), len(self.letters))
        for row, (_, parts) in zip(rows, self.mixtures):
            places = torch.tensor([number[letter] for letter in parts])
            row.index_add_(0, places, torch.full((len(parts),), 1 / len(parts)))
        return rows

    def mixing(self) -> Float[Tensor, "S A"]:
        """Row s holds the shares of the letters in symbol s: the letters themselves, then `blends`."""
        return torch.cat([torch.eye(len(self.letters)), self.blends()])


@dataclass(frozen=True)
class ImageSpec:
    """What every picture of a target domain looks like: channels C (1 or 3), height and width in pixels."""

    channels: int
    height: int
    width: int


@dataclass(frozen=True)
class SignalSpec:
    """What every signal of a target domain looks like: channels C, samples L, samples per second (or None)."""

    channels: int
    length: int
    rate: int | None = None


@dataclass(frozen=True)
class Category:
    """A column of categories: its name, the values seen in training, and whether training saw gaps in it.

    Ids count the values first; then `missing` stands for a gap and `unseen` for a value training did not see.
    """

    name: str
    values: tuple[str, ...]
    gaps: bool

    @property
    def missing(self) -> int:
        """The id of a gap."""
        return len(self.values)

    @property
    def unseen(self) -> int:
        """The id of a value that training did not see."""
        return len(self.values) + 1


@dataclass(frozen=True)
class TableSpec:
    """What every row of a table looks like: F number columns, G category columns, columns of free text.

    gaps: whether training saw gaps in each number column; most: scaled numbers lie in [-most, most]; alike: (F + G, F +
    G) absolute rank correlations of the columns in training, as nested tuples; words: tokens of text a row has at most.
    """

    numbers: tuple[str, ...]
    gaps: tuple[bool, ...]
    categories: tuple[Category, ...]
    most: float = 1.0
    texts: tuple[str, ...] = ()
    alike: tuple[tuple[float, ...], ...] = ()
    words: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that are features: numbers first, then categories."""
        return (*self.numbers, *(column.name for column in self.categories))


# What a transform is told of the target domain before it makes its parameters.
Spec = SymbolSpec | ImageSpec | SignalSpec | TableSpec


@dataclass(frozen=True)
class Windows:
    """Which record each row of a batch is a window of. owner: (B,), start: (B,) in symbols, records: R.

    weight: (B, L), one over the number of windows that cover a position, so that a weighted mean over windows counts
    every symbol of a record once; None where every window counts as one (signals).
    """

    owner: Int[Tensor, " B"]
    start: Int[Tensor, " B"]
    weight: Float[Tensor, "B L"] | None
    records: int


@dataclass(frozen=True)
class SymbolBatch:
    """Sequences over an alphabet. ids: (B, L) symbol ids, right-padded; mask: (B, L), True at symbols.

    `full` says that nothing is padded, so that the source may skip its attention mask. `windows` is None where every
    row is a whole record.
    """

    ids: Int[Tensor, "B L"]
    mask: Bool[Tensor, "B L"]
    full: bool = False
    windows: Windows | None = None


@dataclass(frozen=True)
class SignalBatch:
    """Signals. values: (B, C, L), zero where the mask is False; mask: (B, L), True at samples, right-padded.

    `full` says that nothing is padded. `fixed`: what the transform computes of each row without its parameters, (B,
    ...), made once a data set (`Transform.fixed`); None where that is still to be done. `windows` as in Symbols.
    """

    values: Float[Tensor, "B C L"]
    mask: Bool[Tensor, "B L"]
    full: bool = False
    fixed: Tensor | None = None
    windows: Windows | None = None


@dataclass(frozen=True)
class ImageBatch:
    """Pictures. values: (B, C, H, W) in [0, 1]; fixed: as in Signal."""

    values: Float[Tensor, "B C H W"]
    fixed: Tensor | None = None


@dataclass(frozen=True)
class TableBatch:
    """Rows of a table. numbers: (B, F), zero where missing; missing: (B, F), True there; categories: (B, G) ids, each
    counted within its column (see `Category`).

    words: (B, T) ids of the source's own tokens, right-padded, of the columns of free text, or of the row written out;
    word_mask: (B, T). None where there is no text.
    """

    numbers: Float[Tensor, "B F"]
    missing: Bool[Tensor, "B F"]
    categories: Int[Tensor, "B G"]
    words: Int[Tensor, "B T"] | None = None
    word_mask: Bool[Tensor, "B T"] | None = None


Batch = SymbolBatch | SignalBatch | ImageBatch | TableBatch


@dataclass(frozen=True)
class TokenSpace:
    """The input side of a language model: embedding matrix E (V, D) and the longest content it takes, in tokens.

    prefix, suffix: ids of the special tokens the source was trained with, around the content ([CLS] ... [SEP]).
    words: the text of each token id, where a tokenizer was at hand.
    """

    embedding: Float[Tensor, "V D"]
    max_length: int
    prefix: tuple[int, ...] = ()
    suffix: tuple[int, ...] = ()
    words: tuple[str, ...] = field(default=(), repr=False)

    @property
    def width(self) -> int:
        """D."""
        return self.embedding.shape[1]

    def row_norm(self) -> Tensor:
        """Median norm of E's rows: embeddings far from it leave the source's domain."""
        return self.embedding.float().norm(dim=1).median()


@dataclass(frozen=True)
class PixelSpace:
    """The input side of a vision model: size in pixels, and the mean and deviation of each channel it normalises with.

    Normalisation belongs to the source and comes after the program, unless a transform works in normalised space.
    """

    height: int
    width: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def channels(self) -> int:
        """Channels the source takes, usually 3."""
        return len(self.mean)


@dataclass(frozen=True)
class Spectrum:
    """A short-time Fourier transform, linear in the wave: frames of `window` samples every `hop`, Hann, `fft` bins.

    before, after: samples put around the wave; `reflect` mirrors them, else they are zeros. frames: the first T only.
    """

    window: int
    hop: int
    fft: int
    frames: int
    before: int = 0
    after: int = 0
    reflect: bool = False

    @property
    def bins(self) -> int:
        """Frequencies from zero to half the sample rate."""
        return self.fft // 2 + 1

    def __call__(self, waves: Float[Tensor, "B samples"]) -> Tensor:
        """(B, samples) -> complex (B, T, fft / 2 + 1)."""
        if self.before or self.after:
            mode = "reflect" if self.reflect else "constant"
            waves = torch.nn.functional.pad(waves[:, None], (self.before, self.after), mode=mode)[:, 0]
        framed = waves.unfold(1, self.window, self.hop)[:, : self.frames]
        hann = torch.hann_window(self.window, periodic=True, dtype=waves.dtype, device=waves.device)
        return torch.fft.rfft(framed * hann, n=self.fft)


@dataclass(frozen=True)
class WaveSpace:
    """The input side of an audio model: samples per second and samples per clip.

    spectrum: the linear short-time Fourier transform the model starts with, where it does: what is added to a wave may
    then be added to its spectrum instead, and the spectrum of the data is computed once.
    """

    rate: int
    samples: int
    spectrum: Spectrum | None = None


Space = TokenSpace | PixelSpace | WaveSpace


@dataclass(frozen=True)
class TokenInput:
    """What a transform hands to a language source. embeddings: (B, T, D), right-padded; mask: (B, T).

    The target's own content (symbols, patches) stands at `start : start + length` of the T axis; what a transform adds
    (a prompt) stands around it. `full` as in Symbols.
    """

    embeddings: Float[Tensor, "B T D"]
    mask: Bool[Tensor, "B T"]
    start: int
    length: int
    full: bool = False

    @staticmethod
    def stack(parts: list[TokenInput]) -> TokenInput:
        """The inputs of several programs as one batch, program after program: (N*B, T, D)."""
        first = parts[0]
        if len(parts) == 1:
            return first
        return replace(
            first,
            embeddings=torch.cat([part.embeddings for part in parts]),
            mask=torch.cat([part.mask for part in parts]),
        )


@dataclass(frozen=True)
class PixelInput:
    """What a transform hands to a vision source. pixels: (B, C, H, W) in [0, 1], or already in the source's
    normalised units where `normalised` says so."""

    pixels: Float[Tensor, "B C H W"]
    normalised: bool = False

    @staticmethod
    def stack(parts: list[PixelInput]) -> PixelInput:
        """The inputs of several programs as one batch, program after program: (N*B, C, H, W)."""
        if len(parts) == 1:
            return parts[0]
        return replace(parts[0], pixels=torch.cat([part.pixels for part in parts]))


@dataclass(frozen=True)
class WaveInput:
    """What a transform hands to an audio source: waves (B, samples), or their spectrum (B, T, F) where the source
    starts with one (`WaveSpace.spectrum`) and the transform works there."""

    waves: Float[Tensor, "B samples"] | None = None
    spectrum: Tensor | None = None

    @staticmethod
    def stack(parts: list[WaveInput]) -> WaveInput:
        """The inputs of several programs as one batch, program after program."""
        if len(parts) == 1:
            return parts[0]
        if parts[0].waves is not None:
            return WaveInput(waves=torch.cat([part.waves for part in parts if part.waves is not None]))
        return WaveInput(spectrum=torch.cat([part.spectrum for part in parts if part.spectrum is not None]))


SourceInput = TokenInput | PixelInput | WaveInput


@dataclass(frozen=True)
class TokenFeatures:
    """A language source's answer. hidden: (B, T, D') with the source's special tokens; mask: (B, T).

    `start`, `length`: where the target's own content stands on the T axis. `content`: (B, length), True where it does,
    for content other than symbols (patches of signals of unequal length); None where it fills every row.
    """

    hidden: Float[Tensor, "B T D"]
    mask: Bool[Tensor, "B T"]
    start: int
    length: int
    content: Bool[Tensor, "B L"] | None = None

    @property
    def aligned(self) -> Float[Tensor, "B L D"]:
        """The hidden states at the target's symbols."""
        return self.hidden[:, self.start : self.start + self.length]

    def split(self, programs: int) -> list[TokenFeatures]:
        """The answers to each of the programs stacked by `TokenInput.stack`."""
        if programs == 1:
            return [self]
        return [
            replace(self, hidden=hidden, mask=mask, content=content)
            for hidden, mask, content in zip(
                self.hidden.chunk(programs),
                self.mask.chunk(programs),
                [None] * programs if self.content is None else self.content.chunk(programs),
            )
        ]


@dataclass(frozen=True)
class PooledFeatures:
    """A vision source's answer: features (B, D'), one vector a record, before the source's own classifier."""

    features: Float[Tensor, "B D"]

    def split(self, programs: int) -> list[PooledFeatures]:
        """The answers to each of the programs stacked by `PixelInput.stack`."""
        return [PooledFeatures(part) for part in self.features.chunk(programs)] if programs > 1 else [self]


SourceOutput = TokenFeatures | PooledFeatures

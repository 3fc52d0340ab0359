"""Audio files of any rate to clips of the source's rate and length: decoded once, in threads, in blocks."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt, Le, Lt
from torch import Generator

from xmr.core.kinds import Batch, SignalBatch, SignalSet, SignalSpec
from xmr.core.kinds.signal import hop_of
from xmr.core.spaces import Tokenize
from xmr.data.readers.media import Media, files_at, files_of
from xmr.data.records import Records
from xmr.encoders.base import Encoder
from xmr.encoders.budget import Budget
from xmr.encoders.positions import shuffle, shuffled_order, unshuffle
from xmr.encoders.recording import LARGEST, RATES, Recording, too_long
from xmr.encoders.resampling import resampled
from xmr.encoders.state import whole
from xmr.errors import DataError, Problem, RecipeError, require
from xmr.tasks.base import task_class

THREADS = 4
RATE = 16000  # where neither the recipe nor the source names a rate
SHORTEST = 16  # minimum number of samples
FACTS_SECONDS = 3  # of a file, in which silence is measured
SILENT = 10 ** (-40 / 20)  # of the peak: quieter ends are silence


@dataclass(frozen=True)
class _Rules:
    """How a file becomes clips: all that a thread needs."""

    rate: int
    samples: int
    length: str
    hop: int
    align: str
    normalize: str
    trim_silence: bool
    budget: Budget

    def read(self, path: Path) -> np.ndarray:
        """(clips, samples) float32. Raises ValueError with what was found."""
        with Recording(path) as recording:
            return self.clips(recording)

    def clips(self, recording: Recording) -> np.ndarray:
        """The used part of a file, at the requested rate; windows are read one by one."""
        frames, ratio = recording.frames, recording.rate / self.rate
        needed = math.ceil(self.samples * ratio)
        if frames < max(1, SHORTEST * ratio):
            raise ValueError(f"found {frames} samples; expected at least {math.ceil(SHORTEST * ratio)}")
        if self.length == "fail" and frames > needed + 1:
            found, most = frames / recording.rate, self.samples / self.rate
            raise ValueError(f"found {found:.2f} seconds; expected at most {most:.2f}, or encoder.length: window")
        if self.length == "window" and frames > needed:
            hop = self.hop * ratio
            count = max(1, math.ceil((frames - needed) / hop) + 1)
            if count * self.samples > LARGEST:
                raise too_long(count * self.samples)
            with self.budget.of(count * self.samples + needed):
                made = np.empty((count, self.samples), np.float32)
                for i in range(count):
                    start = min(round(i * hop), frames - needed)
                    made[i] = self.clip(recording.part(start, needed), recording.rate)
                return made
        if self.trim_silence or frames <= needed:
            with self.budget.of(frames):
                return self.clip(self._sounding(recording.part(0, frames)), recording.rate)[None]
        start = (frames - needed) // 2 if self.align == "center" else 0
        with self.budget.of(needed):
            return self.clip(recording.part(start, needed), recording.rate)[None]

    def _sounding(self, wave: np.ndarray) -> np.ndarray:
        """Without silence at both ends, if requested."""
        if not self.trim_silence:
            return wave
        loud = np.flatnonzero(np.abs(wave) > SILENT * np.abs(wave).max(initial=0))
        return wave[loud[0] : loud[-1] + 1] if len(loud) else wave

    def clip(self, wave: np.ndarray, rate: int) -> np.ndarray:
        """At the requested rate, length and level: (samples,)."""
        heard = resampled(wave, rate, self.rate)
        extra = len(heard) - self.samples
        if extra > 0:
            begin = extra // 2 if self.align == "center" else 0
            heard = heard[begin : begin + self.samples]
        if self.normalize == "peak":
            heard = heard / max(float(np.abs(heard).max(initial=0)), 1e-6)
        elif self.normalize == "rms":
            heard = heard * (0.1 / max(float(np.sqrt(np.mean(np.square(heard)))), 1e-6))
        before = (self.samples - len(heard)) // 2 if self.align == "center" else 0
        made = np.zeros(self.samples, np.float32)
        made[before : before + len(heard)] = heard
        return made


class AudioEncoder(Encoder):
    """Audio clips (WAV, FLAC, OGG, MP3 and other formats of libsndfile), mono, at the source's rate.

    Any sample rate is resampled, several channels are averaged. A shorter clip is padded with silence, so that
    clips need no mask.

    Args:
        seconds: length of a clip; null: that of the source's input, or one second.
        rate: samples per second; null: the source's, or 16,000.
        length: a longer file is truncated, split into overlapping windows whose predictions are pooled, or
            refused.
        overlap: fraction of a clip that neighboring clips have in common.
        align: position of a shorter file in its clip, and which part of a longer one is kept.
        normalize: scale each clip to a peak of 1, to a root mean square of 0.1, or not at all.
        trim_silence: first remove silence (40 dB below the peak) at both ends.
        speed: in training, change the speed and pitch of each clip at random by up to this factor (0.25: 0.8 to 1.25
            times).
        shift: in training, shift each clip at random by up to this fraction of its length.
        shuffle: control; `positions` permutes the samples of every clip in one fixed order.
    """

    emits: ClassVar[str] = "signal"
    reads: ClassVar[str] = "audio"
    chunk: ClassVar[int] = 256

    def __init__(
        self,
        seconds: Annotated[float, Gt(0), Le(3600)] | None = None,
        rate: Annotated[int, Ge(100), Le(192_000)] | None = None,
        length: Literal["truncate", "window", "fail"] = "truncate",
        overlap: Annotated[float, Ge(0), Lt(1)] = 0.5,
        align: Literal["start", "center"] = "center",
        normalize: Literal["peak", "rms", "none"] = "peak",
        trim_silence: bool = False,
        speed: Annotated[float, Ge(0), Le(1)] = 0.0,
        shift: Annotated[float, Ge(0), Le(1)] = 0.0,
        shuffle: Literal["none", "positions"] = "none",
    ) -> None:
        self.seconds, self.rate, self.length, self.overlap = seconds, rate, length, overlap
        self.align, self.normalize, self.trim_silence, self.shuffle = align, normalize, trim_silence, shuffle
        self.speed, self.shift = speed, shift
        self.samples: int | None = None
        self.heard_rate: int | None = rate
        self._decoded: dict[str, np.ndarray] = {}  # until `encode` takes it
        self._digests: dict[str, str] = {}

    @property
    def spec(self) -> SignalSpec:
        """One channel, and the number of samples."""
        assert self.samples is not None
        return SignalSpec(1, self.samples, self.heard_rate)

    def configure(self, capacity: int = 512, rate: int | None = None, tokenize: Tokenize | None = None) -> Self:
        """rate: of a source of waves; capacity: its clip, in samples. Other sources take what the recipe says."""
        self.heard_rate = self.rate or rate or RATE
        if self.seconds is not None:
            self.samples = max(SHORTEST, round(self.seconds * self.heard_rate))
        elif rate is not None:
            self.samples = round(capacity * self.heard_rate / rate)
        else:
            self.samples = self.heard_rate
        if self.samples > LARGEST:
            found = f"clips of {self.samples:,} samples ({self.heard_rate:,} per second)"
            raise RecipeError(Problem("encoder.seconds", found, f"at most {LARGEST:,}"))
        return self

    def _rules(self) -> _Rules:
        assert self.samples is not None
        assert self.heard_rate is not None
        hop = hop_of(self.samples, self.overlap)
        return _Rules(
            self.heard_rate,
            self.samples,
            self.length,
            hop,
            self.align,
            self.normalize,
            self.trim_silence,
            Budget(LARGEST),
        )

    def _keys(self, records: Records) -> list[str]:
        return [f"{records.file}\t{text}" for text in records.inputs]

    def check(self, records: Records, *, fitted: bool = False) -> dict[int, str]:
        """Audio files that cannot be read, each with what is wrong. Decoded files are kept until `encode`."""
        if records.arrays is not None:
            return dict.fromkeys(range(len(records)), "found series of numbers; expected names of sound files")
        media = Media(records.file, "a sound file")
        keys = self._keys(records)
        wrong: dict[int, str] = {}
        new = [i for i, key in enumerate(keys) if key not in self._decoded]
        rules = self._rules()

        def one(index: int) -> np.ndarray | str:
            """The clips of a file, (windows, samples), or what is wrong with it."""
            try:
                return rules.read(media.path(records.inputs[index]))
            except ValueError as error:
                return str(error)

        with ThreadPoolExecutor(THREADS) as pool:
            for index, made in zip(new, pool.map(one, new)):
                if isinstance(made, str):
                    wrong[index] = _naming(records, index, made)
                else:
                    self._decoded[keys[index]] = made
        return wrong

    def fit(self, records: Records) -> Self:
        """Nothing is learned from audio clips."""
        return self

    def encode(self, records: Records) -> SignalSet:
        """All clips. Raises DataError for what `check` would have named."""
        self.require_valid(records)
        assert self.samples is not None
        each = [self._decoded.pop(key) for key in self._keys(records)]
        counts = np.array([len(clips) for clips in each], dtype=np.int64)
        values = np.empty((int(counts.sum()), 1, self.samples), np.float32)
        begin = 0
        for clips in each:
            values[begin : begin + len(clips), 0] = clips
            begin += len(clips)
        if self.shuffle == "positions":
            values = values[:, :, shuffled_order(self.samples)]
        lengths = np.full(len(values), self.samples)
        if (counts == 1).all():
            return SignalSet(values, lengths)
        owner = np.repeat(np.arange(len(each)), counts)
        number = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
        return SignalSet(values, lengths, owner, number * self._rules().hop)

    def augment(self, encoded: Batch, generator: Generator) -> Batch:
        """Change speed and position by one interpolation for the whole batch."""
        if not self.speed and not self.shift:
            return encoded
        assert isinstance(encoded, SignalBatch)
        values = unshuffle(encoded.values) if self.shuffle == "positions" else encoded.values
        rows, _, length = values.shape
        rate = torch.exp((torch.rand(rows, 1, generator=generator) * 2 - 1) * math.log1p(self.speed)).to(values.device)
        moved = ((torch.rand(rows, 1, generator=generator) * 2 - 1) * 2 * self.shift).to(values.device)
        place = torch.linspace(-1, 1, length, device=values.device) * rate + moved
        grid = torch.stack([place, torch.zeros_like(place)], dim=-1)[:, None]
        heard = F.grid_sample(values[:, :, None], grid, mode="bilinear", padding_mode="zeros", align_corners=True)
        varied = heard[:, :, 0]
        return replace(encoded, values=shuffle(varied) if self.shuffle == "positions" else varied, precomputed=None)

    @classmethod
    def from_array(cls, X: Any) -> Records:
        """Paths of sound files. Raises ValueError for anything else."""
        if (records := files_at(X)) is None:
            raise ValueError(f"found {type(X).__name__}; expected paths of sound files")
        return records

    def from_json(self, items: list[Any], folder: Path) -> Records:
        """See `Encoder.from_json`: files."""
        return files_of(items, folder)

    def state(self) -> dict[str, Any]:
        """See `Encoder.state`."""
        return {"samples": self.samples, "rate": self.heard_rate}

    def restore(self, state: dict[str, Any]) -> Self:
        """See `Encoder.restore`."""
        self.samples = whole(state, "samples", SHORTEST, LARGEST)
        self.heard_rate = whole(state, "rate", *RATES)
        return self

    def example(self, n: int, seed: int, task: str = "classification") -> Records:
        """Tones of two pitches in noise, half a second, as files in a temporary folder of this process."""
        return _example(n, seed, task)

    def facts(self, records: Records) -> dict[str, np.ndarray]:
        """Sample rate, duration, file size, and how much of the first seconds is silence (40 dB below the peak)."""
        media = Media(records.file, "a sound file")

        def one(name: str) -> tuple[float, float, float, float]:
            """The facts of a file."""
            path = media.path(name)
            with Recording(path) as recording:
                level = np.abs(recording.part(0, min(recording.frames, FACTS_SECONDS * recording.rate)))
                silent = float((level < SILENT * level.max(initial=0)).mean())
                return recording.rate, recording.frames / recording.rate, path.stat().st_size, silent

        with ThreadPoolExecutor(THREADS) as pool:
            found = np.array(list(pool.map(one, records.inputs)), dtype=float).reshape(-1, 4)
        names = ("the sample rate", "the duration", "the file size", "the fraction of silence")
        return dict(zip(names, found.T))

    def canonical(self, records: Records) -> list[str]:
        """Digests of the files' bytes."""
        media = Media(records.file, "a sound file")
        for index, (key, text) in enumerate(zip(self._keys(records), records.inputs)):
            if key not in self._digests:
                try:
                    self._digests[key] = media.digest(text)
                except ValueError as error:
                    raise DataError(records.problem(index, str(error))) from error
        return [self._digests[key] for key in self._keys(records)]


def _naming(records: Records, index: int, message: str) -> str:
    """What is wrong with an audio file, with its name if it comes from a list."""
    name = records.inputs[index]
    return message if records.ids[index] == name else f"found {name}, {message.removeprefix('found ')}"


@lru_cache(maxsize=8)
def _folder_of(n: int, seed: int) -> Any:
    """A temporary folder of tones, removed when the process ends."""
    import tempfile

    soundfile = require("soundfile", "audio", "writing sound files")
    folder = tempfile.TemporaryDirectory(prefix="xmr-tones-")
    rng = np.random.default_rng(seed)
    clock = np.arange(4000) / 8000
    for i in range(n):
        tone = 0.3 * np.sin(2 * np.pi * (clock * (300 + 500 * (i % 2)) + rng.random()))
        soundfile.write(f"{folder.name}/{i}.wav", tone + 0.03 * rng.standard_normal(4000), 8000)
    return folder


def _example(n: int, seed: int, task: str) -> Records:
    folder = _folder_of(n, seed)
    kind = np.arange(n) % 2
    scores = kind + 0.1 * np.random.default_rng(seed).standard_normal(n)
    labels = task_class(task).example_labels(scores.tolist(), (kind == 0).tolist())
    names = [f"{i}.wav" for i in range(n)]
    return Records([str(i) for i in range(n)], names, labels, line=list(range(1, n + 1)), file=folder.name)

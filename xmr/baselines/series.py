"""What one would do with signals otherwise: MiniRocket, 1-NN DTW, a small network from scratch, cepstral statistics."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from xmr.baselines.base import BaselineInput, fitted
from xmr.baselines.cnn import PictureCNN
from xmr.baselines.network import fit_network
from xmr.core.generators import Generators
from xmr.core.global_generators import numpy_state_kept, use_generators
from xmr.core.kinds import ImageBatch, SignalBatch, SignalSet, SignalSpec
from xmr.errors import Problem, RecipeError, require

STEPS, ROWS, RATE = 1200, 32, 1e-3  # of the convolutional network


def signal_baseline(name: str, parts: BaselineInput) -> np.ndarray:
    """Fit on train (and validation), answer test: (n, K)."""
    if name == "cnn":
        return cnn(parts)
    if name in ("minirocket", "dtw_1nn"):
        return by_aeon(name, parts)
    made = cepstra if name == "mfcc_logistic" else flat
    both = np.concatenate([made(parts, "train"), made(parts, "validation")])
    return fitted(_majority if name == "majority" else _linear, both, made(parts, "test"), parts)


def _majority(regression: bool, seed: int) -> BaseEstimator:
    return DummyRegressor() if regression else DummyClassifier(strategy="prior")


def _linear(regression: bool, seed: int) -> BaseEstimator:
    model = RidgeCV(np.logspace(-3, 4, 15)) if regression else LogisticRegression(max_iter=2000)
    return make_pipeline(StandardScaler(), model)


def flat(parts: BaselineInput, name: str) -> np.ndarray:
    """Every sample of every channel side by side, as the encoder gives them; windows of a record are averaged."""
    data: SignalSet = parts.sets[name]
    values = data.values.flatten(1).numpy()
    if data.owner is None:
        return values
    sums = np.zeros((len(data), values.shape[1]), np.float32)
    np.add.at(sums, data.owner, values)
    return sums / data.rows[:, None]


def cepstra(parts: BaselineInput, name: str) -> np.ndarray:
    """Mean and deviation over a clip of 20 mel cepstral coefficients and of their differences: (n, 80 a channel)."""
    spec = parts.spec
    if not isinstance(spec, SignalSpec) or spec.rate is None:
        raise RecipeError(Problem("baselines: mfcc_logistic", "series without a sample rate", "an audio encoder"))
    transforms = require("torchaudio.transforms", "audio", "the baseline mfcc_logistic")
    rate = int(spec.rate)
    front = transforms.MFCC(
        rate, 20, melkwargs={"n_fft": round(0.032 * rate), "hop_length": round(0.016 * rate), "n_mels": 40}
    )
    data: SignalSet = parts.sets[name]
    found = []
    for begin in range(0, len(data.values), 64):
        frames = front(data.values[begin : begin + 64])  # (B, C, 20, T)
        step = torch.diff(frames, dim=-1)
        stats = [frames.mean(-1), frames.std(-1), step.mean(-1), step.std(-1)]
        found.append(torch.cat([part.flatten(1) for part in stats], dim=1).numpy())
    rows = np.concatenate(found) if found else np.zeros((0, 80 * spec.channels), np.float32)
    if data.owner is None:
        return rows
    sums = np.zeros((len(data), rows.shape[1]), np.float32)
    np.add.at(sums, data.owner, rows)
    return sums / data.rows[:, None]


def series_of(parts: BaselineInput) -> dict[str, Any]:
    """The series of every part as they were read, (n, C, L), or lists of (C, L_i) where their lengths differ.

    Not the encoder's scale: what a normalisation throws away is the program's loss alone. Where any part has gaps, all
    parts are as the encoder fills and scales them.
    """
    present = [name for name, data in parts.sets.items() if len(data)]
    held = {name: (parts.arrays or {}).get(name) for name in present}
    rows = {name: _as_read(array) for name, array in held.items() if array is not None}
    whole = {name: part for name, part in rows.items() if part is not None}
    if len(whole) == len(present):
        alike = len({row.shape[1] for part in whole.values() for row in part}) == 1
        return {name: np.stack(part) for name, part in whole.items()} if alike else dict(whole)
    if any(data.owner is not None for data in parts.sets.values()):
        raise RecipeError(Problem("baselines", "encoder.length: window", "whole series for minirocket and dtw_1nn"))
    return {name: parts.sets[name].values.numpy() for name in present}


def _as_read(series: np.ndarray) -> list[np.ndarray] | None:
    """(n, C, L), NaN behind the end of each, as rows of (C, L_i); None where one has a gap before its end."""
    known = ~np.isnan(series)
    ends = np.where(known.any(axis=(1, 2)), series.shape[2] - np.argmax(known.any(axis=1)[:, ::-1], axis=1), 0)
    inside = np.arange(series.shape[2]) < ends[:, None]
    return None if (~known & inside[:, None]).any() else [row[:, :end] for row, end in zip(series, ends)]


def by_aeon(name: str, parts: BaselineInput) -> np.ndarray:
    """MiniRocket (arXiv 2012.08791) with a ridge, or the nearest neighbour under dynamic time warping, as in aeon."""
    regression = parts.description.task == "regression"
    if parts.description.task == "multilabel":
        raise RecipeError(Problem(f"baselines: {name}", "task: multilabel", "classification or regression"))
    kind = "regression" if regression else "classification"
    which = {"minirocket": ("convolution_based", "MiniRocket"), "dtw_1nn": ("distance_based", "KNeighborsTimeSeries")}
    package, prefix = which[name]
    module = require(f"aeon.{kind}.{package}", "series", f"the baseline {name}")
    maker = getattr(module, prefix + ("Regressor" if regression else "Classifier"))
    model = maker(random_state=parts.seed, n_jobs=1) if name == "minirocket" else maker(distance="dtw", n_neighbors=1)
    parted = series_of(parts)
    if name == "minirocket" and any(isinstance(part, list) for part in parted.values()):
        longest = max(row.shape[1] for part in parted.values() for row in part)  # equal lengths only, zeros behind
        parted = {part: _padded(rows, longest) for part, rows in parted.items()}
    learned, test = [parted[part] for part in ("train", "validation") if part in parted], parted["test"]
    both = [row for part in learned for row in part] if isinstance(test, list) else np.concatenate(learned)
    if isinstance(both, np.ndarray) and both.shape[2] < 9 and name == "minirocket":
        both, test = (np.pad(x, ((0, 0), (0, 0), (0, 9 - x.shape[2]))) for x in (both, test))
    target = np.concatenate([parts.targets["train"], parts.targets["validation"]])
    with numpy_state_kept():  # MiniRocket seeds numpy's global generator when it is fitted
        model.fit(both, target[:, 0] if regression else target)
    if regression:
        return parts.description.own_units(model.predict(test)[:, None])
    answer = np.zeros((len(test), parts.description.outputs))
    answer[:, np.asarray(model.classes_).astype(int)] = model.predict_proba(test)
    return answer


def _padded(rows: list[np.ndarray], length: int) -> np.ndarray:
    made = np.zeros((len(rows), len(rows[0]), length), np.float32)
    for place, row in zip(made, rows):
        place[:, : row.shape[1]] = row
    return made


class SignalCNN(nn.Module):
    """Convolutions of 128 x 8, 256 x 5, 128 x 3 with batch norm, mean over the signal: FCN, arXiv 1611.06455."""

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        sizes = ((channels, 128, 8), (128, 256, 5), (256, 128, 3))
        self.layers = nn.ModuleList(nn.Conv1d(i, o, k, padding="same", bias=False) for i, o, k in sizes)
        self.norms = nn.ModuleList(nn.BatchNorm1d(o) for _, o, _ in sizes)
        self.out = nn.Linear(128, outputs)

    def forward(self, signal: SignalBatch) -> Tensor:
        """(B, C, L) -> (R, K)."""
        hidden, mask = signal.values, signal.mask[:, None].float()
        for layer, norm in zip(self.layers, self.norms):
            hidden = torch.relu(norm(layer(hidden))) * mask
        logits = self.out(hidden.sum(dim=2) / mask.sum(dim=2).clamp(min=1))
        return _pooled(logits, signal)


class RecordingCNN(nn.Module):
    """The pictures' convolutional network on 40 log mels of a recording, 32 ms every 16."""

    def __init__(self, rate: int, outputs: int) -> None:
        super().__init__()
        transforms = require("torchaudio.transforms", "audio", "the baseline cnn of recordings")
        size, hop = round(0.032 * rate), round(0.016 * rate)
        self.mels = transforms.MelSpectrogram(rate, size, hop_length=hop, n_mels=40)
        self.network = PictureCNN(1, outputs, halved=(True, True, True, False))

    def forward(self, signal: SignalBatch) -> Tensor:
        """(B, 1, L) -> (R, K)."""
        with torch.autocast(signal.values.device.type, enabled=False):  # log mels need full precision
            levels = torch.log(self.mels(signal.values) + 1e-5)
            mean, spread = levels.mean(dim=(2, 3), keepdim=True), levels.std(dim=(2, 3), keepdim=True)
        return _pooled(self.network(ImageBatch((levels - mean) / (spread + 1e-5))), signal)


def _pooled(logits: Tensor, signal: SignalBatch) -> Tensor:
    """The mean over the windows of each record: (R, K)."""
    if signal.windows is None:
        return logits
    owner, records = signal.windows.owner, signal.windows.records
    sums = logits.new_zeros(records, logits.shape[1]).index_add(0, owner, logits)
    return sums / torch.bincount(owner, minlength=records)[:, None]


def cnn(parts: BaselineInput) -> np.ndarray:
    """Train from scratch, choose the epoch on validation, answer test: (n, K)."""
    description, spec = parts.description, parts.spec
    assert isinstance(spec, SignalSpec)
    target = {name: torch.from_numpy(np.asarray(value)) for name, value in parts.targets.items()}
    steps = max(1, -(-len(parts.sets["train"]) // ROWS))
    epochs = max(20, -(-STEPS // steps))
    generators = Generators(parts.seed)
    with use_generators(generators):
        model: nn.Module = SignalCNN(spec.channels, description.outputs)
        if spec.rate is not None:
            model = RecordingCNN(int(spec.rate), description.outputs)
    return fit_network(
        model,
        parts.sets,
        target,
        description,
        epochs=epochs,
        budget=ROWS,
        rate=RATE,
        patience=epochs,
        seed=parts.seed,
        generators=generators,
        augment=parts.augment,
        precision=parts.precision,
    )

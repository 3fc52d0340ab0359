"""Time series and audio: MiniRocket, MultiRocket-Hydra, 1-NN DTW, MFCC statistics, a small network from scratch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from xmr.baselines.base import BaselineInput
from xmr.baselines.cnn import ImageCNN
from xmr.baselines.estimators import Model, fit_and_predict, linear, probabilities, svm
from xmr.baselines.network import Schedule, fit_network
from xmr.core.generators import Generators
from xmr.core.global_generators import numpy_state_kept, torch_state_kept, use_generators
from xmr.core.kinds import ImageBatch, SignalBatch, SignalSet
from xmr.errors import Problem, RecipeError, require
from xmr.outputs.domain_features.mfcc import mfcc_statistics as mfcc_of

SHORTEST = 9  # samples that the kernels of MiniRocket and MultiRocket need
DTW_STEP = 3.3e-9  # seconds for one pair of samples, measured on one core of a present-day server
STEPS, ROWS, LEARNING_RATE = 1200, 32, 1e-3  # of the convolutional network


def logistic(data: BaselineInput) -> np.ndarray:
    """A linear model on every sample of every channel: (n, K)."""
    return _on_features(flat, data)


def mfcc_logistic(data: BaselineInput) -> np.ndarray:
    """A linear model on statistics of MFCCs: (n, K). Raises RecipeError for series without a sample rate."""
    return _on_features(partial(mfcc_statistics, spans=1), data)


def mfcc_svm(data: BaselineInput) -> np.ndarray:
    """A support vector machine on statistics of MFCCs in each quarter of a clip: (n, K).

    Raises RecipeError for series without a sample rate.
    """
    return _on_features(partial(mfcc_statistics, spans=4), data, svm)


def _on_features(
    make: Callable[[BaselineInput, str], np.ndarray], data: BaselineInput, model: Model = linear
) -> np.ndarray:
    learned = np.concatenate([make(data, "train"), make(data, "validation")])
    return fit_and_predict(model, learned, make(data, "test"), data)


def flat(data: BaselineInput, part: str) -> np.ndarray:
    """Every sample of every channel side by side, as the encoder gives them; windows of a record are averaged."""
    signals: SignalSet = data.sets[part]
    return _over_windows(signals.values.flatten(1).numpy(), signals)


def mfcc_statistics(data: BaselineInput, part: str, spans: int) -> np.ndarray:
    """Mean and standard deviation of 20 MFCCs and of their differences in each of some equal spans of a clip:
    (n, spans * 80 per channel).
    """
    spec = data.spec
    if spec.rate is None:
        raise RecipeError(
            Problem("baselines: mfcc_logistic, mfcc_svm", "series without a sample rate", "an audio encoder")
        )
    signals: SignalSet = data.sets[part]
    found = [
        mfcc_of(signals.values[begin : begin + 64], int(spec.rate), spans).numpy()
        for begin in range(0, len(signals.values), 64)
    ]
    none = np.zeros((0, spans * 80 * spec.channels), np.float32)
    return _over_windows(np.concatenate(found) if found else none, signals)


def _over_windows(rows: np.ndarray, signals: SignalSet) -> np.ndarray:
    """The mean over the windows of each record: (n, F)."""
    if signals.owner is None:
        return rows
    sums = np.zeros((len(signals), rows.shape[1]), np.float32)
    np.add.at(sums, signals.owner, rows)
    return sums / signals.rows[:, None]


def series_of(data: BaselineInput) -> dict[str, Any]:
    """The series of every part as they were read, (n, C, L), or lists of (C, L_i) where their lengths differ.

    Not the encoder's scale: what a normalization discards is lost to the program alone. Where any part has gaps, all
    parts are as the encoder fills and scales them.
    """
    present = [name for name, part in data.sets.items() if len(part)]
    held = {name: (data.arrays or {}).get(name) for name in present}
    rows = {name: _as_read(array) for name, array in held.items() if array is not None}
    whole = {name: part for name, part in rows.items() if part is not None}
    if len(whole) == len(present):
        alike = len({row.shape[1] for part in whole.values() for row in part}) == 1
        return {name: np.stack(part) for name, part in whole.items()} if alike else dict(whole)
    if any(part.owner is not None for part in data.sets.values()):
        raise RecipeError(Problem("baselines", "encoder.length: window", "whole series for the baselines of aeon"))
    return {name: data.sets[name].values.numpy() for name in present}


def _as_read(series: np.ndarray) -> list[np.ndarray] | None:
    """(n, C, L), NaN behind the end of each, as rows of (C, L_i); None where one has a gap before its end."""
    known = ~np.isnan(series)
    ends = np.where(known.any(axis=(1, 2)), series.shape[2] - np.argmax(known.any(axis=1)[:, ::-1], axis=1), 0)
    inside = np.arange(series.shape[2]) < ends[:, None]
    return None if (~known & inside[:, None]).any() else [row[:, :end] for row, end in zip(series, ends)]


def minirocket(data: BaselineInput) -> np.ndarray:
    """MiniRocket (arXiv 2012.08791) with a ridge regression, as in aeon; its decision values: (n, K)."""
    made = _aeon_model("convolution_based", "MiniRocket", data)(random_state=data.seed, n_jobs=1)
    return _fit_aeon(made, _of_one_length(data), data, lambda model, test: probabilities(model.pipeline_, test))


def multirocket_hydra(data: BaselineInput) -> np.ndarray:
    """MultiRocket and Hydra (arXiv 2203.13652) with a ridge regression, as in aeon; its decision values: (n, K)."""

    def scores(model: Any, test: np.ndarray) -> np.ndarray:
        ridge = model.classifier
        model.classifier = SimpleNamespace(predict=lambda features: probabilities(ridge, features))
        return model.predict(test)

    made = _aeon_model("convolution_based", "MultiRocketHydra", data)(random_state=data.seed, n_jobs=1)
    with torch_state_kept():  # Hydra seeds torch's global generator
        return _fit_aeon(made, _of_one_length(data), data, scores)


def dtw_1nn(data: BaselineInput) -> np.ndarray:
    """The nearest neighbor under dynamic time warping, as in aeon: (n, K).

    The score of a class is the inverse distance of its nearest record, so that the best class is that of the nearest
    neighbor and a near tie is no certainty.
    """
    made = _aeon_model("distance_based", "KNeighborsTimeSeries", data)(distance="dtw", n_neighbors=1)
    distances = require("aeon.distances", "series", "the baseline dtw_1nn")
    learned, target = _learned(whole := series_of(data), data)

    def scores(model: Any, test: Any) -> np.ndarray:
        apart = distances.pairwise_distance(test, learned, method="dtw")
        nearest = np.stack([apart[:, target == label].min(axis=1) for label in model.classes_], axis=1)
        closeness = 1 / np.maximum(nearest, 1e-12)
        return closeness / closeness.sum(axis=1, keepdims=True)

    return _fit_aeon(made, whole, data, scores)


def dtw_seconds(data: BaselineInput) -> float:
    """What `dtw_1nn` takes on one core: each pair of series costs the product of their lengths."""
    whole = series_of(data)
    samples = {part: sum(row.shape[-1] for row in rows) for part, rows in whole.items()}
    return DTW_STEP * samples.pop("test", 0) * sum(samples.values())


def _of_one_length(data: BaselineInput) -> dict[str, np.ndarray]:
    """The series of every part, padded with zeros to the longest, and to the samples that the kernels need."""
    whole = series_of(data)
    if any(isinstance(part, list) for part in whole.values()):
        longest = max(row.shape[1] for part in whole.values() for row in part)
        whole = {part: _padded(rows, longest) for part, rows in whole.items()}
    missing = max(0, SHORTEST - next(iter(whole.values())).shape[2])
    return {part: np.pad(x, ((0, 0), (0, 0), (0, missing))) for part, x in whole.items()}


def _aeon_model(package: str, prefix: str, data: BaselineInput) -> Any:
    """aeon's class for the task. Raises RecipeError for several labels per record, MissingExtraError without aeon."""
    task = data.task
    if not task.single_target:
        found = f"a baseline of aeon for task: {task.name}"
        raise RecipeError(Problem("baselines", found, "classification or regression"))
    kind, suffix = ("classification", "Classifier") if task.probabilistic else ("regression", "Regressor")
    module = require(f"aeon.{kind}.{package}", "series", "minirocket, multirocket_hydra and dtw_1nn")
    return getattr(module, prefix + suffix)


def _learned(whole: dict[str, Any], data: BaselineInput) -> tuple[Any, np.ndarray]:
    """Series and targets of train and validation together."""
    parts = [whole[part] for part in ("train", "validation") if part in whole]
    series = [row for part in parts for row in part] if isinstance(parts[0], list) else np.concatenate(parts)
    return series, np.concatenate([data.targets["train"], data.targets["validation"]])


def _fit_aeon(
    model: Any, whole: dict[str, Any], data: BaselineInput, scores: Callable[[Any, Any], np.ndarray]
) -> np.ndarray:
    """Fit on train and validation together, predict test: (n, K). scores: of the classes of a fitted classifier."""
    learned, target = _learned(whole, data)
    regression = not data.task.probabilistic
    with numpy_state_kept():  # aeon seeds numpy's global generator
        model.fit(learned, target[:, 0] if regression else target)
    if regression:
        return data.task.own_units(model.predict(whole["test"])[:, None])
    found = np.zeros((len(whole["test"]), data.task.outputs))
    found[:, np.asarray(model.classes_).astype(int)] = scores(model, whole["test"])
    return found


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


class AudioCNN(nn.Module):
    """The convolutional network of images on 40 log mels of an audio clip, 32 ms every 16."""

    def __init__(self, rate: int, outputs: int) -> None:
        super().__init__()
        transforms = require("torchaudio.transforms", "audio", "the baseline cnn of audio clips")
        size, hop = round(0.032 * rate), round(0.016 * rate)
        self.mels = transforms.MelSpectrogram(rate, size, hop_length=hop, n_mels=40)
        self.network = ImageCNN(1, outputs, halved=(True, True, True, False))

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


def signal_cnn(data: BaselineInput) -> np.ndarray:
    """Train on signals from scratch, choose the epoch on validation, predict test: (n, K)."""
    spec, outputs = data.spec, data.task.outputs
    epochs = max(20, -(-STEPS // max(1, -(-len(data.sets["train"]) // ROWS))))
    generators = Generators(data.seed)
    with use_generators(generators):
        model: nn.Module = SignalCNN(spec.channels, outputs)
        if spec.rate is not None:
            model = AudioCNN(int(spec.rate), outputs)
    schedule = Schedule(epochs=epochs, batch=ROWS, learning_rate=LEARNING_RATE, patience=epochs)
    return fit_network(model, data, schedule, generators)

"""Simple baselines on the same split: nothing pretrained, nothing tuned on test.

Each is fitted on train and validation together where it has nothing to choose; the from-scratch CNN chooses its epoch
on validation like a program. `run_baseline` gives values of the shape a program gives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler
from torch import Generator

from xmr.baselines import SOURCE_BASELINES, baselines_of
from xmr.core.kinds import ImageSpec, SignalSpec, Spec, SymbolSet, SymbolSpec, TableSpec
from xmr.core.spaces import SourceInput
from xmr.data.blosum import AMINO_ACIDS
from xmr.data.targets import IGNORE, Targets
from xmr.errors import RecipeError, one_of
from xmr.sources.base import Source

Features = Callable[[list[str], list[str]], tuple[Any, Any]]


@dataclass(frozen=True)
class BaselineInput:
    """What a baseline may see: texts in canonical form, encoded sets and targets of the three parts, the source."""

    texts: dict[str, list[str]]
    sets: dict[str, Any]
    targets: dict[str, np.ndarray]
    description: Targets
    spec: Spec
    seed: int
    source: Source
    augment: Callable[[Any, Generator], Any] = lambda batch, generator: batch
    arrays: dict[str, np.ndarray | None] | None = None  # series as they were read, where they are held in memory
    season: int = 1  # forecasting: steps after which a series repeats
    untrained: Callable[[Any], SourceInput] | None = None  # the recipe's transform before training
    precision: str = "full"  # the source's own networks are trained in, as the program was: full or bf16


def kmer_counts(train: list[str], test: list[str], most: int = 3) -> tuple[Any, Any]:
    """Shares of all k-mers of 1 to `most` letters seen in training."""
    counts = CountVectorizer(analyzer="char", ngram_range=(1, most), lowercase=False, dtype=np.float32)
    left, right = counts.fit_transform(train), counts.transform(test)

    def shares(matrix: Any, texts: list[str]) -> Any:
        return sparse.diags(1 / np.maximum([len(text) for text in texts], 1)) @ matrix

    return shares(left, train), shares(right, test)


def dipeptide_counts(train: list[str], test: list[str]) -> tuple[Any, Any]:
    """Shares of letters and pairs: composition and dipeptides."""
    return kmer_counts(train, test, 2)


def one_hot(train: list[str], test: list[str]) -> tuple[Any, Any]:
    """One column a position and letter, padded or cut to the longest training text."""
    longest = max(map(len, train))
    letters = sorted(set("".join(train)))
    number = {letter: index for index, letter in enumerate(letters)}

    def matrix(texts: list[str]) -> Any:
        spots = [
            (row, place * len(letters) + number[letter])
            for row, text in enumerate(texts)
            for place, letter in enumerate(text[:longest])
            if letter in number
        ]
        rows, columns = np.array(spots).T
        return sparse.csr_matrix(
            (np.ones(len(rows), np.float32), (rows, columns)), (len(texts), longest * len(letters))
        )

    left, right = matrix(train), matrix(test)
    varying = np.flatnonzero(np.diff(left.tocsc().indptr) % len(train))
    return left[:, varying], right[:, varying]


def length_only(train: list[str], test: list[str]) -> tuple[Any, Any]:
    """Length and its logarithm: a set that this separates says little about sequence."""

    def matrix(texts: list[str]) -> Any:
        lengths = np.array([len(text) for text in texts], dtype=float)
        return np.stack([lengths, np.log1p(lengths)], axis=1)

    return matrix(train), matrix(test)


def descriptors(train: list[str], test: list[str]) -> tuple[Any, Any]:
    """Ten global properties (charge, pI, ...), hydrophobic moment and mean hydrophobicity of a peptide, by modlAMP.

    Letters that stand for several residues are left out, U reads as C and O as K.
    """
    from xmr.errors import require

    made: Any = require("modlamp.descriptors", "protein", "the descriptors baseline")
    plain = str.maketrans({"U": "C", "O": "K", **dict.fromkeys("BZJX")})

    def matrix(texts: list[str]) -> np.ndarray:
        clean = [text.translate(plain) or "G" for text in texts]
        overall, moment = made.GlobalDescriptor(clean), made.PeptideDescriptor(clean, "eisenberg")
        overall.calculate_all(amide=False)
        moment.calculate_moment()
        mean = made.PeptideDescriptor(clean, "eisenberg")
        mean.calculate_global()
        return np.nan_to_num(np.concatenate([overall.descriptor, moment.descriptor, mean.descriptor], axis=1))

    return matrix(train), matrix(test)


def _linear(regression: bool, seed: int) -> BaseEstimator:
    if regression:
        return make_pipeline(MaxAbsScaler(), RidgeCV(np.logspace(-3, 4, 15)))
    return make_pipeline(MaxAbsScaler(), LogisticRegression(C=1.0, max_iter=2000))


def _forest(regression: bool, seed: int) -> BaseEstimator:
    kind = RandomForestRegressor if regression else RandomForestClassifier
    return kind(500, n_jobs=-1, random_state=seed)


def _scaled_linear(regression: bool, seed: int) -> BaseEstimator:
    return make_pipeline(StandardScaler(), RidgeCV() if regression else LogisticRegression(max_iter=2000))


def _majority(regression: bool, seed: int) -> BaseEstimator:
    return DummyRegressor() if regression else DummyClassifier(strategy="prior")


def pixels(data: Any) -> np.ndarray:
    """Every picture as one row of at most 1,024 pixels a channel: (n, features) in [0, 1]."""
    values = data.values
    step = max(1, -(-max(values.shape[1:3]) // 32))
    seen = values[:, ::step, ::step]
    return seen.reshape(len(seen), np.prod(seen.shape[1:])).astype(np.float32) / 255  # -1 fails where there is none


_CLASSICAL: dict[str, tuple[Features, Callable[[bool, int], BaseEstimator]]] = {
    "majority": (length_only, _majority),
    "length_only": (length_only, _scaled_linear),
    "composition_logistic": (dipeptide_counts, _linear),
    "kmer_logistic": (kmer_counts, _linear),
    "kmer_forest": (kmer_counts, _forest),
    "descriptors_logistic": (descriptors, _scaled_linear),
    "descriptors_forest": (descriptors, _forest),
    "onehot_linear": (one_hot, _linear),
    "onehot_forest": (one_hot, _forest),
    "pixel_logistic": (length_only, _scaled_linear),
    "pixel_forest": (length_only, _forest),
}


def run_baseline(name: str, parts: BaselineInput) -> np.ndarray:
    """Fit on train (and validation) and answer test: probabilities or values (n, K). Raises RecipeError if unknown.

    The number of torch's threads stays as it was: numba, behind aeon's classifiers, sets that of OpenMP for the whole
    process, and a program trained after it would differ in its last bits from one trained alone.
    """
    threads = torch.get_num_threads()
    try:
        return _answers(name, parts)
    finally:
        torch.set_num_threads(threads)


def _answers(name: str, parts: BaselineInput) -> np.ndarray:
    task = parts.description.task
    emits = {ImageSpec: "image", SignalSpec: "signal", SymbolSpec: "symbols", TableSpec: "table"}[type(parts.spec)]
    protein = "protein" if isinstance(parts.spec, SymbolSpec) and set(AMINO_ACIDS) <= set(parts.spec.symbols) else ""
    known = baselines_of(task, emits, parts.source.space_kind, protein)
    if name not in known:
        raise RecipeError(one_of("baselines", name, known))
    if name == "linear_probe":
        from xmr.baselines.linear_probe import linear_probe

        return linear_probe(parts)
    if name in SOURCE_BASELINES:
        from xmr.baselines.fine_tuning import tuned

        return tuned(name, parts)
    if task == "forecasting":
        from xmr.baselines.time_series import forecast_baseline

        return forecast_baseline(name, parts)
    if isinstance(parts.spec, TableSpec):
        from xmr.baselines.tables import table_baseline

        return table_baseline(name, parts)
    if isinstance(parts.spec, SignalSpec):
        from xmr.baselines.series import signal_baseline

        return signal_baseline(name, parts)
    if name == "cnn":
        from xmr.baselines.cnn import cnn_answers

        return cnn_answers(parts)
    if task == "residue_classification":
        return _residue_baseline(name, parts)
    features, model = _CLASSICAL[name]
    if isinstance(parts.spec, ImageSpec):
        left = np.concatenate([pixels(parts.sets["train"]), pixels(parts.sets["validation"])])
        right = pixels(parts.sets["test"])
    else:
        both = parts.texts["train"] + parts.texts["validation"]
        left, right = features(both, parts.texts["test"])
    return fitted(model, left, right, parts)


def fitted(model: Callable[[bool, int], BaseEstimator], left: Any, right: Any, parts: BaselineInput) -> np.ndarray:
    """Fit a scikit-learn model on features of train and validation together, answer test: (n, K)."""
    task = parts.description.task
    target = np.concatenate([parts.targets["train"], parts.targets["validation"]])
    description = parts.description
    if task == "regression":
        values = model(True, parts.seed).fit(left, target[:, 0]).predict(right)
        return description.own_units(values[:, None])
    if task == "multilabel":
        columns = []
        for column in range(description.outputs):
            rows = np.flatnonzero(~np.isnan(target[:, column]))
            columns.append(_probability(model(False, parts.seed), left[rows], target[rows, column], right, 2)[:, 1])
        return np.stack(columns, axis=1)
    return _probability(model(False, parts.seed), left, target, right, description.outputs)


def _probability(model: Any, left: Any, target: np.ndarray, right: Any, classes: int) -> np.ndarray:
    """Probabilities in the order of the class numbers; a class absent from training gets zero."""
    model.fit(left, target)
    result = np.zeros((right.shape[0], classes))
    result[:, model.classes_.astype(int)] = model.predict_proba(right)
    return result


def _residue_baseline(name: str, parts: BaselineInput) -> np.ndarray:
    """The majority class, or multinomial logistic regression on a one-hot window of 15 residues."""
    target = parts.targets["train"]
    assert isinstance(parts.spec, SymbolSpec)
    scored = target != IGNORE
    if name == "majority":
        share = np.bincount(target[scored], minlength=parts.description.outputs) / scored.sum()
        return np.tile(share, (len(parts.targets["test"]), 1))
    from sklearn.linear_model import SGDClassifier

    model = SGDClassifier(loss="log_loss", alpha=1e-6, max_iter=8, tol=None, random_state=parts.seed, average=True)
    model.fit(_windows(parts.sets["train"], len(parts.spec.symbols), 15)[np.flatnonzero(scored)], target[scored])
    result = np.zeros((len(parts.targets["test"]), parts.description.outputs))
    result[:, model.classes_.astype(int)] = model.predict_proba(
        _windows(parts.sets["test"], len(parts.spec.symbols), 15)
    )
    return result


def _windows(data: SymbolSet, symbols: int, width: int) -> Any:
    """One-hot of the `width` residues around each residue of a set: sparse (residues, width * symbols)."""
    flat, total = data.flat.numpy().astype(np.int64), len(data.flat)
    record = np.repeat(np.arange(len(data)), data.lengths)
    rows, columns = [], []
    for slot, shift in enumerate(range(-(width // 2), width // 2 + 1)):
        place = np.arange(total) + shift
        inside = (place >= 0) & (place < total)
        inside[inside] &= record[place[inside]] == record[inside]
        rows.append(np.flatnonzero(inside))
        columns.append(slot * symbols + flat[place[inside]])
    spots = (np.concatenate(rows), np.concatenate(columns))
    return sparse.csr_matrix((np.ones(len(spots[0]), np.float32), spots), (total, width * symbols))

"""Sequences as counts, one-hot columns or descriptors for a linear model or a random forest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import MaxAbsScaler

from xmr.baselines.base import BaselineInput
from xmr.baselines.estimators import Model, fit_and_predict, forest, linear, tuned_linear
from xmr.core.kinds import SymbolSet
from xmr.data.smiles import molecule
from xmr.errors import require
from xmr.outputs.domain_features.descriptors import descriptors as peptide_descriptors

Features = Callable[[list[str], list[str]], tuple[Any, Any]]  # training and test texts -> their features


def length_only(data: BaselineInput) -> np.ndarray:
    """A linear model on the length: (n, K)."""
    return _on_texts(lengths, linear, data)


def composition_logistic(data: BaselineInput) -> np.ndarray:
    """A linear model on the frequencies of letters and pairs: (n, K)."""
    return _on_texts(dipeptide_counts, sparse_linear, data)


def kmer_logistic(data: BaselineInput) -> np.ndarray:
    """A linear model on k-mer frequencies: (n, K)."""
    return _on_texts(kmer_counts, sparse_linear, data)


def kmer_forest(data: BaselineInput) -> np.ndarray:
    """A random forest on k-mer frequencies: (n, K)."""
    return _on_texts(kmer_counts, forest, data)


def token_logistic(data: BaselineInput) -> np.ndarray:
    """A linear model on counts of runs of one to three symbols, as the encoder reads them: (n, K)."""
    rows = {part: _as_numbers(data.sets[part]) for part in ("train", "validation", "test")}
    counts = CountVectorizer(token_pattern=r"\S+", ngram_range=(1, 3), dtype=np.float32)
    learned = counts.fit_transform(rows["train"] + rows["validation"])
    return fit_and_predict(sparse_linear, learned, counts.transform(rows["test"]), data)


def _as_numbers(symbols: SymbolSet) -> list[str]:
    """The symbol ids of each record, a blank between them."""
    ends = np.cumsum(symbols.lengths)
    return [" ".join(map(str, each)) for each in np.split(symbols.flat.numpy(), ends[:-1])] if len(ends) else []


def morgan_forest(data: BaselineInput) -> np.ndarray:
    """A random forest on Morgan fingerprints of radius 2, 2,048 bits, by RDKit: (n, K)."""
    return _on_texts(morgan, forest, data)


def onehot_linear(data: BaselineInput) -> np.ndarray:
    """A linear model on the letter at each position: (n, K)."""
    return _on_texts(one_hot, sparse_linear, data)


def onehot_forest(data: BaselineInput) -> np.ndarray:
    """A random forest on the letter at each position: (n, K)."""
    return _on_texts(one_hot, forest, data)


def descriptors_logistic(data: BaselineInput) -> np.ndarray:
    """A linear model on physicochemical descriptors: (n, K)."""
    return _on_texts(descriptors, linear, data)


def descriptors_forest(data: BaselineInput) -> np.ndarray:
    """A random forest on physicochemical descriptors: (n, K)."""
    return _on_texts(descriptors, forest, data)


def _on_texts(features: Features, model: Model, data: BaselineInput) -> np.ndarray:
    learned, test = features(data.texts["train"] + data.texts["validation"], data.texts["test"])
    return fit_and_predict(model, learned, test, data)


def sparse_linear(regression: bool, seed: int) -> BaseEstimator:
    """Features scaled by their largest value, which keeps zeros; ridge or logistic regression, cross-validated."""
    return tuned_linear(MaxAbsScaler(), regression)


def kmer_counts(train: list[str], test: list[str], most: int = 3) -> tuple[Any, Any]:
    """Frequencies of all k-mers of 1 to `most` letters seen in training."""
    counts = CountVectorizer(analyzer="char", ngram_range=(1, most), lowercase=False, dtype=np.float32)
    left, right = counts.fit_transform(train), counts.transform(test)

    def frequencies(matrix: Any, texts: list[str]) -> Any:
        return sparse.diags(1 / np.maximum([len(text) for text in texts], 1)) @ matrix

    return frequencies(left, train), frequencies(right, test)


def dipeptide_counts(train: list[str], test: list[str]) -> tuple[Any, Any]:
    """Frequencies of letters and pairs: composition and dipeptides."""
    return kmer_counts(train, test, 2)


def one_hot(train: list[str], test: list[str]) -> tuple[Any, Any]:
    """One column per position and letter that varies in training, padded or cut to the longest training text."""
    longest = max(map(len, train))
    letters = np.unique(_codes("".join(train)))

    def matrix(texts: list[str]) -> Any:
        """(texts, positions x letters), sparse."""
        spots = np.arange(len(texts) * longest)
        codes = _codes("".join(text[:longest].ljust(longest, "\0") for text in texts))
        found = np.searchsorted(letters, codes).clip(max=len(letters) - 1)
        known = letters[found] == codes
        rows, places = np.divmod(spots[known], longest)
        ones = np.ones(int(known.sum()), np.float32)
        shape = (len(texts), longest * len(letters))
        return sparse.csr_matrix((ones, (rows, places * len(letters) + found[known])), shape)

    left, right = matrix(train), matrix(test)
    varying = np.flatnonzero(np.diff(left.tocsc().indptr) % len(train))
    return left[:, varying], right[:, varying]


def _codes(text: str) -> np.ndarray:
    """The number of each character."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def lengths(train: list[str], test: list[str]) -> tuple[Any, Any]:
    """Length and its logarithm: a data set that this separates says little about sequence."""

    def matrix(texts: list[str]) -> Any:
        found = np.array([len(text) for text in texts], dtype=float)
        return np.stack([found, np.log1p(found)], axis=1)

    return matrix(train), matrix(test)


def descriptors(train: list[str], test: list[str]) -> tuple[Any, Any]:
    """Twelve physicochemical descriptors of each peptide, as `output.domain_features: [descriptors]` has them."""
    return peptide_descriptors(train), peptide_descriptors(test)


def morgan(train: list[str], test: list[str]) -> tuple[Any, Any]:
    """Morgan fingerprints (Rogers and Hahn 2010); a molecule that RDKit cannot read has no bit set."""
    kinds: Any = require("rdkit.Chem.rdFingerprintGenerator", "molecule", "the baseline morgan_forest")
    generator = kinds.GetMorganGenerator(radius=2, fpSize=2048)

    def matrix(texts: list[str]) -> np.ndarray:
        found = [molecule(text) for text in texts]
        bits = [np.zeros(2048) if one is None else generator.GetFingerprintAsNumPy(one) for one in found]
        return np.stack(bits).astype(np.float32)

    return matrix(train), matrix(test)

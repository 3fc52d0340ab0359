"""Train, validation and test: random, by cluster of similar sequences, by a column, or by fold."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.preprocessing import normalize

from xmr.errors import DataError, Problem, RecipeError, nearest

BLOCK = 512  # sequences that are compared with all others at a time


@dataclass(frozen=True)
class Split:
    """Record indices of the three parts. `how`: a sentence for the report."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    how: str


def amount(asked: float, n: int) -> int:
    """A share below 1 or a number of records, as a number of records."""
    return round(asked * n) if asked < 1 else int(asked)


def random_split(
    strata: np.ndarray | None, n: int, test: float, validation: float, labels: int | None, seed: int
) -> Split:
    """Draw test first, then at most `labels` labelled records for train and validation together.

    strata: (n,) class of each record, kept in proportion in all parts, or None. test and validation: a share (< 1) or
    a number; validation is a share of what remains for training when it is a share.
    """
    everything = np.arange(n)
    rest, held = _draw(everything, amount(test, n), strata, seed)
    if labels is not None:
        if labels > len(rest):
            raise DataError(
                Problem("data.split.n_labelled", f"{len(rest)} records beside the test part", f"at least {labels}")
            )
        _, rest = _draw(rest, labels, strata, seed + 1)
    train, chosen = _draw(rest, amount(validation, len(rest)), strata, seed + 2)
    budget = "" if labels is None else f", {labels} labels in all for training and validation"
    return Split(train, chosen, held, f"random{' stratified' if strata is not None else ''} (seed {seed}{budget})")


def limited(split: Split, labels: int | None, strata: np.ndarray | None, seed: int) -> Split:
    """The same split with at most `labels` records in training and validation together, each in proportion."""
    if labels is None:
        return split
    sizes = len(split.train), len(split.validation)
    if labels > sum(sizes):
        found = f"{sum(sizes)} records beside the test part"
        raise DataError(Problem("data.split.n_labelled", found, f"at least {labels}"))
    chosen = round(labels * sizes[1] / sum(sizes))
    train = _draw(split.train, labels - chosen, strata, seed + 1)[1]
    validation = _draw(split.validation, chosen, strata, seed + 2)[1]
    return Split(train, validation, split.test, f"{split.how}, {labels} labels in all for training and validation")


def _draw(index: np.ndarray, count: int, strata: np.ndarray | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Split `index` into (the others, `count` drawn), in proportion to strata where every stratum allows it."""
    if count <= 0:
        return index, index[:0]
    if count >= len(index):
        return index[:0], index
    by = None
    if strata is not None:
        sizes = np.bincount(strata[index])
        sizes = sizes[sizes > 0]
        if sizes.min() >= 2 and min(count, len(index) - count) >= len(sizes):
            by = strata[index]
    left, right = train_test_split(index, test_size=count, stratify=by, random_state=seed)
    return np.sort(left), np.sort(right)


def kmer_clusters(sequences: Sequence[str], similarity: float, k: int = 3) -> np.ndarray:
    """Single-linkage clusters: two sequences whose k-mer sets have a cosine of at least `similarity` share one.

    Returns (n,) cluster numbers. No two sequences of different clusters are that similar, by construction.
    """
    vectors = CountVectorizer(analyzer="char", ngram_range=(1, k), binary=True, lowercase=False)
    matrix = vectors.fit_transform([text if text else " " for text in sequences])
    long = np.array([len(name) == k for name in vectors.get_feature_names_out()])
    shorter = np.flatnonzero(np.asarray(matrix[:, long].sum(axis=1)).ravel() == 0)
    kmers = matrix[:, long].tocsr()
    clusters = np.zeros(len(sequences), dtype=np.int64)
    if kmers.shape[1]:
        clusters = _linked(normalize(kmers.astype(np.float64)), 1 - similarity + 1e-9)
    if len(shorter):  # too short for a single k-mer: equal texts only
        _, groups = np.unique(np.array(sequences, dtype=object)[shorter].astype(str), return_inverse=True)
        clusters[shorter] = clusters.max() + 1 + groups
    return clusters


def _linked(rows: csr_matrix, radius: float) -> np.ndarray:
    """Clusters of unit vectors linked by a cosine distance of at most `radius`, numbered as they first occur.

    A block of distances at a time, so that memory grows with the number of rows and not with its square.
    """
    n = rows.shape[0]
    clusters = np.arange(n)
    for begin in range(0, n, BLOCK):
        near = (rows[begin : begin + BLOCK] @ rows.T).tocoo()
        close = 1 - near.data <= radius
        pairs = np.unique(np.stack([clusters[begin + near.row[close]], clusters[near.col[close]]]), axis=1)
        graph = coo_matrix((np.ones(pairs.shape[1], dtype=bool), (pairs[0], pairs[1])), shape=(n, n))
        clusters = connected_components(graph, directed=False)[1][clusters]
    _, first, inverse = np.unique(clusters, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]


def mmseqs_clusters(sequences: Sequence[str], similarity: float) -> np.ndarray:
    """Clusters by MMseqs2 at a minimum sequence identity. Returns (n,) cluster numbers."""
    with tempfile.TemporaryDirectory() as folder:
        fasta = Path(folder, "in.fasta")
        fasta.write_text("".join(f">{i}\n{text}\n" for i, text in enumerate(sequences)))
        prefix = str(Path(folder, "out"))
        arguments = ["mmseqs", "easy-cluster", str(fasta), prefix, str(Path(folder, "tmp"))]
        arguments += ["--min-seq-id", str(similarity), "-c", "0.5", "-v", "1"]
        done = subprocess.run(arguments, capture_output=True, text=True)
        if done.returncode:
            raise DataError(f"mmseqs easy-cluster failed: {done.stderr.strip()[-300:]}")
        pairs = [line.split() for line in Path(f"{prefix}_cluster.tsv").read_text().splitlines()]
    clusters = np.zeros(len(sequences), dtype=np.int64)
    for representative, member in pairs:
        clusters[int(member)] = int(representative)
    return clusters


def cluster_split(
    sequences: Sequence[str], test: float, validation: float, similarity: float, seed: int, tool: str = "auto"
) -> Split:
    """Whole clusters go to one part each, so that near-copies never sit on both sides.

    Clusters are dealt in random order until test and validation have their share; a cluster larger than what a part
    still needs stays in training. tool: `mmseqs` (MMseqs2), `kmers` (`kmer_clusters`), or `auto`, the first where it is
    on PATH. Raises RecipeError when `mmseqs` is asked for and is not there.
    """
    there = shutil.which("mmseqs") is not None
    if tool == "mmseqs" and not there:
        raise RecipeError(
            Problem("data.split.tool", "'mmseqs', which is not on PATH", "MMseqs2 installed, or tool: kmers")
        )
    mmseqs = there and tool != "kmers"
    name = "MMseqs2" if mmseqs else "3-mer cosine"
    clusters = mmseqs_clusters(sequences, similarity) if mmseqs else kmer_clusters(sequences, similarity)
    n = len(sequences)
    _, clusters, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
    rng = np.random.default_rng(seed)
    part = np.zeros(len(sizes), dtype=np.int8)  # 0 train, 1 validation, 2 test
    wanted = amount(test, n)
    need = {2: wanted, 1: amount(validation, n - wanted)}
    for cluster in rng.permutation(len(sizes)):
        for role in (2, 1):
            if sizes[cluster] <= need[role]:
                part[cluster] = role
                need[role] -= sizes[cluster]
                break
    roles = part[clusters]
    found = f"{len(sizes)} clusters by {name} >= {similarity}, the largest of {sizes.max()}, seed {seed}"
    train, chosen, held = (np.flatnonzero(roles == role) for role in (0, 1, 2))
    if not len(train) or (need[2] == wanted and wanted):
        raise DataError(
            Problem(
                "data.split",
                f"{found}: no cluster fits the test part",
                "smaller clusters (raise data.split.similarity)",
            )
        )
    return Split(train, chosen, held, f"by cluster ({found})")


def predefined_split(
    role: Sequence[str], strata: np.ndarray | None, validation: float, labels: int | None, seed: int
) -> Split:
    """The parts the file itself names; a validation part is drawn from train where it names none."""
    roles = np.array(role)
    train, chosen, held = (np.flatnonzero(roles == name) for name in ("train", "validation", "test"))
    if not len(train) or not len(held):
        raise DataError(
            Problem(
                "data.split.by: predefined",
                f"{len(train)} train and {len(held)} test records",
                "a set column (or SET= field) with both",
            )
        )
    note = "as the file says"
    if unnamed := len(roles) - len(train) - len(chosen) - len(held):
        note += f", {unnamed} records that it gives no part left out"
    if labels is not None:
        if labels > len(train):
            raise DataError(Problem("data.split.n_labelled", f"{len(train)} training records", f"at least {labels}"))
        train = _draw(train, labels, strata, seed + 1)[1]
        note += f", {labels} of its training records (seed {seed})"
    if not len(chosen) and validation:
        train, chosen = _draw(train, amount(validation, len(train)), strata, seed)
        note += f", validation drawn from train (seed {seed})"
    return Split(train, chosen, held, note)


def group_split(
    group: Sequence[str],
    left_out: str | None,
    strata: np.ndarray | None,
    validation: float,
    labels: int | None,
    seed: int,
) -> Split:
    """One group is the test part; validation is drawn from the others, in proportion to class and group.

    labels: records in all for training and validation, as many of each class and group as can be.
    """
    groups = sorted(set(group))
    if left_out not in groups:
        found = "no group named" if left_out is None else repr(left_out)
        raise DataError(
            Problem(
                "data.split.held_out_group", found, f"one of {', '.join(groups[:12])}", nearest(left_out or "", groups)
            )
        )
    names = np.array(group)
    classes = np.zeros(len(names), np.int64) if strata is None else strata
    both = np.unique(np.stack([classes, np.searchsorted(groups, names)]), axis=1, return_inverse=True)[1].ravel()
    held, rest = np.flatnonzero(names == left_out), np.flatnonzero(names != left_out)
    if labels is not None:
        if labels > len(rest):
            raise DataError(
                Problem("data.split.n_labelled", f"{len(rest)} records of other groups", f"at least {labels}")
            )
        rest = _draw(rest, labels, _finest(both, strata, rest, labels), seed + 1)[1]
    count = amount(validation, len(rest))
    train, chosen = _draw(rest, count, _finest(both, strata, rest, count), seed + 2)
    return Split(train, chosen, held, f"{left_out} left out of {len(groups)} groups (seed {seed})")


def _finest(both: np.ndarray, strata: np.ndarray | None, index: np.ndarray, count: int) -> np.ndarray | None:
    """Class and group together where a draw of `count` can hold one of each, else the class alone."""
    return both if count >= len(np.unique(both[index])) else strata


def fold_split(strata: np.ndarray | None, n: int, folds: int, fold: int, validation: float, seed: int) -> Split:
    """Fold `fold` of `folds` is the test part; validation is drawn from the others."""
    if not 0 <= fold < folds:
        raise RecipeError(Problem("data.split.fold", str(fold), f"0 to {folds - 1} (data.split.folds is {folds})"))
    by = strata if strata is not None else np.zeros(n, dtype=int)
    counts = np.bincount(by)
    if strata is not None and counts[counts > 0].min() < folds:
        by = np.zeros(n, dtype=int)
    parts = list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(np.zeros(n), by))
    rest, held = parts[fold]
    train, chosen = _draw(rest, amount(validation, len(rest)), strata, seed + 2)
    return Split(train, chosen, held, f"fold {fold} of {folds} (seed {seed})")

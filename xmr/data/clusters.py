"""Sequences that resemble each other: clusters of them, and how many of one part have a near copy in another."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix, diags
from scipy.sparse.csgraph import connected_components

from xmr.errors import DataError, Problem, RecipeError

BLOCK = 512  # sequences that are compared with all others at a time
PROTEIN_K = 3  # letters of the k-mers by which proteins are compared
TESTED, LEARNED = 500, 10_000  # records of the test and the training part that are compared at most
LETTERS = 4_000_000  # of all of these
PAIRS = 3e8  # pairs of equal k-mers that are looked at


def clusters_of(sequences: Sequence[str], similarity: float, tool: str, k: int) -> tuple[np.ndarray, str]:
    """Cluster numbers (n,), and the name of what compared the sequences.

    tool: `mmseqs` (MMseqs2), `kmers` (`kmer_clusters`), or `auto`: MMseqs2 if it is on PATH. Raises RecipeError if
    `mmseqs` is requested and not installed.
    """
    there = shutil.which("mmseqs") is not None
    if tool == "mmseqs" and not there:
        raise RecipeError(
            Problem("data.split.tool", "'mmseqs', which is not on PATH", "MMseqs2 installed, or tool: kmers")
        )
    if there and tool != "kmers":
        return mmseqs_clusters(sequences, similarity), "MMseqs2"
    return kmer_clusters(sequences, similarity, k), f"{k}-mer cosine"


def kmer_clusters(sequences: Sequence[str], similarity: float, k: int = PROTEIN_K) -> np.ndarray:
    """Single-linkage clusters of sequences whose k-mer sets have a cosine similarity of at least `similarity`.

    Returns (n,) cluster numbers. By construction, no two sequences of different clusters are that similar.
    """
    kmers = _kmers(sequences, k)
    clusters = np.zeros(len(sequences), dtype=np.int64)
    if kmers.shape[1]:
        clusters = _linked(kmers, 1 - similarity + 1e-9)
    shorter = np.flatnonzero(np.diff(kmers.indptr) == 0)
    if len(shorter):  # too short for a single k-mer: equal texts only
        _, groups = np.unique(np.array(sequences, dtype=object)[shorter].astype(str), return_inverse=True)
        clusters[shorter] = clusters.max() + 1 + groups
    return clusters


def near_fraction(
    tested: Sequence[str], learned: Sequence[str], similarity: float, k: int = PROTEIN_K
) -> tuple[float, bool]:
    """The fraction of `tested` with a sequence in `learned` at a k-mer cosine of at least `similarity`, and whether all
    were compared: of many or long sequences an even choice is, so that it takes a few seconds at most.
    """
    letters = sum(map(len, tested)) + sum(map(len, learned))
    fraction = min(1.0, LETTERS / max(1, letters))
    parts = [
        list(part[:: max(1, -(-len(part) // max(1, int(most * fraction))))])
        for part, most in ((tested, TESTED), (learned, LEARNED))
    ]
    kmers = _kmers([*parts[0], *parts[1]], k)
    ours, theirs = kmers[: len(parts[0])], kmers[len(parts[0]) :]
    pairs = float(np.diff(ours.tocsc().indptr).astype(float) @ np.diff(theirs.tocsc().indptr))
    ours = ours[:: max(1, round(pairs / PAIRS))]
    near = [
        (ours[begin : begin + BLOCK] @ theirs.T).max(axis=1).toarray().ravel()
        for begin in range(0, ours.shape[0], BLOCK)
    ]
    whole = ours.shape[0] == len(tested) and len(parts[1]) == len(learned)
    return float((np.concatenate(near) >= similarity - 1e-9).mean()), whole


def _kmers(sequences: Sequence[str], k: int) -> csr_matrix:
    """The set of k-mers of each sequence as a unit vector, (n, distinct k-mers); a letter counts as one byte."""
    flat = np.frombuffer("".join(sequences).encode("latin-1", "replace"), np.uint8)
    row = np.repeat(np.arange(len(sequences)), [len(text) for text in sequences])
    count = max(0, len(flat) - k + 1)
    code = np.zeros(count, dtype=np.int64)
    for place in range(k):
        code = (code << 8) | flat[place : place + count]
    whole = row[:count] == row[k - 1 : k - 1 + count]
    distinct, column = np.unique(code[whole], return_inverse=True)
    held = csr_matrix((np.ones(len(column)), (row[:count][whole], column)), (len(sequences), len(distinct)))
    held.sum_duplicates()
    held.data[:] = 1.0
    norm = np.sqrt(np.maximum(1, np.diff(held.indptr)))
    return csr_matrix(diags(1 / norm) @ held)


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

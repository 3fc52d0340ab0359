"""Splits are disjoint, complete, seeded, and keep near-copies on one side."""

import shutil
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.neighbors import NearestNeighbors

from xmr.data.clusters import clusters_of, kmer_clusters, mmseqs_clusters, near_fraction
from xmr.data.skew import skew
from xmr.data.splits import (
    Split,
    cluster_split,
    few_shot,
    fold_split,
    limited,
    predefined_split,
    random_split,
)
from xmr.errors import DataError, RecipeError


def parts_of(split):
    return [split.train, split.validation, split.test]


def assert_partition(split, n):
    everything = np.concatenate(parts_of(split))
    assert len(everything) == len(set(everything.tolist())) <= n


@settings(max_examples=60, deadline=None)
@given(st.integers(10, 200), st.floats(0.05, 0.5), st.floats(0, 0.4), st.integers(0, 5))
def test_random(n, test, validation, seed):
    strata = np.arange(n) % 2
    split = random_split(strata, n, test, validation, None, seed)
    assert_partition(split, n)
    assert sum(map(len, parts_of(split))) == n
    assert len(split.test) == round(test * n)
    if len(split.test) > 1:
        assert abs(strata[split.test].mean() - 0.5) <= 1 / len(split.test)
    again = random_split(strata, n, test, validation, None, seed)
    assert all(np.array_equal(a, b) for a, b in zip(parts_of(split), parts_of(again)))


def test_a_budget_of_labels_holds_validation_too():
    split = random_split(np.arange(1000) % 2, 1000, 500, 40, 200, 3)
    assert (len(split.train), len(split.validation), len(split.test)) == (160, 40, 500)
    with pytest.raises(DataError, match="at least 600"):
        random_split(None, 1000, 500, 0, 600, 0)


def _families(rng, count):
    texts = []
    for _ in range(count):
        parent = "".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), size=25))
        for _ in range(int(rng.integers(1, 5))):
            child = list(parent)
            child[int(rng.integers(25))] = "W"
            texts.append("".join(child))
    return texts


@pytest.mark.parametrize("strata", [None, np.arange(100) % 4 == 0])
def test_a_budget_keeps_the_parts_of_any_split(strata):
    classes = None if strata is None else strata.astype(int)
    whole = fold_split(classes, 100, 5, 1, 0.25, 0)
    assert limited(whole, None, classes, 0) is whole
    small = limited(whole, 20, classes, 0)
    assert (len(small.train), len(small.validation)) == (15, 5)
    assert set(small.train) <= set(whole.train)
    assert set(small.validation) <= set(whole.validation)
    assert np.array_equal(small.test, whole.test)
    assert "20 labels in all" in small.how
    if classes is not None:
        assert classes[small.train].sum() == pytest.approx(15 / 4, abs=1)
    with pytest.raises(DataError, match="found 80 records outside the test set; expected at least 81"):
        limited(whole, 81, classes, 0)


def test_no_near_copy_sits_on_both_sides():
    texts = _families(np.random.default_rng(0), 60)
    split = cluster_split(kmer_clusters(texts, 0.4), None, 0.2, 0.1, 1, "3-mer cosine >= 0.4")
    assert_partition(split, len(texts))
    assert abs(len(split.test) / len(texts) - 0.2) < 0.05
    grams = CountVectorizer(analyzer="char", ngram_range=(3, 3), binary=True, lowercase=False).fit_transform(texts)
    likeness = cosine_similarity(grams)
    for one, other in (
        (split.train, split.test),
        (split.train, split.validation),
        (split.validation, split.test),
    ):
        assert likeness[np.ix_(one, other)].max() < 0.4


def test_sequences_too_short_for_a_kmer():
    clusters = kmer_clusters(["A", "AC", "A", "ACDEF", "ACDEF"], 0.5)
    assert clusters[0] == clusters[2] != clusters[1]
    assert clusters[3] == clusters[4]


@pytest.mark.skipif(shutil.which("mmseqs") is not None, reason="MMseqs2 is on PATH")
def test_a_tool_that_is_not_there():
    with pytest.raises(RecipeError, match="tool: kmers"):
        clusters_of(["ACDEF", "GHIKL"] * 4, 0.4, "mmseqs", 3)


def test_one_giant_cluster_is_said():
    with pytest.raises(DataError, match="no cluster fits"):
        cluster_split(np.zeros(20, int), None, 0.2, 0.0, 0, "3-mer cosine >= 0.4")


def test_clusters_are_chosen_so_that_classes_keep_their_fractions():
    """60 families, of which one in four is of the rare class; one family of 30 does not fit in."""
    sizes = np.random.default_rng(0).integers(1, 8, 60)
    clusters = np.repeat(np.arange(61), [*sizes, 30])
    strata = (clusters % 4 == 0).astype(int)
    for seed in range(5):
        split = cluster_split(clusters, strata, 0.25, 0.2, seed, "hand")
        assert_partition(split, len(clusters))
        assert not set(clusters[split.test]) & set(clusters[split.train])
        for part in (split.test, split.validation):
            assert strata[part].mean() == pytest.approx(strata.mean(), abs=0.07)
        assert len(split.test) == pytest.approx(0.25 * len(clusters), abs=5)


def test_folds_of_whole_groups():
    groups = np.repeat(np.arange(20), 5)
    strata = groups % 2
    held = []
    for fold in range(5):
        split = fold_split(strata, 100, 5, fold, 0.2, 0, groups)
        assert_partition(split, 100)
        parts = [set(groups[part]) for part in parts_of(split)]
        assert not parts[0] & parts[1]
        assert not parts[0] & parts[2]
        assert not parts[1] & parts[2]
        assert len(split.validation) == pytest.approx(16, abs=4)
        assert strata[split.test].mean() == 0.5
        held.append(split.test)
    assert sorted(np.concatenate(held).tolist()) == list(range(100))
    with pytest.raises(RecipeError, match=r"data\.split\.folds: found 21 of 20 groups; expected at most 20"):
        fold_split(strata, 100, 21, 0, 0.2, 0, groups)


def test_near_copies_by_hand(monkeypatch):
    learned = ["ACDEFGHIKL", "MNPQRSTVWY"]
    tested = ["ACDEFGHIKW", "WWWWWWWWWW", "MNPQRSTVWY", "AC"]
    assert near_fraction(tested, learned, 0.4) == (0.5, True)  # 7 of 8 3-mers; all; none
    assert near_fraction(tested, learned, 7 / 8) == (0.5, True)
    assert near_fraction(tested, learned, 0.9) == (0.25, True)
    monkeypatch.setattr("xmr.data.clusters.TESTED", 2)
    assert near_fraction(tested, learned, 0.4) == (1.0, False)  # the first and the third
    assert near_fraction(["", "A"], ["", "C"], 0.4) == (0.0, True)


def test_near_copies_take_seconds_for_many_variants():
    rng = np.random.default_rng(0)
    base = rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), 265)
    texts = []
    for place in rng.integers(0, 265, 20_000):
        texts.append("".join([*base[:place], "W", *base[place + 1 :]]))
    started = time.process_time()
    assert near_fraction(texts[:4000], texts[4000:], 0.4) == (1.0, False)
    assert time.process_time() - started < 10


def test_column():
    role = ["train"] * 10 + ["test"] * 3 + ["validation"] * 2
    split = predefined_split(role, None, 0.1, None, 0)
    assert [len(part) for part in parts_of(split)] == [10, 2, 3]
    drawn = predefined_split(role[:13], None, 0.2, None, 0)
    assert [len(part) for part in parts_of(drawn)] == [8, 2, 3]
    with pytest.raises(DataError, match="0 test"):
        predefined_split(["train"] * 4, None, 0, None, 0)
    assert len(predefined_split(role[:13], None, 0, 3, 0).train) == 3
    assert "2 records without a split are not used" in predefined_split([*role, "", ""], None, 0, None, 0).how
    with pytest.raises(DataError, match=r"data\.split\.n_labelled: found .* training records; expected at least 500"):
        predefined_split(role[:13], None, 0, 500, 0)


def test_folds_cover_every_record_once():
    strata = np.arange(53) % 2
    tests = [fold_split(strata, 53, 5, fold, 0.1, 0).test for fold in range(5)]
    assert sorted(np.concatenate(tests).tolist()) == list(range(53))
    with pytest.raises(RecipeError, match="0 to 4"):
        fold_split(strata, 53, 5, 5, 0.1, 0)


@pytest.mark.skipif(shutil.which("mmseqs") is None, reason="MMseqs2 is not on PATH")
def test_mmseqs_finds_the_families():
    texts = _families(np.random.default_rng(0), 12)
    clusters = mmseqs_clusters(texts, 0.5)
    ours = kmer_clusters(texts, 0.4)
    assert len(set(clusters.tolist())) == len(set(ours.tolist())) == 12
    assert all(len(set(clusters[ours == c].tolist())) == 1 for c in set(ours.tolist()))


@pytest.mark.parametrize("similarity", [0.3, 0.5, 0.8])
def test_clusters_by_blocks_are_those_of_all_at_once(similarity, monkeypatch):
    rng = np.random.default_rng(0)
    texts = ["", "AB", *("".join(rng.choice(list("ACD"), rng.integers(1, 9))) for _ in range(200))]
    kmers = CountVectorizer(analyzer="char", ngram_range=(3, 3), binary=True, lowercase=False).fit_transform(texts)
    whole = np.flatnonzero(np.asarray(kmers.sum(axis=1)).ravel())
    near = NearestNeighbors(radius=1 - similarity + 1e-9, metric="cosine").fit(kmers[whole]).radius_neighbors_graph()
    expected = connected_components(near, directed=False)[1]
    monkeypatch.setattr("xmr.data.clusters.BLOCK", 17)
    _, found = np.unique(kmer_clusters(texts, similarity)[whole], return_inverse=True)
    assert np.array_equal(found, expected)
    assert kmer_clusters(["A", "AC", "A"], 0.5).tolist() == [1, 2, 1]


def test_clusters_need_memory_for_a_block_alone(monkeypatch):
    monkeypatch.setattr("xmr.data.clusters.BLOCK", 32)
    texts = ["ACDEFGHIKL" * 20 + letter for letter in "ACDEFGHIKLMNPQRSTVWY" * 100]
    tracemalloc.start()
    assert len(set(kmer_clusters(texts, 0.4))) == 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30e6  # all pairs would be 48 MB and more


def test_classes_of_one_record_do_not_empty_the_parts():
    """Numbers rounded to classes: 16 classes of one record and one of four; each may be tested."""
    strata = np.array([0] * 4 + [*range(1, 17)])
    split = cluster_split(np.arange(20), strata, 0.2, 0.125, 0, "hand")
    assert [len(part) for part in (split.train, split.validation, split.test)] == [14, 2, 4]
    split = cluster_split(np.repeat(np.arange(3), [18, 1, 1]), None, 0.1, 0.5, 0, "hand")
    assert split.how.endswith("; the validation part has 0 records where 9 were asked for")


def test_a_skewed_split_says_so():
    names, strata = ["a", "b", "c"], np.array([0] * 50 + [1] * 50 + [2] * 4)
    alike = Split(np.arange(0, 100, 2), np.zeros(0, int), np.arange(1, 100, 2), "")
    assert skew(alike, strata, names[:2], 50) == []
    apart = Split(np.r_[0:50, 60:80], np.zeros(0, int), np.r_[80:104], "")
    assert skew(apart, strata, names, 40) == [
        "the test part has 24 records where 40 were asked for",
        "a makes up 71% of training and 0% of test",
        "no test record is of a",
        "no training record is of c",
    ]
    assert skew(apart, None, [], None) == []


def test_shots_of_every_class():
    strata = np.array([0] * 30 + [1] * 10)
    split = Split(np.arange(38), np.array([38]), np.array([39]), "random")
    found = few_shot(split, strata, 4, seed=0)
    assert np.bincount(strata[found.train]).tolist() == [4, 4]
    assert found.how == "random; 4 training records per class"
    assert np.array_equal(few_shot(split, strata, 4, seed=0).train, found.train)
    assert not np.array_equal(few_shot(split, strata, 4, seed=1).train, found.train)
    with pytest.raises(
        DataError, match=r"data\.split\.shots: found a class of 8 training records; expected at least 9"
    ):
        few_shot(split, strata, 9, seed=0)
    with pytest.raises(DataError, match="without classes"):
        few_shot(split, None, 2, seed=0)

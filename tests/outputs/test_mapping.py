"""Counted mappings beside slow references written from their definitions, on random and adversarial counts."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tiny import tiny_source
from xmr.core.kinds import SymbolBatch
from xmr.core.spaces import TokenFeatures
from xmr.errors import RecipeError
from xmr.outputs.learned import LearnedMapping, VocabularyLinear
from xmr.outputs.mapping import (
    BayesianPlusMapping,
    FrequentMapping,
    IterativeMapping,
    RandomMapping,
    assign,
    bayesian,
    count,
    random_groups,
    soft_count,
)


def slow_assign(counts, size):
    d = {(s, t): counts[s][t] for s in range(len(counts)) for t in range(len(counts[0]))}
    groups = [[] for _ in counts[0]]
    while any(len(group) < size for group in groups):
        s, t = max(d, key=lambda cell: (d[cell], -cell[0], -cell[1]))
        groups[t].append(s)
        d = {cell: v for cell, v in d.items() if cell[0] != s and not (cell[1] == t and len(groups[t]) == size)}
    return groups


def slow_bayesian(counts, smoothing):
    rows = [[v / (sum(row) + smoothing) if sum(row) + smoothing else 0.0 for v in row] for row in counts]
    mass = [sum(row[t] for row in rows) for t in range(len(rows[0]))]
    return [[row[t] / mass[t] if mass[t] else 1 / len(rows) for t in range(len(row))] for row in rows]


matrices = st.integers(2, 4).flatmap(
    lambda k: st.lists(st.lists(st.integers(0, 4), min_size=k, max_size=k), min_size=2 * k, max_size=9)
)


@settings(max_examples=60, deadline=None)
@given(matrices, st.integers(1, 2))
def test_assign_equals_its_definition(counts, size):
    assert assign(torch.tensor(counts), size).tolist() == slow_assign(counts, size)


@settings(max_examples=60, deadline=None)
@given(matrices, st.sampled_from([0.0, 0.5, 1.0]))
def test_bayesian_equals_its_definition(counts, smoothing):
    omega = bayesian(torch.tensor(counts), smoothing)
    assert torch.allclose(omega, torch.tensor(slow_bayesian(counts, smoothing)), atol=1e-6)
    assert torch.allclose(omega.sum(dim=0), torch.ones(len(counts[0])), atol=1e-5)


def test_silent_source_class_and_empty_target():
    omega = bayesian(torch.tensor([[3, 0], [0, 0], [1, 0]]), 1.0)
    assert omega[1, 0] == 0  # a silent class speaks for nothing
    assert torch.allclose(omega[:, 1], torch.full((3,), 1 / 3))  # a target without counts: evenly
    # by hand: 3/4 and 1/2, column sum 5/4
    assert torch.allclose(omega[:, 0], torch.tensor([0.6, 0.0, 0.4]))


def test_count_and_soft_count():
    answers, labels = torch.tensor([0, 2, 2, 1]), torch.tensor([0, 1, 1, 0])
    assert count(answers, labels, 3, 2).tolist() == [[1, 0], [1, 0], [0, 2]]
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3]]))
    got = soft_count(logits, torch.tensor([1, 0]), 2, 2)
    assert torch.allclose(got, torch.tensor([[0.0, 0.5], [0.6, 0.3], [0.3, 0.0]]), atol=1e-6)


@pytest.mark.parametrize("classes", [2, 3, 6, 7])
def test_bayesian_plus_with_few_classes(classes, generator):
    """Published code takes int(0.15 K), which is 0 up to six classes and gives NaN."""
    mapping = BayesianPlusMapping().build(tiny_source(), classes, None, generator)
    count = mapping.count(torch.randn(8, mapping.counts.shape[0], generator=generator), torch.arange(8) % classes)
    top = max(1, math.ceil(0.15 * classes))
    assert int((count > 0).sum(dim=0).max()) <= top * 8
    assert count.sum() > 0
    mapping.counts += count
    mapping.compute()
    assert bool(torch.isfinite(mapping.omega).all())


def test_random_groups_are_disjoint_and_not_a_prefix():
    groups = random_groups(40, 4, 3, torch.Generator().manual_seed(1))
    assert len(set(groups.reshape(-1).tolist())) == 12
    assert groups.reshape(-1).tolist() != list(range(12))


def test_group_of_several_is_the_mean_of_probabilities(generator):
    mapping = RandomMapping(size=2).build(tiny_source(), 2, None, generator)
    mapping.groups.copy_(torch.tensor([[0, 1], [2, 3]]))
    logits = torch.full((1, mapping.counts.shape[0]), -1e9)
    logits[0, :4] = torch.log(torch.tensor([0.1, 0.3, 0.2, 0.4]))
    assert torch.allclose(mapping.map(logits).exp(), torch.tensor([[0.2, 0.3]]), atol=1e-6)


def test_more_targets_than_source_classes(generator):
    source = tiny_source()
    with pytest.raises(RecipeError, match=str(source.classes)):
        RandomMapping(size=10).build(source, 20, None, generator)


def _answer(source, rows, generator):
    hidden = torch.randn(rows, 4, source.hidden_width, generator=generator)
    mask = torch.ones(rows, 4, dtype=torch.bool)
    return TokenFeatures(hidden, mask, 0, 4), SymbolBatch(torch.zeros(rows, 4, dtype=torch.long), mask, True)


@pytest.mark.parametrize("kind", [FrequentMapping, IterativeMapping])
def test_counts_come_from_the_training_forward(kind, generator):
    source = tiny_source()
    mapping = kind().build(source, 2, None, generator).train()
    answer, encoded = _answer(source, 12, generator)
    labels = torch.arange(12) % 2
    mapping(answer, encoded, source)
    mapping.update(labels)
    expected = count(source.answers(answer.hidden.mean(1)).argmax(1), labels, source.classes, 2)
    assert torch.equal(mapping.counts, expected.double())
    mapping.compute()
    assert torch.equal(mapping.groups, assign(expected))
    first = mapping.groups.clone()
    mapping(_answer(source, 12, generator)[0], encoded, source)
    mapping.update(1 - labels)
    mapping.on_epoch()
    assert torch.equal(first, mapping.groups) == (kind is FrequentMapping)


def test_evaluation_is_not_counted(generator):
    source = tiny_source()
    mapping = IterativeMapping().build(source, 2, None, generator).eval()
    answer, encoded = _answer(source, 4, generator)
    mapping(answer, encoded, source)
    mapping.update(torch.zeros(4, dtype=torch.long))
    assert mapping.counts.sum() == 0


def test_learned_mapping_by_hand(generator):
    source = tiny_source()
    mapping = LearnedMapping(hardness=2.0).build(source, 3, None, generator)
    answer, encoded = _answer(source, 2, generator)
    p = torch.softmax(source.answers(answer.hidden.mean(1)), 1)
    expected = torch.log(p @ torch.softmax(mapping.weight, 1))
    got = mapping(answer, encoded, source)
    assert torch.allclose(got, expected, atol=1e-5)
    assert torch.allclose(got.exp().sum(1), torch.ones(2), atol=1e-5)
    rows = torch.softmax(mapping.weight, 1)
    assert torch.allclose(mapping.regularization(), 2 * -(rows * rows.log()).sum(1).mean(), atol=1e-5)


@pytest.mark.parametrize("kind", ["bert", "bert_body"])
def test_gamma_folds(kind, generator):
    """h (Gamma W_dec)^T equals Gamma applied to the source's logits without its bias."""
    source = tiny_source(kind)
    output = VocabularyLinear().build(source, 2, None, generator)
    answer, encoded = _answer(source, 3, generator)
    h = source.pre_classifier(answer.hidden.mean(1))
    slow = (h @ source.classifier_weight().T) @ output.gamma.T
    assert torch.allclose(output(answer, encoded, source), slow, atol=1e-5)


def test_optimal_equals_trying_every_assignment():
    from itertools import permutations

    from xmr.outputs.mapping import optimal

    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        counts = torch.randint(0, 5, (5, 3), generator=generator)
        groups = optimal(counts).reshape(-1).tolist()
        got = sum(int(counts[s, t]) for t, s in enumerate(groups))
        best = max(sum(int(counts[s, t]) for t, s in enumerate(chosen)) for chosen in permutations(range(5), 3))
        assert got == best
        assert len(set(groups)) == 3
    two = optimal(torch.tensor([[9, 0], [8, 7], [0, 6], [5, 5], [0, 0]]), 2)
    assert sorted(two[0].tolist()) == [0, 1] or sorted(two[0].tolist()) == [0, 3]
    assert len(set(two.reshape(-1).tolist())) == 4


def test_optimal_is_never_worse_than_greedy():
    from xmr.outputs.mapping import optimal

    counts = torch.tensor([[10, 9], [9, 0], [0, 0]])  # greedy takes 10 + 0, the best is 9 + 9
    assert assign(counts).reshape(-1).tolist() == [0, 1]
    assert optimal(counts).reshape(-1).tolist() == [1, 0]


def test_similarity_by_hand(generator):
    from tests.tiny import tiny_vision
    from xmr.core.kinds import ImageBatch
    from xmr.core.spaces import PooledFeatures
    from xmr.outputs.mapping import SimilarityMapping, cosines

    classes, means = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]]), torch.tensor([[2.0, 0.0], [0.0, 2.0]])
    # centered: classes are already (sum zero); means become (1, -1) and (-1, 1)
    by_hand = torch.tensor([[1.0, -1.0], [-1.0, 1.0], [0.0, 0.0]]).double() / 2**0.5
    assert torch.allclose(cosines(classes, means), by_hand)
    source = tiny_vision()
    mapping = SimilarityMapping(size=2).build(source, 3, None, generator).train()
    features = torch.randn(9, source.hidden_width, generator=generator)
    labels = torch.arange(9) % 2  # no example of class 2
    mapping(PooledFeatures(features), ImageBatch(torch.zeros(9, 1, 2, 2)), source)
    mapping.update(labels)
    mapping.compute()
    expected = cosines(
        source.classifier_weight(),
        torch.stack([features[labels == 0].mean(0), features[labels == 1].mean(0), torch.zeros(source.hidden_width)]),
    )
    order = {(s, t): float(expected[s, t]) for s in range(source.classes) for t in (0, 1)}
    groups = [[], [], []]
    for s, t in sorted(order, key=lambda cell: -order[cell]):
        if len(groups[t]) < 2 and s not in groups[0] + groups[1]:
            groups[t].append(s)
    groups[2] = [s for s in range(source.classes) if s not in groups[0] + groups[1]][:2]
    assert mapping.groups.tolist() == groups
    assert torch.allclose(mapping.mapping().sum(dim=0), torch.ones(3))


@pytest.mark.parametrize("every", [1, 2, 3])
def test_update_every(every, generator):
    """Remade after every k-th epoch, from the counts of that epoch alone."""
    source = tiny_source()
    mapping = IterativeMapping(update_every=every).build(source, 2, None, generator).train()
    mapping.ready.fill_(True)
    changed = []
    for epoch in range(6):
        before = mapping.groups.clone()
        answer, encoded = _answer(source, 12, generator)
        mapping(answer, encoded, source)
        labels = (torch.arange(12) + epoch) % 2
        mapping.update(labels)
        expected = assign(count(source.answers(answer.hidden.mean(1)).argmax(1), labels, source.classes, 2))
        mapping.on_epoch()
        due = (epoch + 1) % every == 0
        assert torch.equal(mapping.groups, expected if due else before)
        changed.append(due)
        assert mapping.counts.sum() == 0
    assert sum(changed) == 6 // every


def test_the_mapping_of_a_thousand_classes_is_quick_and_right():
    """1,000 source classes, 397 targets, 20,000 examples: equal to the walk over every cell (speed: make bench)."""
    generator = torch.Generator().manual_seed(0)
    answers = (torch.randn(20_000, generator=generator).abs() * 150).long().clamp(max=999)
    labels = torch.randint(0, 397, (20_000,), generator=generator)
    counts = count(answers, labels, 1000, 397)
    order = torch.sort(counts.reshape(-1), descending=True, stable=True).indices.tolist()
    groups, taken = {}, set()
    for cell in order:
        s, t = divmod(cell, 397)
        if s not in taken and t not in groups:
            groups[t] = s
            taken.add(s)
    assert assign(counts).reshape(-1).tolist() == [groups[t] for t in range(397)]


def test_fewer_source_classes_than_targets(generator):
    """Bayesian maps are many-to-many, so they are defined; groups are disjoint, so they are refused."""
    from tests.tiny import tiny_vision
    from xmr.core.kinds import ImageBatch
    from xmr.core.spaces import PooledFeatures
    from xmr.outputs.mapping import BayesianMapping

    source = tiny_vision(labels=4)
    for kind in (BayesianMapping, BayesianPlusMapping):
        mapping = kind().build(source, 9, None, generator).train()
        features = torch.randn(18, source.hidden_width, generator=generator)
        mapping(PooledFeatures(features), ImageBatch(torch.zeros(18, 1, 2, 2)), source)
        mapping.update(torch.arange(18) % 9)
        mapping.compute()
        assert bool(torch.isfinite(mapping.omega).all())
        assert torch.allclose(mapping.omega.sum(dim=0), torch.ones(9), atol=1e-5)
    for kind in (RandomMapping, FrequentMapping, IterativeMapping):
        with pytest.raises(RecipeError, match="9 source classes needed; expected at most the source's 4"):
            kind(size=1).build(source, 9, None, generator)


def test_one_class_per_word_by_hand():
    """Yen et al.: rows (1, 0), (0, 1), (-1, 0), means (.9, .1), (.1, .9): each word its own class, the third free."""
    from xmr.outputs.mapping import cosines

    alike = cosines(torch.tensor([[1.0, 0], [0, 1], [-1, 0]]), torch.tensor([[0.9, 0.1], [0.1, 0.9]]))
    assert alike[:, 0].tolist() == pytest.approx([0.894, -0.707, -0.447], abs=1e-3)
    assert assign(alike + 2).reshape(-1).tolist() == [0, 1]

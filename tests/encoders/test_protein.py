"""Every character of a protein file by its stated rule; windows that lose nothing."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from xmr.core.kinds import SymbolBatch, SymbolSet
from xmr.core.kinds.symbols import plan_rows
from xmr.data.amino_acids import blosum_softmax
from xmr.data.records import Records
from xmr.encoders.protein import AMINO_ACIDS, PROTEIN, ProteinEncoder
from xmr.errors import DataError


def ids(text, **options):
    batch = ProteinEncoder(**options).encode(Records.of([text])).batch(np.array([0]))
    return [PROTEIN.symbols[i] for i in batch.ids[0]]


def bound(limit, length):
    encoder = ProteinEncoder(max_length=limit, length=length)
    encoder.configure(100)
    return encoder


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("acDE", "ACDE"),
        ("A-C.D", "ACD"),
        ("ACD*", "ACD"),
        ("ACD*--", "ACD"),
        ("ABZJXUO", "ABZJXUO"),
        ("A C", "AC"),
    ],
)
def test_rules(text, read):
    assert "".join(ids(text)) == read


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A*C", "stop '*' inside the sequence at position 2"),
        ("AC1D", "'1' at position 3"),
        ("ACéD", "'é' at position 3"),
        ("AC中D", "'中' at position 3"),
        ("", "empty"),
        ("--*", "empty"),
        ("A**", "stop"),
    ],
)
def test_what_cannot_be_read(text, message):
    records = Records.of(["ACD", text], file="x.fasta")
    assert message in ProteinEncoder().check(records)[1]
    with pytest.raises(DataError, match=r"x\.fasta:2"):
        ProteinEncoder().encode(records)


def test_ambiguous_can_be_refused():
    assert "ambiguous residue 'B'" in ProteinEncoder(ambiguous="fail").check(Records.of(["ACB"]))[0]


def test_mixtures_are_means():
    mixing = PROTEIN.mixing()
    assert torch.allclose(mixing.sum(dim=1), torch.ones(len(PROTEIN.symbols)))
    b = mixing[PROTEIN.symbols.index("B")]
    assert b[AMINO_ACIDS.index("D")] == b[AMINO_ACIDS.index("N")] == 0.5
    assert mixing[PROTEIN.symbols.index("U")][AMINO_ACIDS.index("C")] == 1
    assert torch.allclose(mixing[PROTEIN.symbols.index("X")], torch.full((20,), 0.05))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 200), min_size=1, max_size=6), st.integers(1, 50), st.floats(0, 0.9))
def test_windows_cover_everything(lengths, limit, overlap):
    lengths = np.array(lengths)
    rows = plan_rows(lengths, limit, overlap)
    for record, length in enumerate(lengths):
        mine = slice(rows.first[record], rows.first[record + 1])
        covered = set()
        for start, n in zip(rows.start[mine], rows.length[mine]):
            assert n <= limit
            covered |= set(range(start, start + n))
        assert covered == set(range(length))
        starts = rows.start[mine]
        if len(starts) > 1:
            assert np.diff(starts).max() <= max(1, limit - int(limit * overlap))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=2, max_size=8), st.randoms(use_true_random=False))
def test_batches_do_not_depend_on_order(lengths, random):
    lengths = np.array(lengths)
    data = SymbolSet(np.arange(lengths.sum()) % 20, lengths, 9, 0.3)
    order = list(range(len(lengths)))
    random.shuffle(order)
    batch = data.batch(np.array(order))
    place = data.align(torch.arange(int(lengths.sum())), np.array(order), -1)
    assert torch.equal(batch.ids[batch.mask], data.flat.long()[place[batch.mask]])
    assert int((place == -1).sum()) == int((~batch.mask).sum())
    if batch.windows is not None:
        total = torch.zeros(len(order)).index_add(0, batch.windows.owner, batch.windows.weight.sum(1))
        assert torch.allclose(total, torch.tensor(lengths[order], dtype=torch.float32), atol=1e-4)


def test_length_policies():
    text = "ACDEFGHIKL"
    assert "10 residues" in bound(4, "fail").check(Records.of([text]))[0]
    truncated = bound(4, "truncate").encode(Records.of([text]))
    assert truncated.lengths.tolist() == [4]
    windowed = bound(4, "window").encode(Records.of([text]))
    assert windowed.windowed
    assert windowed.lengths.tolist() == [10]


def test_variable_columns():
    encoder = ProteinEncoder(aligned=True).fit(Records.of(["ACDE", "ACKE", "GCDE"]))
    assert encoder.kept.tolist() == [0, 2]
    assert encoder.encode(Records.of(["GCKE"])).flat.tolist() == [
        AMINO_ACIDS.index("G"),
        AMINO_ACIDS.index("K"),
    ]
    with pytest.raises(DataError, match="found 'W' at position 2; expected 'C'"):
        encoder.encode(Records.of(["AWDE"]))
    lenient = ProteinEncoder(aligned=True, fixed_columns="ignore").fit(Records.of(["ACDE", "ACKE", "GCDE"]))
    assert torch.equal(lenient.encode(Records.of(["AWDE"])).flat, lenient.encode(Records.of(["ACDE"])).flat)
    with pytest.raises(DataError, match="found 3 residues; expected 4"):
        encoder.encode(Records.of(["ACD"]))
    with pytest.raises(DataError, match="aligned variants"):
        ProteinEncoder(aligned=True).fit(Records.of(["ACDE", "ACK"]))


def test_shuffled_positions_keep_the_composition():
    texts = ["ACDEFGHIKLMN", "WWYYVV"]
    plain = ProteinEncoder().encode(Records.of(texts))
    mixed = ProteinEncoder(shuffle="positions").encode(Records.of(texts))
    assert plain.flat.tolist() != mixed.flat.tolist()
    assert sorted(plain.flat[:12].tolist()) == sorted(mixed.flat[:12].tolist())
    assert mixed.flat.tolist() == ProteinEncoder(shuffle="positions").encode(Records.of(texts)).flat.tolist()


def test_substitution_follows_blosum_and_leaves_the_ambiguous_alone(generator):
    encoder = ProteinEncoder(substitution_rate=0.5)
    batch = encoder.encode(Records.of(["I" * 4000 + "X" * 100])).batch(np.array([0]))
    batch = SymbolBatch(batch.ids[:1], batch.mask[:1])
    drawn = encoder.augment(batch, generator).ids[0]
    ids = batch.ids[0]
    assert torch.equal(drawn[ids >= 20], ids[ids >= 20])
    changed = drawn[ids < 20]
    share = torch.bincount(changed, minlength=20) / len(changed)
    row = blosum_softmax(AMINO_ACIDS)[AMINO_ACIDS.index("I")]
    expected = 0.5 * row
    expected[AMINO_ACIDS.index("I")] += 0.5
    assert torch.allclose(share, expected, atol=0.03)
    assert ProteinEncoder().augment(batch, generator) is batch


def test_a_part_without_variants_has_no_columns_either():
    """A recipe without a validation part: its baselines ask for the columns of no record."""
    made = ProteinEncoder(aligned=True).fit(Records.of(["ACDE", "AGDE"]))
    assert made.varying([]) == []
    assert made.varying(["AGDE"]) == ["G"]

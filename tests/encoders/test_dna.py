import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from xmr.core.component import check_section, create
from xmr.core.registry import ENCODERS
from xmr.data.records import Records
from xmr.encoders.dna import BASES, CODES
from xmr.errors import DataError, RecipeError

PAIRS = {"A": "T", "T": "A", "C": "G", "G": "C"}


def encoder(limit=64, **settings):
    made = create(ENCODERS, check_section("encoder", {"name": "dna", **settings}, "test"))
    made.configure(limit)
    return made


def letters(made, texts, records=None):
    batch = made.encode(Records.of(texts)).batch(np.arange(len(texts)) if records is None else records)
    symbols = made.spec.symbols
    return [[symbols[i] for i in row[keep]] for row, keep in zip(batch.ids, batch.mask)]


def test_nucleotides_case_gaps_and_ambiguity():
    assert letters(encoder(), ["acg-U n", "RY"]) == [list("ACGTN"), list("RY")]
    mixing = encoder().spec.mixing()
    row = mixing[CODES.index("D")]
    assert row.tolist() == pytest.approx([1 / 3, 0, 1 / 3, 1 / 3])


def test_kmers_by_hand():
    assert letters(encoder(k=3), ["ACGTA"]) == [["ACG", "CGT", "GTA"]]
    assert letters(encoder(k=3, stride=2), ["ACGTA"]) == [["ACG", "GTA"]]
    assert letters(encoder(k=3, stride=3), ["ACGTAC"]) == [["ACG", "TAC"]]
    assert letters(encoder(k=2), ["ANGT", "GG"]) == [["?", "?", "GT"], ["GG"]]
    assert letters(encoder(stride=2), ["ACGTA"]) == [list("AGA")]
    assert len(encoder(k=6).spec.letters) == 4096
    share = encoder(k=2).spec.blends()
    assert share.shape == (1, 16)
    assert torch.allclose(share, torch.full((1, 16), 1 / 16))


def test_both_strands_are_rows_of_one_record():
    made = encoder(strands="both")
    batch = made.encode(Records.of(["AACG", "T"])).batch(np.array([0, 1]))
    assert batch.windows.owner.tolist() == [0, 0, 1, 1]
    assert letters(made, ["AACG", "T"]) == [list("AACG"), list("CGTT"), ["T"], ["A"]]
    assert letters(encoder(strands="both"), ["RN"]) == [list("RN"), list("NY")]
    assert float(batch.windows.weight.sum()) == pytest.approx(10)
    windowed = encoder(limit=3, strands="both")
    assert letters(windowed, ["ACGTT"]) == [list("ACG"), list("GTT"), list("AAC"), list("CGT")]
    data = made.encode(Records.of(["AACG"]))
    with pytest.raises(DataError, match="strands"):
        data.align(torch.zeros(4), np.array([0]), 0)


def test_aligned_sequences_have_the_length_of_training():
    made = encoder(aligned=True).fit(Records.of(["ACGT", "ac-gu"]))
    assert made.one_length
    assert not encoder().one_length
    again = encoder(aligned=True).restore(made.state())
    assert again.check(Records.of(["ACGT", "ACG", "ACGTA"]), fitted=True) == {
        1: "found 3 nucleotides; expected 4 as in training (encoder.aligned: true)",
        2: "found 5 nucleotides; expected 4 as in training (encoder.aligned: true)",
    }
    assert encoder(aligned=True).check(Records.of(["ACGT", "ACG", "CCCC"])) == {
        1: "found 3 nucleotides; expected 4 as most have (encoder.aligned: true)"
    }
    assert set(encoder(aligned=True).check(Records.of(["", "--", "", "ACGT", "ACGT"]))) == {0, 1, 2}
    with pytest.raises(DataError, match="training sequences of 3 to 4 nucleotides; expected windows of one length"):
        encoder(aligned=True).fit(Records.of(["ACGT", "ACG"]))
    with pytest.raises(DataError, match="found records of 5 symbols; expected at most 3"):
        encoder(limit=3, aligned=True, k=2).fit(Records.of(["ACGTAC"]))
    with pytest.raises(RecipeError, match=r"encoder\.strands: found 'both' with aligned: true; expected one"):
        encoder(aligned=True, strands="both")


@settings(deadline=None, max_examples=30)
@given(st.lists(st.text(alphabet=BASES, min_size=4, max_size=30), min_size=1, max_size=6), st.sampled_from([1, 2, 4]))
def test_the_reverse_complement_holds_the_same_rows(texts, k):
    made = encoder(k=k, strands="both")
    turned = ["".join(PAIRS[c] for c in reversed(text)) for text in texts]
    one, other = letters(made, texts), letters(made, turned)
    for record in range(len(texts)):
        assert one[2 * record] == other[2 * record + 1]
        assert one[2 * record + 1] == other[2 * record]
    assert made.canonical(Records.of(texts)) == made.canonical(Records.of(turned))


@pytest.mark.parametrize(
    ("settings", "text", "message"),
    [
        ({}, "ACXG", "found 'X' at position 3; expected nucleotides"),
        ({}, "AC\u03b1", "found '\u03b1' at position 3"),
        ({}, "--", "found an empty sequence; expected at least one nucleotide"),
        ({"k": 4}, "ACG", r"found 3 nucleotides; expected at least 4 nucleotides \(encoder.k\)"),
        ({"length": "fail", "max_length": 3}, "ACGT", "found 4 symbols; expected at most 3"),
    ],
)
def test_what_cannot_be_read(settings, text, message):
    made = encoder(**settings)
    assert list(made.check(Records.of(["ACGTA"[: settings.get("max_length", 5)], text]))) == [1]
    with pytest.raises(DataError, match=message):
        made.encode(Records.of([text]))

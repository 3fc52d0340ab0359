"""Symbols end to end: the control that shuffles them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xmr.data.records import Records
from xmr.encoders.dna import DnaEncoder
from xmr.encoders.protein import ProteinEncoder
from xmr.encoders.sequence import shuffled

RECORDS = st.lists(st.lists(st.integers(0, 24), max_size=12), min_size=1, max_size=6)


def shuffle_each(records):
    lengths = np.array([len(record) for record in records])
    flat = np.array([symbol for record in records for symbol in record], dtype=np.int64)
    return np.split(shuffled(flat, lengths), np.cumsum(lengths)[:-1])


@settings(max_examples=100, deadline=None)
@given(RECORDS)
def test_a_shuffled_record_holds_its_own_symbols_and_depends_on_no_other(records):
    together = shuffle_each(records)
    for record, found in zip(records, together):
        assert sorted(found) == sorted(record)
        assert np.array_equal(shuffle_each([record])[0], found)
    for record, found in zip(reversed(records), shuffle_each(records[::-1])):
        assert np.array_equal(shuffle_each([record])[0], found)


def test_records_are_shuffled_in_orders_of_their_own():
    records = [[*range(2, 22), tail] for tail in range(22, 72)]
    places = np.array([list(found).index(2) for found in shuffle_each(records)])
    assert len(set(places)) > 12  # where the first symbol went
    kept = [np.mean(found == record) for record, found in zip(records, shuffle_each(records))]
    assert np.mean(kept) < 0.12  # 1 / 21 stay by chance


@pytest.mark.parametrize("encoder", [ProteinEncoder(), DnaEncoder()])
def test_a_line_break_inside_a_record_is_no_end_of_it(encoder):
    """A quoted cell may hold one; the records behind it keep their own symbols."""
    encoder.configure(50)
    wrong = encoder.check(Records.of(["ACA", "AC\nGA", "CCA\n", "GGA"]))
    assert sorted(wrong) == [1, 2]
    assert "'\\n' at position 3" in wrong[1]
    assert "'\\n' at position 4" in wrong[2]

"""Series: lengths, gaps, scale, channels, windows, and prediction on another length than training's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xmr.core.kinds.signal import hop_of, windows_of
from xmr.data.readers.series import series_records
from xmr.encoders.series import SeriesEncoder
from xmr.errors import DataError

NAN = np.nan


def records(rows, labels=None):
    return series_records([np.atleast_2d(np.array(row, dtype=np.float32)) for row in rows], labels, "memory")


def encoded(encoder, made):
    return encoder.fit(made).encode(made).batch(np.arange(len(made)))


def test_each_channel_of_each_series_has_mean_0_and_deviation_1():
    made = encoded(SeriesEncoder(), records([[[0, 2, 4], [5, 5, 5]], [[1, 1, 4], [0, 10, 20]]]))
    step = 1.2247448  # of 0, 2, 4: deviation sqrt(8/3)
    np.testing.assert_allclose(made.values[0], [[-step, 0, step], [0, 0, 0]], atol=1e-6)  # constant: zeros
    np.testing.assert_allclose(made.values[1, 0], [-0.70710678, -0.70710678, 1.41421356], atol=1e-6)


def test_normalise_by_training_statistics_and_not_at_all():
    train, other = records([[0, 2], [4, 6]]), records([[3, 8], [3, 3]])
    encoder = SeriesEncoder(normalize="train").fit(train)  # mean 3, deviation sqrt 5
    np.testing.assert_allclose(encoder.encode(other).batch(np.arange(2)).values[0, 0], [0, 5 / np.sqrt(5)], atol=1e-6)
    plain = SeriesEncoder(normalize="none").fit(train).encode(other).batch(np.arange(2))
    np.testing.assert_array_equal(plain.values[:, 0], [[3, 8], [3, 3]])


def test_normalise_series_keeps_the_ratio_of_channels():
    made = encoded(SeriesEncoder(normalize="series"), records([[[1, 3], [-1, -3]], [[0, 1], [2, 3]]]))
    np.testing.assert_allclose(made.values[0], np.array([[1, 3], [-1, -3]]) / np.sqrt(5), atol=1e-6)


def test_gaps_are_interpolated_and_ends_are_ends():
    encoder = SeriesEncoder(normalize="none")
    made = encoded(encoder, records([[0, NAN, NAN, 6, 8], [NAN, 1, 2, NAN, NAN], [1, 2, 3, 4, 5]]))
    np.testing.assert_allclose(made.values[0, 0], [0, 2, 4, 6, 8])
    np.testing.assert_allclose(made.values[1, 0], [1, 1, 2, 0, 0])  # a gap before the first value repeats it
    assert made.mask[1].tolist() == [True, True, True, False, False]
    zero = encoded(SeriesEncoder(normalize="none", missing="zero"), records([[3, NAN, 5], [1, 2, 3]]))
    np.testing.assert_allclose(zero.values[0, 0], [3, 0, 5])
    encoder = SeriesEncoder(missing="fail").fit(records([[1, 2, 3]]))
    with pytest.raises(DataError, match="missing values"):
        encoder.encode(records([[3, NAN, 5]]))


def test_resample_keeps_ends_and_lines():
    made = encoded(SeriesEncoder(length="resample", size=5, normalize="none"), records([[0, 4], [0, 1, 2, 3]]))
    np.testing.assert_allclose(made.values[0, 0], [0, 1, 2, 3, 4], atol=1e-6)
    np.testing.assert_allclose(made.values[1, 0], [0, 0.75, 1.5, 2.25, 3], atol=1e-6)
    assert made.full


def test_truncate_and_pad():
    made = encoded(SeriesEncoder(length="truncate", normalize="none"), records([[1, 2, 3], [4, 5]]))
    np.testing.assert_array_equal(made.values[:, 0], [[1, 2], [4, 5]])
    made = encoded(SeriesEncoder(length="pad", size=4, normalize="none"), records([[1, 2, 3], [4, 5]]))
    np.testing.assert_array_equal(made.values[:, 0], [[1, 2, 3, 0], [4, 5, 0, 0]])


def test_windows_cover_every_sample():
    encoder = SeriesEncoder(length="window", size=4, normalize="none")
    made = encoder.fit(records([list(range(4))])).encode(records([list(range(9)), [7, 8]]))
    batch = made.batch(np.array([0, 1]))
    np.testing.assert_array_equal(
        batch.values[:, 0], [[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 6, 7], [5, 6, 7, 8], [7, 8, 0, 0]]
    )
    assert batch.windows.owner.tolist() == [0, 0, 0, 0, 1]
    assert made.batch(np.array([1, 0])).windows.owner.tolist() == [0, 1, 1, 1, 1]


@given(st.integers(1, 1_000_000), st.integers(1, 100))
def test_an_overlap_is_what_a_hop_leaves(size, hundredths):
    hop = hundredths / 100
    assert hop_of(size, round(1 - hop, 12)) == max(1, round(round(hop * size, 6)))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=5), st.integers(2, 20), st.integers(1, 20))
def test_windows_leave_nothing_out(lengths, size, hop):
    hop = min(hop, size)
    owner, start = windows_of(np.array(lengths), size, hop)
    for record, length in enumerate(lengths):
        seen = np.zeros(length, bool)
        for begin in start[owner == record]:
            seen[begin : begin + size] = True
            assert begin + size <= max(length, size)
        assert seen.all()


def test_other_lengths_at_prediction():
    train = records([[1, 2, 3, 4], [2, 2, 2, 3]])
    longer = records([[1, 2, 3, 4, 5, 6]])
    for length in ("resample", "truncate", "window"):
        assert len(SeriesEncoder(length=length).fit(train).encode(longer)) == 1
    for length in ("pad", "fail"):
        with pytest.raises(DataError, match=r"found 6 samples.*resample"):
            SeriesEncoder(length=length).fit(train).encode(longer)
    assert SeriesEncoder().fit(train).encode(records([[1, 2]])).batch(np.array([0])).values.shape == (1, 1, 4)


def test_bad_series_say_what_is_wrong():
    encoder = SeriesEncoder(length="fail")
    wrong = encoder.check(records([[1, 2, 3], [1, np.inf, 2], [NAN, 4, NAN], [1, 2, 3, 4], [1, 2, 2]]))
    assert "infinite" in wrong[1]
    assert "at least 2" in wrong[2]
    assert "found 4 samples; expected 3" in wrong[3]
    assert set(wrong) == {1, 2, 3}
    two = SeriesEncoder().fit(records([[[1, 2], [3, 4]]]))
    assert "found 1 channels; expected 2" in two.check(records([[1, 2]]), fitted=True)[0]


def test_only_training_records_decide_the_statistics():
    encoder = SeriesEncoder(normalize="train").fit(records([[0, 2], [4, 6]]))
    state = encoder.state()
    encoder.encode(records([[100, 200]]))
    assert encoder.state() == state


def test_lists_of_series_of_several_lengths():
    records = SeriesEncoder.from_array([[1.0, 2, 3], np.array([4.0, 5])])
    assert records.arrays.shape == (2, 1, 3)
    assert np.isnan(records.arrays[1, 0, 2])
    assert SeriesEncoder.from_array([np.zeros((2, 3)), np.zeros((2, 5))]).arrays.shape == (2, 2, 5)
    with pytest.raises(ValueError, match="found a list of other things"):
        SeriesEncoder.from_array([["a", "b"], ["c"]])

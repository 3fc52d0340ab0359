"""Tables over time: borders, windows, channels, statistics of the training rows, baselines by hand."""

from datetime import datetime, timedelta

import numpy as np
import pytest
import torch

from xmr.baselines.base import FUTURE, BaselineInput, Case
from xmr.baselines.time_series import last_value, linear, seasonal_naive
from xmr.core.kinds import SignalSet, SignalSpec
from xmr.core.prediction import Prediction
from xmr.data.columns import Columns
from xmr.data.readers.time_series import TimeTable, next_time, read_time_table, steps_in_words, windows
from xmr.data.records import Records
from xmr.data.settings import DataSettings
from xmr.encoders.forecast import ForecastEncoder
from xmr.errors import DataError
from xmr.tasks.base import task_class
from xmr.tasks.forecasting import Forecasting


def table(rows=60, channels=2):
    values = np.arange(rows * channels, dtype=np.float32).reshape(rows, channels)
    return TimeTable(values, ("a", "b")[:channels], [str(i) for i in range(rows)], "t.csv", list(range(2, rows + 2)))


def write(path, rows=60, clock=str):
    lines = [f"{clock(i)},{i},{100 - 2 * i}" for i in range(rows)]
    path.write_text("date,a,b\n" + "\n".join(lines) + "\n")
    return path


def _units(encoder, values, channels):
    records = Records.of([""] * len(channels))
    records.group = channels
    prediction = Prediction([], values, np.zeros_like(values))
    return encoder.to_original_units(prediction, records).values


def test_windows_of_every_channel_and_row():
    made = windows(table(), 4, 2, 0, 10)
    assert len(made) == 5 * 2
    np.testing.assert_array_equal(made.arrays[0, 0], [0, 2, 4, 6, 8, 10])
    np.testing.assert_array_equal(made.arrays[1, 0], [1, 3, 5, 7, 9, 11])
    np.testing.assert_array_equal(made.arrays[2, 0], [2, 4, 6, 8, 10, 12])
    assert made.group[:3] == ["a", "b", "a"]
    assert made.ids[0] == "4 a"  # the time of the first row to be forecast
    assert made.line[0] == 6


def test_a_part_forecasts_all_its_rows_and_looks_back_before_it():
    made = windows(table(), 4, 2, 20, 30)
    futures = made.arrays[made.arrays[:, 0, 0] % 2 == 0][:, 0, 4:] / 2
    assert futures.min() == 20
    assert futures.max() == 29
    assert len(made) == 2 * (10 - 2 + 1)  # no last batch is dropped
    assert len(windows(table(), 4, 2, 0, 60, stride=8)) == 2 * 7
    with pytest.raises(DataError, match="at least 6"):
        windows(table(), 4, 2, 0, 5)


def test_statistics_come_from_the_training_rows(tmp_path):
    encoder = ForecastEncoder(context_length=6, horizon=3)
    settings = DataSettings(path=str(write(tmp_path / "x.csv")), split={"by": "time", "validation": 12, "test": 12})
    made = encoder.prepare(settings, "forecasting", 0)
    assert encoder.mean == [17.5, 65.0]  # of rows 0 to 35
    assert encoder.std[0] == pytest.approx(np.std(np.arange(36)))
    assert [len(made.subset(name)) for name in ("train", "validation", "test")] == [2 * 28, 2 * 10, 2 * 10]
    first = made.subset("test").arrays[0, 0] * encoder.std[0] + encoder.mean[0]
    np.testing.assert_allclose(first, np.arange(42, 51), atol=1e-4)
    assert made.subset("train").arrays[:, :, :].max() < made.subset("test").arrays.max()
    latest = encoder.latest(read_time_table(tmp_path / "x.csv", Columns()))
    assert latest.group == ["a", "b"]
    np.testing.assert_allclose(
        _units(encoder, latest.arrays[:, 0], latest.group)[1], 100 - 2 * np.arange(54, 60), atol=1e-4
    )


def test_only_the_test_part_has_every_window(tmp_path):
    settings = DataSettings(path=str(write(tmp_path / "x.csv")), split={"by": "time", "validation": 12, "test": 12})
    made = ForecastEncoder(context_length=6, horizon=3, stride=4).prepare(settings, "forecasting", 0)
    assert [len(made.subset(name)) for name in ("train", "validation", "test")] == [2 * 7, 2 * 3, 2 * 10]


def test_random_splits_of_the_future_are_refused(tmp_path):
    settings = DataSettings(path=str(write(tmp_path / "x.csv")))
    with pytest.raises(DataError, match="time: a future cannot be sampled at random"):
        ForecastEncoder(context_length=6, horizon=3).prepare(settings, "forecasting", 0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("date,a\n1,2\n2,x\n", r"x\.csv:3: a: found 'x'; expected a number"),
        ("date,a\n1,2\n2,inf\n", r"x\.csv:3: a.*an infinite value"),
        ("date,a\n1,2\n3,1\n2,1\n", r"x\.csv:4.*'2' after '3'.*times in order"),
        ("date,a\n12/31/2019,2\n1/2/2020,1\n1/1/2020,1\n", r"x\.csv:4.*'1/1/2020' after '1/2/2020'.*times in order"),
        ("day,a\n1,2\n", r"x\.csv:1.*columns day, a.*a column named date or time"),
        ("date,a\n1,2\n2\n", r"x\.csv:3.*1 fields.*2 as in the header"),
        ("", "an empty file"),
        ("date\n1\n2\n", r"x\.csv:1: found columns date; expected a channel besides the time"),
        ("date,a\n", r"x\.csv: found a header and no rows; expected a row for every time step"),
        ("date,a,a\n1,2,3\n", r"x\.csv:1: found column 'a' twice; expected each column name once"),
        ("date,a\n1,2\n,3\n", r"x\.csv:3: date: found ''; expected a time in every row"),
        ("date,a\n1,2\n2,1_0\n", r"x\.csv:3: a: found '1_0'; expected a number"),
    ],
)
def test_broken_tables_are_named(tmp_path, text, said):
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=said):
        read_time_table(path, Columns())


@pytest.mark.parametrize("way", ["%m/%d/%Y", "%d/%m/%Y", "%d.%m.%y %H:%M", "%b %d, %Y", "%Y-%m-%d"])
def test_times_are_in_order_however_they_are_written(tmp_path, way):
    days = [datetime(2019, 11, 20) + timedelta(days=n) for n in range(60)]
    path = tmp_path / "x.csv"
    path.write_text("date,a\n" + "".join(f'"{day.strftime(way)}",{n}\n' for n, day in enumerate(days)))
    assert len(read_time_table(path, Columns()).times) == 60


CLOCKS = ["2020-10-25T01:30+02:00", "2020-10-25T02:30+02:00", "2020-10-25T02:30+01:00", "2020-10-25T03:30+01:00"]


def test_times_of_several_offsets_are_in_the_order_of_their_instants(tmp_path):
    """In autumn a clock goes back; in spring, texts may be in order where instants are not."""
    path = tmp_path / "x.csv"
    path.write_text("date,a\n" + "".join(f"{time},{n}\n" for n, time in enumerate(CLOCKS)))
    read = read_time_table(path, Columns())
    assert read.notes == ("times with several UTC offsets (+01:00, +02:00) are in the order of their instants",)
    assert steps_in_words(read.times) == "1 hour apart"
    assert next_time(read.times) == "2020-10-25T04:30:00+01:00"
    path.write_text("date,a\n2020-03-29T01:00+00:00,1\n2020-03-29T01:30+02:00,2\n")
    with pytest.raises(DataError, match=r"x\.csv:3: found date '2020-03-29T01:30\+02:00' after"):
        read_time_table(path, Columns())


GAPS = "date,a,b\n1,,5\n2,1,6\n\n3,?,7\n4,3,\n5,4,9\n6,,10\n7,6,11\n"


def test_gaps_are_refused_unless_the_recipe_says_what_they_are(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(GAPS)
    said = r"x\.csv:2: a: found a missing value; expected a number, or encoder.missing: carry \(4 missing\)"
    with pytest.raises(DataError, match=said):
        ForecastEncoder(context_length=2, horizon=1).fit_rows(read_time_table(path, Columns()))


def test_gaps_are_seen_as_the_value_before_and_not_scored(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(GAPS)
    encoder = ForecastEncoder(context_length=3, horizon=2, missing="carry")
    read = read_time_table(path, Columns())
    encoder.fit_rows(read)
    np.testing.assert_allclose(encoder.mean, [3.5, 8])
    np.testing.assert_allclose(encoder.std, [np.std([1, 3, 4, 6]), np.std([5, 6, 7, 9, 10, 11])])
    scaled = encoder.scaled(read)
    made = windows(scaled, 3, 2, 0, 7)
    assert made.line == [6, 6, 7, 7, 8, 8], "the empty line is counted"
    own = _units(encoder, made.arrays[:, 0], made.group)
    expected = [[3.5, 1, 1, 3, 4], [5, 6, 7, np.nan, 9], [1, 1, 3, 4, np.nan], [6, 7, 7, 9, 10], [1, 3, 4, np.nan, 6]]
    np.testing.assert_allclose(own[:5], expected, atol=1e-5)
    np.testing.assert_allclose(_units(encoder, encoder.latest(read).arrays[:, 0], ["a", "b"])[0], [4, 4, 6], atol=1e-5)
    assert encoder.latest(read).line == [10, 10]


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (["1", "2", "3", "5"], "1 apart; 1 of 3 are longer (windows count rows)"),
        (["2020-03-28", "2020-03-29", "2020-03-30"], "1 day apart"),
        (["1/31/2020 01:00", "1/31/2020 02:00", "1/31/2020 03:00"], "1 hour apart"),
        (["a", "b"], ""),
        (["1"], ""),
    ],
)
def test_how_far_apart_the_rows_are_is_said(times, said):
    assert steps_in_words(times) == said
    values = np.arange(2.0 * len(times), dtype=np.float32).reshape(-1, 2)
    if len(times) > 1:
        made = ForecastEncoder(context_length=2, horizon=1)
        made.fit_rows(TimeTable(values, ("a", "b"), times, "t.csv", list(range(len(times)))))
        assert made.describe() == ([f"steps: {said}"] if said else [])


def test_what_is_missing_changes_no_score_and_no_gradient():
    rng = np.random.default_rng(0)
    truth, answer = rng.standard_normal((2, 6, 4))
    held = truth.copy()
    held[2], held[:, 1] = np.nan, np.nan
    known = ~np.isnan(held)
    found = Forecasting.steps(4).metrics(answer, held)
    assert found["mse"] == pytest.approx(np.mean((answer - truth)[known] ** 2))
    assert found["mae"] == pytest.approx(np.mean(np.abs(answer - truth)[known]))
    logits = torch.tensor(answer[None], requires_grad=True)
    loss = task_class("forecasting").loss(logits, torch.tensor(held))
    assert loss.item() == pytest.approx(found["mse"])
    loss.sum().backward()
    assert torch.isfinite(logits.grad).all()
    assert (logits.grad[0][~torch.tensor(known)] == 0).all()


def test_a_part_without_any_value_to_come_is_refused(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("date,a\n" + "".join(f"{i},{i if i < 48 else ''}\n" for i in range(60)))
    settings = DataSettings(path=str(path), split={"by": "time", "validation": 12, "test": 12})
    with pytest.raises(DataError, match=r"x\.csv:50: .*found no value from here on"):
        ForecastEncoder(context_length=6, horizon=3, missing="carry").prepare(settings, "forecasting", 0)


def test_other_channels_than_training_s(tmp_path):
    encoder = ForecastEncoder(context_length=4, horizon=2).fit_rows(table())
    with pytest.raises(DataError, match=r"a column 'b'"):
        encoder.scaled(table(channels=1))
    swapped = TimeTable(table().values[:, ::-1], ("b", "a"), table().times, "t.csv", table().lines)
    np.testing.assert_allclose(encoder.scaled(swapped).values, encoder.scaled(table()).values)
    with pytest.raises(DataError, match="never changes"):
        encoder.fit_rows(TimeTable(np.ones((9, 1), np.float32), ("a",), ["0"] * 9, "t.csv", [2] * 9))


def parts(seen, target):
    data = SignalSet(np.asarray(seen, np.float32)[:, None], np.full(len(seen), len(seen[0])))
    held = dict.fromkeys(("train", "validation", "test"), data)
    goals = dict.fromkeys(held, np.asarray(target, np.float32))
    return BaselineInput(
        case=Case(encoder="forecast", emits="signal", space="token", predicts=FUTURE),
        texts={},
        sets=held,
        targets=goals,
        task=Forecasting.steps(len(target[0])),
        spec=SignalSpec(1, len(seen[0])),
        seed=0,
        source=None,
        season=3,
    )


def test_baselines_by_hand():
    data = parts([[9, 1, 2, 3]], [[0, 0, 0, 0]])
    np.testing.assert_array_equal(last_value(data), [[3, 3, 3, 3]])
    np.testing.assert_array_equal(seasonal_naive(data), [[1, 2, 3, 1]])
    rng = np.random.default_rng(0)
    seen = rng.standard_normal((400, 5))
    goal = seen[:, [4, 0]] + seen.mean(axis=1, keepdims=True) * 0
    np.testing.assert_allclose(linear(parts(seen, goal)), goal, atol=0.05)
    some = np.where(rng.random(goal.shape) < 0.02, np.nan, goal)
    assert np.mean((linear(parts(seen, some)) - goal) ** 2) < 0.05, "gaps to come are no obstacle"


def test_mse_and_mae_over_everything():
    targets = Forecasting.steps(2)
    found = targets.metrics(np.array([[1.0, 2], [3, 4]]), np.array([[1.0, 0], [3, 3]]))
    assert found == {"mse": (4 + 1) / 4, "mae": (2 + 1) / 4}


def test_values_that_would_overflow_are_named():
    made = table()
    encoder = ForecastEncoder(context_length=4, horizon=2).fit_rows(made)
    made.values[40, 1] = 1e30
    with pytest.raises(
        DataError, match=r"t\.csv:42: b: found 1e\+30, 3e\+28 standard deviations from the mean; expected"
    ):
        encoder.scaled(made)


@pytest.mark.parametrize(
    ("times", "to_come"),
    [
        (["1", "2", "3"], "4"),
        (["0.5", "1.0"], "1.5"),
        (["2020-01-30", "2020-01-31"], "2020-02-01"),
        (["2020-01-01 00:00:00", "2020-01-01 01:00:00"], "2020-01-01 02:00:00"),
        (["2020-01-01T00:00", "2020-01-01T00:15"], "2020-01-01T00:30:00"),
        (["30/01/2020", "31/01/2020"], "01/02/2020"),
        (["2020-01-01T00:00Z", "2020-01-01T01:00Z"], "2020-01-01T02:00:00Z"),
        (["2020-01-01", "2020-02-01"], "after 2020-02-01"),
        (["a", "b"], "after b"),
        (["7"], "after 7"),
    ],
)
def test_the_time_of_the_row_to_come(times, to_come):
    assert next_time(times) == to_come

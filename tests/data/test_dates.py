"""Dates as people write them, and where nothing says which number is the day."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmr.data.dates import ISO, WAYS, in_words, instant, is_date, moment, offsets_in_words, way_of, ways_of


@pytest.mark.parametrize(
    ("cells", "way", "said"),
    [
        (["2020-12-31", "2021-01-01T10:00"], ISO, "ISO 8601"),
        (["12/31/2020", "1/2/2021"], "%m/%d/%Y", "month/day/year"),
        (["31/12/2020", "01/02/2021"], "%d/%m/%Y", "day/month/year"),
        (["31.12.2020 23:15", "01.01.2021 00:00"], "%d.%m.%Y %H:%M", "day.month.year hour:minute"),
        (["12/31/20 1:05 PM"], "%m/%d/%y %I:%M %p", "month/day/year hour:minute"),
        (["3 May 2020", "4 June 2020"], "%d %B %Y", "day month year"),
        (["3-Jan-20", "14-Feb-20"], "%d-%b-%y", "day-month-year"),
        (["2020-01", "2020-12"], "%Y-%m", "year-month"),
        (["Jan 2020", "May 2020"], "%b %Y", "month year"),
    ],
)
def test_the_way_a_column_is_written(cells, way, said):
    assert way_of(cells) == way
    assert in_words(way) == said


@pytest.mark.parametrize(
    "cells", [[], ["1/2/2020", "3/4/2020"], ["12/31/2020", "31/12/2020"], ["20201231"], ["7"], ["north"]]
)
def test_what_is_no_date_or_could_be_two(cells):
    assert way_of(cells) is None


def test_two_readings_that_mean_the_same_days_are_one():
    assert ways_of(["5/5/2020", "6/6/2021"]) == ["%m/%d/%Y", "%d/%m/%Y"]
    assert way_of(["5/5/2020", "6/6/2021"]) == "%m/%d/%Y"


@given(st.sampled_from(WAYS[1:]), st.datetimes(datetime(1970, 1, 1), datetime(2060, 1, 1)))
def test_every_way_is_read_as_it_was_written(way, when):
    text = when.strftime(way)
    read = moment(text, way)
    assert read.strftime(way) == text
    assert is_date(text, way)


def test_a_year_of_days_says_which_is_the_month():
    days = [datetime(2020, 1, 1) + timedelta(days=n) for n in range(366)]
    for way in ("%m/%d/%Y", "%d/%m/%Y", "%m-%d-%Y", "%d-%m-%Y", "%m/%d/%y %H:%M"):
        texts = [day.strftime(way) for day in days]
        assert way_of(texts) == way
        assert [moment(text, way) for text in texts] == days


def test_instants_of_several_offsets():
    """The hour that clocks go through twice."""
    cells = ["2020-10-25T02:30+02:00", "2020-10-25 02:00:00+01:00", "2020-10-25T01:30Z", "2020-10-25T02:00"]
    assert [f"{instant(cell, ISO):%H:%M}" for cell in cells] == ["00:30", "01:00", "01:30", "02:00"]
    said = "times with several UTC offsets (+01:00, +02:00, Z, none) are in the order of their instants"
    assert offsets_in_words(cells) == said
    for alike in (cells[:1] * 2, ["2020-12-31", "2020-12-31T00:00"], ["31-12-2020", "31-12-2020 10:00"], ["1", "-2"]):
        assert not offsets_in_words(alike)
    with pytest.raises(ValueError, match="outside the years"):
        instant("0001-01-01T00:00+02:00", ISO)

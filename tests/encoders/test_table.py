import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from xmr.core.component import check_section, create
from xmr.core.registry import ENCODERS
from xmr.data.readers.numbers import is_number
from xmr.data.readers.tables import SEPARATOR
from xmr.data.records import Records
from xmr.errors import DataError, RecipeError


def table(columns, rows, label=None):
    records = Records.of([SEPARATOR.join(map(str, row)) for row in rows], {"label": label or ["a", "b"] * len(rows)})
    records.labels["label"] = records.labels["label"][: len(rows)]
    records.columns = tuple(columns)
    return records


def encoder(**settings):
    return create(ENCODERS, check_section("encoder", {"name": "table", **settings}, "test"))


def kinds(made):
    return {column.name: column.kind for column in made.seen}


def test_what_each_column_is_and_why():
    rng = np.random.default_rng(0)
    rows = [
        (1000 + i, f"p{i:03d}x", round(rng.normal(), 3), rng.choice(["red", "blue"]), "same",
         f"2024-0{1 + i % 9}-1{i % 9}",
         " ".join(rng.choice(["the", "cat", "sat", "here"], 6)) + f" {i}", "?" if i % 2 else "yes")
        for i in range(40)
    ]  # fmt: skip
    names = ("number", "code", "size", "color", "one", "day", "said", "half")
    made = encoder()
    made.configure(tokenize=lambda texts: [[len(word) for word in text.split()] for text in texts])
    made.fit(table(names, rows))
    wanted = ("skip", "skip", "number", "category", "skip", "date", "text", "category")
    assert kinds(made) == dict(zip(names, wanted))
    said = "\n".join(made.describe())
    assert "column number: skip (numbers the rows)" in said
    assert "column code: skip (a name of each row)" in said
    assert "column one: skip (constant: 'same')" in said
    assert "column half: category (1 values, 50% missing)" in said
    made.configure(tokenize=None)
    made.fit(table(names, rows))
    assert kinds(made)["said"] == "skip", "a source that reads no words leaves sentences out"
    named = encoder(columns={"code": "category", "size": "skip"}).fit(table(names, rows))
    assert (kinds(named)["code"], kinds(named)["size"]) == ("category", "skip")


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("patient id", range(500, 530), "skip"),
        ("paid", range(500, 530), "number"),
        ("grid", range(500, 530), "number"),
        ("year", range(1900, 2020), "skip"),  # said, and overridden in the recipe where it means something
        ("year", range(1990, 2020), "number"),
        ("price", range(0, 12000, 100), "number"),
    ],
)
def test_what_numbers_the_rows_is_left_out(name, values, kind):
    order = np.random.default_rng(0).permutation(list(values))
    made = encoder().fit(table((name, "c"), [(value, "ab"[i % 2]) for i, value in enumerate(order)]))
    assert kinds(made)[name] == kind


def test_quantile_scaling_by_hand():
    made = encoder().fit(table(("x", "c"), [(x, "a") for x in (0, 1, 2, 3, 4)] + [("?", "b")]))
    data = made.encode(table(("x", "c"), [(0, "a"), (1, "a"), (1.5, "b"), (4, "b"), (9, "a"), (-3, "a"), ("", "a")]))
    assert data.numbers[:, 0].tolist() == pytest.approx([-1, -0.5, -0.25, 1, 1, -1, 0], abs=1e-6)
    assert data.missing[:, 0].tolist() == [False] * 6 + [True]
    ties = encoder().fit(table(("x", "c"), [(x, "a") for x in (0, 0, 0, 0, 1)] + [(0, "b")]))
    low, high = ties.encode(table(("x", "c"), [(0, "a"), (1, "a")])).numbers[:, 0].tolist()
    assert -1 < low < 0, "equal values share the middle of their ranks"
    assert high == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(("scaling", "want"), [("robust", 2 / (2 / 1.349)), ("standard", None)])
def test_other_scalings_by_hand(scaling, want):
    values = [0.0, 1.0, 2.0, 3.0, 4.0]
    made = encoder(scaling=scaling).fit(table(("x", "c"), list(zip(values, "abaab"))))
    found = made.encode(table(("x", "c"), [(4, "a"), (100, "a")])).numbers[:, 0].tolist()
    wanted = want if want is not None else 2 / np.std(values)
    assert found == pytest.approx([wanted, 3.0], rel=1e-6)


def test_categories_gaps_and_unseen_values():
    made = encoder().fit(table(("c", "d"), [("red", "x"), ("blue", "y"), ("?", "x"), ("red", "y")]))
    spec = made.spec
    assert [column.values for column in spec.categories] == [("blue", "red"), ("x", "y")]
    assert [column.gaps for column in spec.categories] == [True, False]
    data = made.encode(table(("c", "d"), [("blue", "x"), ("red", "NA"), ("", "z"), ("green", "y")]))
    assert data.categories.tolist() == [[0, 0], [1, 2], [2, 3], [3, 1]]
    strict = encoder(unknown="fail").fit(table(("c", "d"), [("red", "x"), ("blue", "y")]))
    with pytest.raises(
        DataError, match=r"found 'bleu' in column 'c'; expected a value seen in training \(nearest: blue"
    ):
        strict.encode(table(("c", "d"), [("bleu", "x")]))


def test_many_categories_share_one_or_are_hashed():
    rows = [(f"v{i % 10}" if i < 60 else f"w{i}", i % 3) for i in range(80)]
    shared = encoder(max_categories=8, columns={"c": "category"}).fit(table(("c", "n"), rows))
    assert len(shared.spec.categories[0].values) == 8
    assert shared.spec.categories[0].values[-1] == "(other)"
    assert shared.encode(table(("c", "n"), [("never seen", 1)])).categories[0, 0] == 7
    assert "the rarest 23 are one" in shared.describe()[0]
    hashed = encoder(max_categories=8, rare="hash", columns={"c": "category"}).fit(table(("c", "n"), rows))
    ids = hashed.encode(table(("c", "n"), rows)).categories[:, 0]
    assert 0 <= int(ids.min()) <= int(ids.max()) < 8
    assert hashed.encode(table(("c", "n"), [("v1", 1)])).categories[0, 0] == ids[1]


def test_dates_are_days_month_and_weekday():
    days = ["2024-01-01", "2024-01-02", "2024-12-31", ""]
    made = encoder().fit(table(("day", "c"), [(day, "ab"[i % 2]) for i, day in enumerate(days)]))
    assert [column.name for column in made.spec.categories] == ["day (month)", "day (weekday)", "c"]
    data = made.encode(table(("day", "c"), [("2024-01-01", "a"), ("2024-12-31T12:00", "a"), ("?", "a")]))
    assert data.categories[:, :2].tolist() == [[0, 0], [11, 1], [12, 7]]
    assert data.missing[:, 0].tolist() == [False, False, True]


def test_dates_as_they_are_written_in_america():
    days = ["1/1/2024", "1/2/2024", "12/31/2024", ""]
    made = encoder().fit(table(("day", "c"), [(day, "ab"[i % 2]) for i, day in enumerate(days)]))
    assert "column day: date (3 dates, month/day/year, 25% missing)" in made.describe()[0]
    again = encoder().restore(made.state())
    data = again.encode(table(("day", "c"), [("1/1/2024", "a"), ("12/31/2024", "a"), ("?", "a")]))
    assert data.categories[:, :2].tolist() == [[0, 0], [11, 1], [12, 7]]
    with pytest.raises(DataError, match="found '31/12/2024' in column 'day'; expected a date written month/day/year"):
        again.encode(table(("day", "c"), [("31/12/2024", "a")]))
    unclear = encoder().fit(table(("day", "c"), [("1/2/2024", "a"), ("3/4/2024", "b"), ("1/2/2024", "b")]))
    assert kinds(unclear)["day"] == "category", "nothing says which is the day"


def test_columns_are_found_by_name_whatever_their_order():
    made = encoder().fit(table(("x", "c"), [(1, "a"), (2, "b"), (3, "a")]))
    one = made.encode(table(("x", "c"), [(2, "b")])).batch(np.array([0]))
    other = made.encode(table(("extra", "c", "x"), [("?", "b", 2)])).batch(np.array([0]))
    assert torch.equal(one.numbers, other.numbers)
    assert torch.equal(one.categories, other.categories)
    with pytest.raises(DataError, match="found columns c, X; expected a column 'x', as in training; did you mean X"):
        made.encode(table(("c", "X"), [("a", 1)]))


def test_a_mistake_in_a_column_of_numbers_names_the_column():
    rows = [(i + 0.5, "ab"[i % 2]) for i in range(30)]
    records = table(("x", "c"), [*rows, ("12,5", "a")])
    wrong = encoder().check(records)
    assert list(wrong) == [30]
    assert wrong[30].startswith("found '12,5' in column 'x'; expected a number (or encoder.columns: {x: category})")
    fitted = encoder().fit(table(("x", "c"), rows))
    assert list(fitted.check(records, fitted=True)) == [30]
    assert not encoder(columns={"x": "category"}).check(records)


def test_recipe_columns_must_be_there():
    with pytest.raises(RecipeError, match=r"found 'agee', not a column; expected columns age, job; did you"):
        encoder(columns={"agee": "skip"}).fit(table(("age", "job"), [(1, "a"), (2, "b")]))
    with pytest.raises(DataError, match="no column that says anything"):
        encoder().fit(table(("x", "y"), [(1, "a"), (1, "a")]))


def test_state_is_json_and_restores_the_same_encoder():
    rows = [(i / 7, f"v{i % 5}", "?" if i % 3 else i) for i in range(50)]
    made = encoder().fit(table(("x", "c", "g"), rows))
    state = json.loads(json.dumps(made.state()))
    again = encoder().restore(state)
    assert again.spec == made.spec
    one, other = (e.encode(table(("x", "c", "g"), rows)) for e in (made, again))
    assert torch.equal(one.numbers, other.numbers)


def test_no_rows_are_an_empty_set():
    made = encoder().fit(table(("x", "c"), [(1, "a"), (2, "b"), (3, "a")]))
    data = made.encode(table(("x", "c"), []))
    assert len(data) == 0
    assert data.numbers.shape == (0, 1)
    assert data.categories.shape == (0, 1)


def test_alike_is_the_rank_correlation():
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    rows = [(a, math.exp(a), b) for a, b in zip(x, rng.normal(size=200))]
    alike = np.array(encoder().fit(table(("x", "y", "z"), rows)).alike)
    assert alike[0, 1] == pytest.approx(1, abs=1e-3)
    assert alike[0, 2] < 0.2


@settings(deadline=None, max_examples=40)
@given(st.lists(st.one_of(st.floats(-1e6, 1e6), st.none()), min_size=3, max_size=40))
def test_scaled_numbers_keep_their_order_and_range(values):
    rows = [("?" if value is None else repr(value), "ab"[i % 2]) for i, value in enumerate(values)]
    known = [value for value in values if value is not None]
    made = encoder(columns={"x": "number"}).fit(table(("x", "c"), rows))
    data = made.encode(table(("x", "c"), rows))
    scaled = data.numbers[:, 0].numpy()
    assert np.abs(scaled).max(initial=0) <= 1
    held = scaled[[value is not None for value in values]]
    order = np.argsort(known, kind="stable")
    assert (np.diff(held[order]) >= -1e-6).all()


def test_words_are_cut_and_padded():
    rows = [(f"a b c d e {i}", i % 7, "xy"[i % 2]) for i in range(30)]
    made = encoder(columns={"said": "text"}, max_text_tokens=4)
    made.configure(tokenize=lambda texts: [[len(word) for word in text.split()] for text in texts])
    made.fit(table(("said", "n", "c"), rows))
    batch = made.encode(table(("said", "n", "c"), [("aa b", 1, "x"), ("?", 1, "x"), (rows[0][0], 2, "y")])).batch(
        np.array([0, 1, 2])
    )
    assert batch.words.tolist() == [[2, 1, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]]
    assert batch.word_mask.sum(dim=1).tolist() == [2, 0, 4]
    assert made.spec.words == 4
    written = encoder(render=True)
    seen = []
    written.configure(tokenize=lambda texts: seen.extend(texts) or [[1]] * len(texts))
    written.fit(table(("age", "job"), [(31, "clerk"), (40, "?"), (22, "smith")]))
    assert seen[:2] == ["age is 31, job is clerk", "age is 40"]


def test_many_columns_are_described_in_few_lines():
    names = [f"x{i}" for i in range(20)]
    records = table(names, [["ab"[i % 2], *(i * j + 0.5 for j in range(1, 20))] for i in range(8)])
    said = encoder().fit(records).describe()
    assert said == ["columns x1, x2, x3 and 16 more: number", "column x0: category (2 values)"]
    stated = {name: "number" if name != "x0" else "category" for name in names}
    said = encoder(columns=stated).fit(records).describe()
    assert said == ["columns: 1 category, 19 number (as encoder.columns says)"]


@pytest.mark.parametrize(
    ("cells", "value", "kind"),
    [
        (["1,234.50", "950.00", "2,000,001"], 1234.5, "number"),
        (["$1,200", "$15", "$8"], 1200, "number"),
        (["-12.5%", "8%", "0 %"], -12.5, "number"),
        (["12,5 kg", "8 kg", "9 kg"], None, "category"),
        (["0,125", "0,250", "0,500"], None, "category"),  # decimal commas perhaps: not taken for thousands
        (["5%", "5", "7"], None, "category"),  # two units in a column
    ],
)
def test_amounts_are_numbers(cells, value, kind):
    made = encoder().fit(table(("x", "y"), [(cell, "ab"[i % 2]) for i, cell in enumerate(cells * 4)]))
    assert made.seen[0].kind == kind
    if value is not None:
        assert made.numbers(table(("x", "y"), [(cells[0], "a")]))["column x"].tolist() == [value]
        assert f"{next(c for c in cells if not is_number(c))!r} read as" in made.describe()[0]
        assert made.check(table(("x", "y"), [("5 kg", "a")]), fitted=True)

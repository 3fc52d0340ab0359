import numpy as np
import pytest
import torch

from tests.tiny import tiny_source
from xmr.core.component import check_section, create
from xmr.core.kinds import Category, TableBatch, TableSpec
from xmr.core.registry import TRANSFORMS
from xmr.core.spaces import PixelSpace, TokenSpace
from xmr.errors import RecipeError
from xmr.transforms.column_tiles import arrange

FORM = TableSpec(
    ("age", "wage"),
    (False, True),
    (Category("job", ("clerk", "smith", "baker"), False), Category("town", ("north", "south"), True)),
)
SPACE = TokenSpace(torch.randn(50, 6, generator=torch.Generator().manual_seed(0)), 40)
PIXELS = PixelSpace(20, 26, (0.5,) * 3, (0.5,) * 3)


def build(name, space=SPACE, spec=FORM, **settings):
    section = check_section("transform", {"name": name, **settings}, "test")
    return create(TRANSFORMS, section).build(spec, space, torch.Generator().manual_seed(1))


def rows(numbers, missing, categories):
    return TableBatch(torch.tensor(numbers), torch.tensor(missing), torch.tensor(categories))


BATCH = rows(
    [[0.0, 0.5], [-1.0, 0.0], [1.0, 1.0]],
    [[False, False], [False, True], [True, False]],
    [[0, 0], [3, 2], [4, 3]],  # known; missing where training saw none, and where it did; unseen
)


def test_tokens_by_hand():
    transform = build("feature_tokens", bins=3)
    found = transform(BATCH).embeddings
    curve, middle = transform.curve, transform.middle
    assert found.shape == (3, 4, 6)
    assert torch.allclose(found[0, 0], curve[0, 1] + middle[0])  # x = 0: the middle knot
    assert torch.allclose(found[0, 1], 0.5 * curve[1, 1] + 0.5 * curve[1, 2] + middle[1])  # half way up
    assert torch.allclose(found[1, 0], curve[0, 0] + middle[0])
    assert torch.allclose(found[1, 1], transform.gap[0]), "a gap is a vector of its own where training saw some"
    assert torch.allclose(found[2, 0], curve[0, 2] + middle[0])
    jobs, towns = transform.categories.rows[:3], transform.categories.rows[3:]
    assert torch.allclose(found[0, 2], jobs[0])
    assert torch.allclose(found[1, 2], jobs.mean(dim=0)), "no gap in training: the column's mean"
    assert torch.allclose(found[2, 2], jobs.mean(dim=0)), "unseen: the column's mean"
    assert torch.allclose(found[0, 3], towns[0])
    assert torch.allclose(found[1, 3], towns[2]), "a learned gap"
    assert torch.allclose(found[2, 3], towns[:2].mean(dim=0)), "the gap has no part in the mean"


def test_two_bins_are_a_line():
    transform = build("feature_tokens", bins=2)
    slope = (transform.curve[0, 1] - transform.curve[0, 0]) / 2
    at = transform(BATCH).embeddings[:, 0]
    middle = transform.middle[0] + transform.curve[0].mean(dim=0)
    assert torch.allclose(at, middle + BATCH.numbers[:, :1] * slope, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "settings"),
    [("feature_tokens", {}), ("feature_prototypes", {}), ("feature_dictionary", {}), ("column_tiles", {})],
)
def test_gradients_by_finite_differences(name, settings):
    pixel = name == "column_tiles"
    transform = build(name, PIXELS if pixel else SPACE, **settings).double()
    weights = None

    def loss():
        nonlocal weights
        inputs = transform(TableBatch(BATCH.numbers.double(), BATCH.missing, BATCH.categories))
        fed = inputs.pixels if pixel else inputs.embeddings
        if weights is None:
            weights = torch.randn(fed.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
        return (fed * weights).sum()

    loss().backward()
    for parameter in transform.parameters():
        flat, gradient = parameter.data.view(-1), parameter.grad.view(-1)
        for index in range(0, len(flat), max(1, len(flat) // 7)):
            before = flat[index].item()
            flat[index] = before + 1e-6
            high = loss().item()
            flat[index] = before - 1e-6
            low = loss().item()
            flat[index] = before
            assert gradient[index].item() == pytest.approx((high - low) / 2e-6, abs=1e-5)


def test_own_words_start_at_the_columns_names():
    source = tiny_source()
    words = source.space.words
    spec = TableSpec(("word a", "xx"), (False, False), (Category("d", ("b", "c"), False),))
    transform = build("feature_tokens", source.space, spec)
    unit = torch.nn.functional.normalize(torch.cat([transform.middle, transform.categories.rows]), dim=1)
    matrix = torch.nn.functional.normalize(source.space.embedding, dim=1)
    assert float(unit[0] @ matrix[words.index("a")]) > 0.8
    assert float(unit[2] @ (matrix[words.index("d")] + matrix[words.index("b")])) > 1.0
    norms = transform.middle.norm(dim=1)
    assert torch.allclose(norms, source.space.row_norm().expand(2), rtol=1e-4)


def test_prototypes_fold_to_keys_and_values():
    source = tiny_source()
    transform = build("feature_prototypes", source.space, prototypes=7, heads=2, width=3).eval()
    folded = transform.merge()
    assert folded.section["name"] == "feature_dictionary"
    assert torch.allclose(folded(BATCH).embeddings, transform(BATCH).embeddings, atol=1e-6)
    assert not hasattr(folded, "mixing")
    norms = folded(BATCH).embeddings.norm(dim=-1)
    assert torch.allclose(norms, source.space.row_norm().expand_as(norms), rtol=1e-4)


def test_words_follow_the_columns():
    table = TableBatch(BATCH.numbers, BATCH.missing, BATCH.categories, torch.tensor([[3, 4], [5, 0], [0, 0]]),
                  torch.tensor([[True, True], [True, False], [False, False]]))  # fmt: skip
    spec = TableSpec(FORM.numbers, FORM.gaps, FORM.categories, texts=("said",), words=2)
    inputs = build("feature_tokens", spec=spec)(table)
    assert inputs.embeddings.shape == (3, 6, 6)
    assert torch.equal(inputs.embeddings[0, 4:], SPACE.embedding[[3, 4]])
    assert inputs.mask.sum(dim=1).tolist() == [6, 5, 4]
    text = build("row_text", spec=spec, prompt=2)(table)
    assert text.embeddings.shape == (3, 4, 6)
    with pytest.raises(RecipeError, match=r"encoder.render: found false"):
        build("row_text")
    with pytest.raises(RecipeError, match="text in said; expected skip"):
        build("column_tiles", PIXELS, spec)
    with pytest.raises(RecipeError, match="found 4 columns and 0 tokens of text; expected at most 3 tokens"):
        build("feature_tokens", TokenSpace(SPACE.embedding, 3))


def test_column_tiles_by_hand():
    transform = build("column_tiles", PIXELS, tile_fraction=0.5, layout="order")
    with torch.no_grad():
        transform.border.normal_(generator=torch.Generator().manual_seed(3))
    pixels = transform(BATCH).pixels
    p = transform.tile
    assert (p, transform.grid) == (5, (2, 2))
    top, left = (20 - 10) // 2, (26 - 10) // 2
    tile = (transform.middle[0] + 0.0 * transform.slope[0]).view(3, p, p)
    assert torch.allclose(pixels[0, :, top : top + p, left : left + p], torch.sigmoid(tile), atol=1e-6)
    tile = (transform.middle[1] + 0.5 * transform.slope[1]).view(3, p, p)
    assert torch.allclose(pixels[0, :, top : top + p, left + p : left + 2 * p], torch.sigmoid(tile), atol=1e-6)
    tile = transform.categories.rows[3].view(3, p, p)
    assert torch.allclose(pixels[0, :, top + p : top + 2 * p, left + p : left + 2 * p], torch.sigmoid(tile), atol=1e-6)
    outside = torch.ones(20, 26, dtype=torch.bool)
    outside[top : top + 2 * p, left : left + 2 * p] = False
    assert torch.allclose(pixels[:, :, outside], torch.sigmoid(transform.border)[:, outside].expand(3, -1, -1))


def slow_error(alike, place, rows, columns):
    """The error of IGTD's definition, pair by pair."""
    n = len(alike)
    pairs = [(a, b) for a in range(n) for b in range(a)]
    where = [divmod(cell, columns) for cell in range(rows * columns)]

    def ranks(values):
        order = sorted(set(values))
        return [np.mean([i for i, v in enumerate(sorted(values)) if v == value]) for value in values] if order else []

    wanted = dict(zip(pairs, ranks([round(-alike[a][b], 9) for a, b in pairs])))
    near = dict(zip(pairs, ranks([round(float(np.hypot(*np.subtract(where[a], where[b]))), 9) for a, b in pairs])))
    total = 0.0
    for a, b in pairs:
        x, y = sorted((place[a], place[b]), reverse=True)
        total += (wanted[a, b] - near[x, y]) ** 2
    return total


def test_the_layout_brings_like_columns_together():
    rng = np.random.default_rng(0)
    hidden = rng.random((9, 2))
    alike = np.exp(-np.linalg.norm(hidden[:, None] - hidden[None], axis=2))
    place = arrange(alike, 3, 3)
    assert sorted(place) == list(range(9))
    found = slow_error(alike, place, 3, 3)
    assert found < slow_error(alike, np.arange(9), 3, 3)
    for a in range(9):  # no swap of two columns is better
        for b in range(a):
            swapped = place.copy()
            swapped[[a, b]] = swapped[[b, a]]
            assert slow_error(alike, swapped, 3, 3) >= found - 1e-9
    assert arrange(np.ones((2, 2)), 1, 2).tolist() == [0, 1]

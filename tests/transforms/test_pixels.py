"""Formulas of the pixel transforms on numbers worked out by hand; gradients against finite differences."""

import numpy as np
import pytest
import torch

from tests.tiny import tiny_vision
from xmr.core.component import check_section, create
from xmr.core.kinds import ImageBatch, ImageSet, ImageSpec
from xmr.core.registry import TRANSFORMS
from xmr.core.spaces import PixelSpace
from xmr.encoders.image import ImageEncoder
from xmr.errors import RecipeError
from xmr.program import Program
from xmr.tasks.classification import Classification
from xmr.transforms.masks import mask_network
from xmr.transforms.pixels import offset, resize, with_channels

SPACE = PixelSpace(7, 7, (0.5, 0.25, 0.0), (0.5, 0.25, 1.0))


def made(name, space=SPACE, spec=None, **settings):
    section = check_section("transform", {"name": name, **settings}, "test")
    transform = create(TRANSFORMS, section).build(spec or ImageSpec(1, 3, 3), space, torch.Generator().manual_seed(0))
    transform.set_feature_extractor(lambda inputs: inputs.pixels.mean(dim=(2, 3)), 3, torch.Generator().manual_seed(1))
    return transform


def test_border_by_hand():
    """sigmoid(delta) * M around the picture; an odd margin goes left and top; the picture itself is untouched."""
    border = made("border", scale=4 / 7, interpolation="nearest")
    with torch.no_grad():
        border.delta.fill_(2.0)
    pixels = unnormalized(border(ImageBatch(torch.full((1, 1, 4, 4), 0.3))))[0]
    assert pixels.shape == (3, 7, 7)
    inside = pixels[:, 2:6, 2:6]  # 7 - 4 = 3: two before, one after
    assert torch.allclose(inside, torch.tensor(0.3))
    outside = pixels.clone()
    outside[:, 2:6, 2:6] = torch.nan
    around = outside[~outside.isnan()]
    assert torch.allclose(around, torch.sigmoid(torch.tensor(2.0)))  # not sigmoid(delta * M), which adds 0.5 inside
    assert len(around) == 3 * (49 - 16)


def unnormalized(inputs):
    """Pixels in [0, 1], in whichever units the transform handed them over."""
    if not inputs.normalized:
        return inputs.pixels
    mean, std = (torch.tensor(x)[:, None, None] for x in (SPACE.mean, SPACE.std))
    return inputs.pixels * std + mean


def test_border_starts_mid_gray():
    assert float(made("border").frame().mean().detach()) == 0.5


def test_border_in_normalised_space():
    border = made("border", scale=3 / 7, units="normalized", interpolation="nearest")
    with torch.no_grad():
        border.delta.fill_(-1.5)
    inputs = border(ImageBatch(torch.full((1, 1, 3, 3), 0.5)))
    assert inputs.normalized
    assert torch.allclose(inputs.pixels[0, :, 3, 3], torch.tensor([0.0, 1.0, 0.5]))  # (0.5 - mean) / std
    assert torch.allclose(inputs.pixels[0, :, 0, 0], torch.tensor(-1.5))


def test_watermark_by_hand():
    mark = made("watermark", width=2, interpolation="nearest")
    with torch.no_grad():
        mark.delta.fill_(0.7)
    pixels = mark(ImageBatch(torch.full((1, 1, 7, 7), 0.5))).pixels[0]
    assert torch.allclose(pixels[:, 3, 3], torch.tensor([0.0, 1.0, 0.5]))
    assert torch.allclose(pixels[:, 0, 3], torch.tensor([0.7, 1.7, 1.2]))
    assert torch.allclose(pixels[:, 1, 1], torch.tensor([0.7, 1.7, 1.2]))
    everywhere = made("watermark", interpolation="nearest")
    assert float(everywhere.mask.min()) == 1
    clipped = made("watermark", units="pixel", init="normal")(ImageBatch(torch.rand(2, 1, 7, 7))).pixels
    assert 0 <= float(clipped.detach().min()) <= float(clipped.detach().max()) <= 1


def test_a_frame_wider_than_the_input_is_refused():
    with pytest.raises(RecipeError, match=r"transform\.width: found 4; expected at most 3"):
        made("watermark", width=4)
    with pytest.raises(RecipeError, match=r"transform\.scale"):
        made("border", scale=0.01)


@pytest.mark.parametrize("layers", [5, 6])
@pytest.mark.parametrize("patch", [1, 2, 4, 8, 16, 32])
def test_sample_masks_of_every_size(layers, patch):
    """x + delta * up(g(x)); the mask is constant over patches and as large as the input, odd sides included."""
    space = PixelSpace(67, 64, (0.0,) * 3, (1.0,) * 3)
    masks = made("sample_specific_masks", space, layers=layers, patch=patch).eval()
    picture = torch.rand(2, 3, 67, 64)
    with torch.no_grad():
        masks.delta.normal_()
        small = masks.network(picture)
        mask = masks.masks(picture)
        got = masks(ImageBatch(picture)).pixels
    assert mask.shape == picture.shape
    assert small.shape[-2:] == (67 // patch, 64 // patch)
    for row, column in ((0, 0), (40, 33), (66, 63)):
        place = min(row // patch, small.shape[2] - 1), min(column // patch, small.shape[3] - 1)
        assert torch.allclose(mask[:, :, row, column], small[:, :, place[0], place[1]])
    assert torch.allclose(got, picture + masks.delta * mask, atol=1e-5)


def test_mask_networks_have_the_published_sizes():
    """SMM's table: 26,499 weights for five layers and 102,339 for six (convolutions and batch norms)."""
    generator = torch.Generator().manual_seed(0)
    count = {layers: sum(p.numel() for p in mask_network(layers, 3, 3, generator).parameters()) for layers in (5, 6)}
    by_hand = {}
    for layers, widths in ((5, (3, 8, 16, 32, 64)), (6, (3, 8, 16, 32, 64, 128))):
        convolutions = sum(9 * a * b + b for a, b in zip(widths, [*widths[1:], 3]))
        by_hand[layers] = convolutions + sum(2 * width for width in widths[1:])
    assert count == by_hand


def test_learned_scale_equals_the_fixed_one_where_it_starts():
    fixed = made("border", PixelSpace(32, 32, (0.0,) * 3, (1.0,) * 3), scale=0.5)
    learned = made("border", PixelSpace(32, 32, (0.0,) * 3, (1.0,) * 3), scale=0.5, learn_scale=True)
    image = ImageBatch(torch.rand(1, 1, 32, 32).round())
    a, b = fixed(image).pixels, learned(image).pixels  # normalizing changes nothing with mean 0 and deviation 1
    assert torch.allclose(a[:, :, :7], b[:, :, :7], atol=1e-5)  # the border
    smooth = ImageBatch(torch.full((1, 1, 32, 32), 0.8))
    assert torch.allclose(fixed(smooth).pixels, learned(smooth).pixels, atol=1e-4)
    learned(image).pixels.square().sum().backward()
    assert float(learned.log_scale.grad) != 0


def test_enhanced_border_has_unit_gradients():
    border = made("enhanced_border")
    assert border.scale == pytest.approx(164 / 224)
    (border(ImageBatch(torch.rand(2, 1, 3, 3))).pixels.square() * 37).sum().backward()
    assert float(border.delta.grad.norm()) == pytest.approx(1.0, abs=1e-5)


def test_clustered_border_gives_each_cluster_its_own():
    border = made("clustered_border", clusters=2, scale=3 / 7, interpolation="nearest")
    dark, bright = torch.full((1, 1, 3, 3), 0.1), torch.full((1, 1, 3, 3), 0.9)
    features = torch.cat([torch.full((5, 3), 0.1), torch.full((5, 3), 0.9)])
    border.fit_features(features, torch.Generator().manual_seed(0))
    first, second = border.cluster(ImageBatch(torch.cat([dark, bright]))).tolist()
    assert {first, second} == {0, 1}
    with torch.no_grad():
        border.delta[first].fill_(5.0)
        border.delta[second].fill_(-5.0)
    pixels = unnormalized(border(ImageBatch(torch.cat([dark, bright]))))
    pixels = pixels.detach()
    assert float(pixels[0, 0, 0, 0]) == pytest.approx(0.9933, abs=1e-4)
    assert float(pixels[1, 0, 0, 0]) == pytest.approx(0.0067, abs=1e-4)
    one = torch.ones(4, 3)  # a single distinct feature: one cluster, and still an answer for every picture
    border.fit_features(one, torch.Generator().manual_seed(0))
    assert border.cluster(ImageBatch(torch.cat([dark, bright]))).tolist() == [0, 0]


def test_coordinator_depends_on_the_picture_and_stays_within_its_strength():
    coordinator = made("coordinator", PixelSpace(32, 32, (0.0,) * 3, (1.0,) * 3), strength=0.2)
    with torch.no_grad():
        coordinator.last.weight.normal_(0, 3.0)
    images = torch.rand(3, 1, 8, 8)
    plain, got = coordinator.plain(ImageBatch(images)).pixels, coordinator(ImageBatch(images)).pixels
    change = got - plain
    assert float(change.abs().max()) <= 0.2 + 1e-5
    assert not torch.allclose(change[0], change[1], atol=1e-3)


NAMES = ("border", "enhanced_border", "clustered_border", "watermark", "sample_specific_masks", "coordinator")


@pytest.mark.parametrize("name", NAMES)
def test_gradients_equal_finite_differences(name):
    """d loss / d parameter through the transform and a frozen source, in double precision."""
    source = tiny_vision("resnet").double()
    space = source.space
    section = check_section("transform", {"name": name}, "test")
    transform = create(TRANSFORMS, section).build(ImageSpec(1, 8, 8), space, torch.Generator().manual_seed(0))
    transform.set_feature_extractor(
        lambda inputs: source(inputs).features.detach(), source.hidden_width, torch.Generator()
    )
    transform = transform.double().eval()
    if name == "enhanced_border":
        transform.delta._backward_hooks.clear()  # its gradient is scaled on purpose
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in transform.parameters():
            parameter.normal_(0, 0.3, generator=generator)
    image = ImageBatch(torch.rand(2, 1, 8, 8, generator=generator).double())
    weights = torch.randn(2, source.hidden_width, generator=generator).double()

    def loss():
        return (source(transform(image)).features * weights).sum()

    loss().backward()
    for number, parameter in enumerate(transform.parameters()):
        flat = parameter.data.view(-1)
        place = int(parameter.grad.view(-1).abs().argmax())
        analytic = float(parameter.grad.view(-1)[place])
        values = []
        for step in (1e-7, -1e-7):
            flat[place] += step
            values.append(float(loss().detach()))
            flat[place] -= step
        numeric = (values[0] - values[1]) / 2e-7
        assert numeric == pytest.approx(analytic, rel=2e-3, abs=1e-7), number


def test_grey_and_colour():
    gray = torch.rand(2, 1, 4, 4)
    assert torch.equal(with_channels(gray, 3)[:, 2], gray[:, 0])
    assert torch.allclose(with_channels(torch.rand(2, 3, 4, 4), 1).shape and with_channels(gray, 1), gray)
    assert offset(7, 4) == 2
    assert offset(8, 4) == 2


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "area"])
def test_resizing_keeps_the_range(interpolation):
    values = torch.rand(2, 1, 8, 8).round()
    for side in (3, 8, 20):
        made_ = resize(values, side, side, interpolation)
        assert made_.shape[-2:] == (side, side)
        assert -1e-6 <= float(made_.min()) <= float(made_.max()) <= 1 + 1e-6


FIT = [
    ("border", {}, (4, 4)),
    ("border", {"learn_scale": True}, (7, 7)),
    ("enhanced_border", {}, (5, 5)),
    ("clustered_border", {"clusters": 2}, (4, 4)),
    ("watermark", {}, (7, 7)),
    ("watermark", {"units": "pixel"}, (7, 7)),
    ("sample_specific_masks", {"layers": 5, "patch": 2}, (7, 7)),
    ("coordinator", {}, (7, 7)),
]


@pytest.mark.parametrize(("name", "settings", "size"), FIT)
def test_what_is_kept_of_pictures_changes_nothing(name, settings, size):
    """Pictures are fitted once a run; the same numbers come out as when every batch is fitted anew."""
    data = ImageSet(np.random.default_rng(0).integers(0, 256, (9, 3, 3, 1)).astype(np.uint8))
    transform = made(name, **settings).eval()
    if transform.needs_features:
        transform.fit_features(torch.randn(9, 3), torch.Generator().manual_seed(2))
    before = transform(data.batch(np.arange(9)))
    data.cache(transform.precompute)
    assert data.cached.shape == (9, 3, *size)
    after = transform(data.batch(np.array([4, 2])))
    torch.testing.assert_close(after.pixels, before.pixels[[4, 2]])


def test_pictures_of_the_right_size_are_not_kept_twice():
    data = ImageSet(np.zeros((2, 7, 7, 3), np.uint8))
    assert made("watermark", spec=ImageSpec(3, 7, 7)).precompute(data.batch(np.arange(2))) is None


def test_pictures_that_are_varied_are_not_kept():
    data = ImageSet(np.random.default_rng(0).integers(0, 256, (9, 3, 3, 1)).astype(np.uint8))
    source = tiny_vision()
    for flip, varied, kept in ((False, True, True), (True, True, False), (True, False, True)):
        program = Program.build(
            ImageEncoder(size=3, channels=1, flip=flip),
            {"name": "watermark"},
            source,
            {"name": "linear"},
            Classification(("a", "b")),
        )
        data.cached = None
        program.cache(data, varied)
        assert (data.cached is not None) == kept


@pytest.mark.parametrize("name", ["border", "watermark"])
def test_what_reaches_the_source_lies_as_its_convolutions_read_it(name):
    """Values and layout of kept pictures, and the gradient of the pictures themselves, in the source's own units."""
    data = ImageSet(np.random.default_rng(0).integers(0, 256, (5, 3, 3, 1)).astype(np.uint8))
    transform = made(name, **({"scale": 5 / 7} if name == "border" else {}))
    data.cache(transform.precompute)
    encoded = data.batch(np.arange(4))
    assert encoded.precomputed.is_contiguous(memory_format=torch.channels_last)
    encoded.precomputed.requires_grad_()
    pixels = transform(encoded).pixels
    assert pixels.is_contiguous(memory_format=torch.channels_last)
    pixels.sum().backward()
    std = torch.tensor(transform.pixels.std)[:, None, None]
    torch.testing.assert_close(encoded.precomputed.grad, (1 / std).expand_as(encoded.precomputed))


def test_low_rank_watermark_by_hand():
    """delta = B A in each channel; it starts at zero, and C r (H + W) numbers are learned."""
    mark = made("watermark", rank=2, interpolation="nearest")
    assert float(mark.pattern().abs().max()) == 0
    assert sum(p.numel() for p in mark.parameters()) == 3 * 2 * (7 + 7)
    with torch.no_grad():
        mark.delta.zero_()
        mark.delta[:, 1] = torch.tensor([2.0, 1.0])
        mark.right[:, 0], mark.right[:, 1] = 0.5, -0.25
    pixels = mark(ImageBatch(torch.full((1, 1, 7, 7), 0.5))).pixels[0]
    assert torch.allclose(pixels[:, 1, 3], torch.tensor([0.75, 1.75, 1.25]))  # 2 * 0.5 - 1 * 0.25 more
    assert torch.allclose(pixels[:, 3, 3], torch.tensor([0.0, 1.0, 0.5]))

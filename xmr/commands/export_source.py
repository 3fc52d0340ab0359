"""`xmr source export`: a frozen source as an ONNX file, which then only answers (`onnx_image`, `onnx_audio`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from xmr.commands.onnx_file import OnnxModel, require_exporter, write_onnx
from xmr.core.component import check_section, create
from xmr.core.files import replacing
from xmr.core.registry import SOURCES
from xmr.data.public.location import cache_folder
from xmr.errors import Problem, RecipeError, XmrError, reason
from xmr.recipe.load import as_values
from xmr.sources.base import Source

TOLERANCE = 1e-3  # of an output, relative to the largest one
ROWS = (2, 5)  # of the batch that is traced, and of the one that is compared


class Answering(nn.Module):
    """A source as a function of one array: images (B, C, H, W) in [0, 1], or waves (B, samples)."""

    def __init__(self, source: Source, features: bool) -> None:
        super().__init__()
        self.source, self.features = source, features

    def forward(self, *inputs: Tensor) -> Tensor:
        """One array -> logits of the source's classes (B, K_S), or its features (B, D')."""
        found = self.source(self.source.space.input_of(inputs[0])).mean()
        return found if self.features else self.source.answers(found)


def export_source(name: str, overrides: list[str], out: Path | None, outputs: str) -> tuple[Path, float]:
    """Write a source as ONNX, by default where recipes find models -> the file, and the largest difference from it.

    Raises MissingExtraError without the packages, RecipeError for a source that cannot be written, OutputError for a
    place that cannot.
    """
    require_exporter("`xmr source export`")
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
            write_onnx(model, {"inputs": example}, {"inputs": {0: "batch"}}, temporary)
            other: Any = source.space.noise(ROWS[1])
            with torch.no_grad():
                expected_values = model(other).numpy()
            found = OnnxModel(temporary)({"inputs": other})
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

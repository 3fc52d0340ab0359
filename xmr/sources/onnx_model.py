"""Models in ONNX files: they only answer. Also an ordinary fast frozen source for heads solved in closed form."""

from __future__ import annotations

import hashlib
import inspect
import os
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import torch
from annotated_types import Ge, Le

from xmr.core.registry import SOURCES
from xmr.errors import Problem, RecipeError, SourceUnavailableError, require
from xmr.sources.black_box import BlackBox
from xmr.sources.media import AudioView, Clips, Images, ImageView, Medium
from xmr.sources.weights import find_model


class OnnxSource(BlackBox):
    """The base of `OnnxImage` and `OnnxAudio`: one input tensor of 32-bit floats, one output (B, K_S).

    Args:
        model: an .onnx file, by path or by its name below XMR_MODELS; weights inside the file.
        outputs: what the file's output is: `probabilities`, `logits`, or `features` (an embedding).
    """

    def __init__(
        self, model: str, outputs: Literal["probabilities", "logits", "features"] = "logits", **asking: Any
    ) -> None:
        super().__init__(outputs=outputs, **asking)
        self.model_name = model

    def open(self, medium: Medium) -> Self:
        """Load the file. Raises MissingExtraError without onnxruntime, RecipeError for a file that does not fit."""
        runtime: Any = require("onnxruntime", "onnx", "a source of an ONNX file")
        path = Path(find_model(self.model_name))
        if not os.path.isfile(path):
            expected = f"an .onnx file, here or below XMR_MODELS ({self._how_to_write()} writes it)"
            raise SourceUnavailableError(Problem("source.model", f"no file {self.model_name!r}", expected))
        content = path.read_bytes()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        try:  # from memory, so that a file cannot name others outside it
            self.session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
            inputs, outputs = self.session.get_inputs(), self.session.get_outputs()
            if len(inputs) != 1:
                raise RecipeError(Problem("source.model", f"{path} with {len(inputs)} inputs", "one input"))
            self.input_name, self.output_name = inputs[0].name, outputs[0].name
            self.medium = medium
            classes = int(self.ask(medium.example(1)).shape[-1])
        except RecipeError:
            raise
        except Exception as error:  # onnxruntime has many types of its own
            first = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
            raise RecipeError(
                Problem(
                    "source.model", f"{path}, which does not run ({first})", f"a model of {medium.kind}s of this size"
                )
            ) from error
        digest = hashlib.sha256(content).hexdigest()
        return self.adopt({"file": digest, **self.facts()}, medium, classes)

    def _how_to_write(self) -> str:
        """The command for a file with the name of a source."""
        name = Path(self.model_name).stem
        if name not in SOURCES.names():
            return "`xmr source export NAME`"
        height = self.facts().get("size", [0])[0] if "size" in inspect.signature(SOURCES.get(name)).parameters else 0
        return f"`xmr source export {name}{f' size={height}' if height else ''}`"

    def facts(self) -> dict[str, Any]:
        """What decides the answers besides the file."""
        return {}

    def fed(self, items: np.ndarray) -> np.ndarray:
        """Items as the file's input."""
        return self.medium.numbers(items)  # type: ignore[attr-defined]

    def ask(self, items: np.ndarray) -> np.ndarray:
        """See `BlackBox.ask`."""
        return self.session.run([self.output_name], {self.input_name: self.fed(items)})[0]


class OnnxImage(OnnxSource):
    """An image classifier in an ONNX file, which only answers.

    Args:
        size: height and width of the input in pixels.
        mean: of each channel, subtracted from pixels in [0, 1].
        std: of each channel, by which pixels are divided.
        layout: order of the axes of the input.
        bits: per channel that an image keeps on its way; null: real numbers.
        views: fixed renderings of each record that are asked about; one question for each.
    """

    space_kind: ClassVar[str] = "pixel"

    def __init__(
        self,
        model: str,
        size: tuple[Annotated[int, Ge(8), Le(4096)], Annotated[int, Ge(8), Le(4096)]] = (224, 224),
        mean: tuple[float, float, float] = (0.0, 0.0, 0.0),
        std: tuple[float, float, float] = (1.0, 1.0, 1.0),
        layout: Literal["nchw", "nhwc"] = "nchw",
        bits: Literal[8, 16] | None = 8,
        views: tuple[ImageView, ...] = ("plain",),
        **asking: Any,
    ) -> None:
        super().__init__(model, views=views, **asking)
        if min(std) <= 0:
            raise RecipeError(Problem("source.std", f"{list(std)}", "positive numbers"))
        self.size, self.layout, self.bits = size, layout, bits
        self.mean, self.std = np.array(mean, np.float32), np.array(std, np.float32)

    def load(self, seed: int = 0) -> Self:
        """See `OnnxSource.open`."""
        self.seed = seed
        return self.open(Images(*self.size, self.bits))

    def facts(self) -> dict[str, Any]:
        """See `OnnxSource.facts`."""
        return {"size": list(self.size), "mean": self.mean.tolist(), "std": self.std.tolist(), "layout": self.layout}

    def fed(self, items: np.ndarray) -> np.ndarray:
        """See `OnnxSource.fed`: (B, 3, H, W) or (B, H, W, 3), normalized."""
        pixels = (super().fed(items) - self.mean) / self.std
        return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)) if self.layout == "nchw" else pixels


class OnnxAudio(OnnxSource):
    """An audio model in an ONNX file that takes waves (B, samples), and only answers.

    Args:
        rate: samples per second.
        samples: per clip.
        bits: per sample that a clip keeps on its way; null: real numbers.
        views: fixed renderings of each record that are asked about; one question for each.
    """

    space_kind: ClassVar[str] = "wave"

    def __init__(
        self,
        model: str,
        rate: Annotated[int, Ge(1000), Le(192_000)] = 16_000,
        samples: Annotated[int, Ge(100), Le(10_000_000)] = 16_000,
        bits: Literal[8, 16] | None = 16,
        views: tuple[AudioView, ...] = ("plain",),
        **asking: Any,
    ) -> None:
        super().__init__(model, views=views, **asking)
        self.rate, self.samples, self.bits = rate, samples, bits

    def load(self, seed: int = 0) -> Self:
        """See `OnnxSource.open`."""
        self.seed = seed
        return self.open(Clips(self.rate, self.samples, self.bits))

    def facts(self) -> dict[str, Any]:
        """See `OnnxSource.facts`."""
        return {"rate": self.rate, "samples": self.samples}

"""ONNX files: written by torch's exporter, quietly and with the weights inside, and run by onnxruntime."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, export, nn, onnx

from xmr.errors import require

OPSET = 18
DYNAMIC = {"batch": {}, "length": {"min": 2}}  # axes of any size, by name


def require_exporter(purpose: str) -> None:
    """Raises MissingExtraError without the packages that write ONNX files and run them."""
    for package in ("onnxruntime", "onnx", "onnxscript"):
        require(package, "export", purpose)


def write_onnx(
    model: nn.Module, example: Mapping[str, Tensor], axes: Mapping[str, Mapping[int, str]], path: Path
) -> None:
    """A module that takes `*tensors` as a file. example: these by name; axes: the names of their axes of any size.

    Raises what the exporter does, which has many kinds.
    """
    sizes = {name: export.Dim(name, **limits) for name, limits in DYNAMIC.items()}
    shapes = tuple({axis: sizes[size] for axis, size in axes[name].items()} for name in example)
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            onnx.export(
                model,
                (*example.values(),),
                str(path),
                input_names=[*example],
                dynamo=True,
                dynamic_shapes=(shapes,),
                external_data=False,
                opset_version=OPSET,
            )
    finally:
        logging.disable(level)


class OnnxModel:
    """A file, run on the CPU. Its inputs are arrays by name."""

    def __init__(self, path: Path) -> None:
        runtime: Any = require("onnxruntime", "onnx", "running an ONNX file")
        self.session = runtime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])

    def __call__(self, inputs: Mapping[str, Tensor]) -> np.ndarray:
        """The first output."""
        return self.session.run(None, {name: value.numpy() for name, value in inputs.items()})[0]

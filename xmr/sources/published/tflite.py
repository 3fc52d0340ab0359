"""The layers of a TFLite file as floating-point tensors, in the order in which the network runs them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from xmr.errors import require


@dataclass(frozen=True)
class Layer:
    """A convolution or linear layer. weight: (out, in / groups, height, width); bias: (out,)."""

    weight: Tensor
    bias: Tensor


def read_layers(path: Path) -> Iterator[Layer]:
    """Every convolution, linear layer and matrix, as float. Raises MissingExtraError without tflite."""
    tflite: Any = require("tflite", "convert", "reading TFLite models")
    model = tflite.Model.GetRootAsModel(path.read_bytes(), 0)
    graph = model.Subgraphs(0)
    codes = tflite.BuiltinOperator
    for index in range(graph.OperatorsLength()):
        operator = graph.Operators(index)
        code = model.OperatorCodes(operator.OpcodeIndex())
        kind = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        if kind == codes.BATCH_MATMUL:  # (in, out), without bias
            matrix = _values(model, graph.Tensors(operator.Inputs(1))).T[:, :, None, None]
            yield Layer(torch.from_numpy(matrix.copy()), torch.zeros(len(matrix)))
        if kind not in (codes.CONV_2D, codes.DEPTHWISE_CONV_2D, codes.FULLY_CONNECTED):
            continue
        weight, bias = (_values(model, graph.Tensors(operator.Inputs(place))) for place in (1, 2))
        if kind == codes.CONV_2D:  # (out, height, width, in)
            weight = weight.transpose(0, 3, 1, 2)
        elif kind == codes.DEPTHWISE_CONV_2D:  # (1, height, width, out)
            weight = weight.transpose(3, 0, 1, 2)
        else:
            weight = weight[:, :, None, None]
        yield Layer(torch.from_numpy(np.ascontiguousarray(weight)), torch.from_numpy(bias))


def _values(model: Any, tensor: Any) -> np.ndarray:
    """A tensor's numbers: (stored - zero point) * scale, for the whole of it or per channel."""
    types = {0: np.float32, 2: np.int32, 3: np.uint8, 9: np.int8}
    stored = np.frombuffer(model.Buffers(tensor.Buffer()).DataAsNumpy().tobytes(), types[tensor.Type()])
    stored = stored.reshape(tensor.ShapeAsNumpy())
    quantization = tensor.Quantization()
    if quantization is None or quantization.ScaleLength() == 0:
        return stored.astype(np.float32)
    shape = [1] * stored.ndim
    shape[quantization.QuantizedDimension()] = -1
    scale = quantization.ScaleAsNumpy().astype(np.float64).reshape(shape)
    zero = quantization.ZeroPointAsNumpy().reshape(shape) if quantization.ZeroPointLength() else 0
    return ((stored.astype(np.int64) - zero) * scale).astype(np.float32)

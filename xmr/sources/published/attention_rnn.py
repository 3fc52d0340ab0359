"""The attention RNN of spoken commands, from Keras' HDF5 file to named tensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from xmr.errors import require


def convert_attention_rnn(official: Path, result: Path) -> None:
    """Write the weights under the names of `AttentionRNNNetwork`. Raises MissingExtraError without h5py."""
    h5py: Any = require("h5py", "convert", "reading Keras models")
    with h5py.File(official, "r") as file:
        weights = file["model_weights"]
        state: dict[str, Tensor] = {}
        for new, old in {"c1": "conv2d", "c2": "conv2d_1"}.items():  # (height, width, in, out)
            state[f"{new}.weight"] = _tensor(weights, f"{old}/{old}/kernel:0").permute(3, 2, 0, 1)
            state[f"{new}.bias"] = _tensor(weights, f"{old}/{old}/bias:0")
        norm = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
        for new, old in {"b1": "batch_normalization", "b2": "batch_normalization_1"}.items():
            state |= {f"{new}.{ours}": _tensor(weights, f"{old}/{old}/{theirs}:0") for ours, theirs in norm.items()}
            state[f"{new}.num_batches_tracked"] = torch.tensor(0)
        for new, old, cells in (("l1", "", (1, 2)), ("l2", "_1", (4, 5))):
            for direction, suffix, cell in (("forward", "", cells[0]), ("backward", "_reverse", cells[1])):
                folder = f"bidirectional{old}/bidirectional{old}/{direction}_lstm{old}/lstm_cell_{cell}"
                state[f"{new}.weight_ih_l0{suffix}"] = _tensor(weights, f"{folder}/kernel:0").T
                state[f"{new}.weight_hh_l0{suffix}"] = _tensor(weights, f"{folder}/recurrent_kernel:0").T
                state[f"{new}.bias_ih_l0{suffix}"] = bias = _tensor(weights, f"{folder}/bias:0")
                state[f"{new}.bias_hh_l0{suffix}"] = torch.zeros_like(bias)  # Keras has one bias per gate
        for new, old in {"q": "dense", "d1": "dense_1", "d2": "dense_2", "o": "output"}.items():
            state[f"{new}.weight"] = _tensor(weights, f"{old}/{old}/kernel:0").T
            state[f"{new}.bias"] = _tensor(weights, f"{old}/{old}/bias:0")
    save_file({name: values.contiguous() for name, values in state.items()}, result)


def _tensor(weights: Any, name: str) -> Tensor:
    return torch.from_numpy(np.asarray(weights[name], dtype=np.float32))

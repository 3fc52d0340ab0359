"""How long a draft would train, roughly, and a schedule that the lengths and the number of the records allow."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xmr.commands.new.base import Draft, Sample

# Seconds of one core (AMD EPYC, full precision) for a forward and a backward pass: of a token through one layer, of an
# image of 160 x 160 pixels, of a second of audio.
TOKEN, IMAGE, AUDIO = {"minilm": 8.5e-5}, {"efficientnet_lite0": 0.016}, {"whisper_tiny": 0.02}
LAYERS = {"minilm": 6}  # where a draft does not say
CORES = 1.7  # that two cores are worth
PASSES = 1.0  # of forward passes besides training (test, closed-form solutions), in forward and backward passes
LONG = 600.0  # seconds beyond which an ensemble is made smaller
AT_ONCE = 8  # long sequences that a batch should hold
MOST_TOKENS = 16_384
STEPS = 4000  # optimizer steps that are enough for a head by gradient
DEFAULT_TOKENS, DEFAULT_SIZE, DEFAULT_EPOCHS = 2048, 64, 20  # of the section `training`
LETTERS = 4.5  # per token of a text


def fit_schedule(made: Draft, sample: Sample) -> None:
    """Batches that hold several long sequences, fewer epochs for many records, a smaller ensemble where it takes long.

    In place; the expected time is added to what is said, where the source's cost is known.
    """
    training = made.body["training"]
    if sample.texts:
        tokens = _tokens(sample)
        wanted = 2 ** math.ceil(math.log2(AT_ONCE * max(1.0, float(np.quantile(tokens, 0.9)))))
        held = training.get("batch_tokens", DEFAULT_TOKENS)
        if min(wanted, MOST_TOKENS) > held:
            training["batch_tokens"] = held = min(wanted, MOST_TOKENS)
        steps = tokens.sum() / held
        training["epochs"] = max(1, min(training.get("epochs", DEFAULT_EPOCHS), round(STEPS / steps)))
    while (seconds := expected_seconds(made.body, sample)) and seconds > LONG and made.body.get("ensemble", 1) > 1:
        made.body["ensemble"] //= 2
    if seconds:
        folds = made.body["data"]["split"].get("folds")
        runs = f" for each of {folds + 1} runs" if folds else ""
        less = "; data.split.n_labelled=5000 trains on fewer records" if seconds > 6 * LONG else ""
        said = f"training takes about {_in_words(seconds)}{runs} on two cores"
        made.found.append(f"{said} (a rough figure, without baselines){less}")


def expected_seconds(body: dict[str, Any], sample: Sample) -> float:
    """Records x length x epochs x programs x the source's cost; 0 where that is not known."""
    source, training, n = body.get("source", {}), body["training"], len(sample.records)
    name, programs = source.get("name"), body.get("ensemble", 1)
    tokens = float(_tokens(sample).mean())
    steps = n / training.get("batch_size", DEFAULT_SIZE)
    if name in TOKEN:
        each = tokens * source.get("layers", LAYERS[name]) * TOKEN[name]
        steps = n * tokens / training.get("batch_tokens", DEFAULT_TOKENS) if sample.texts else steps
    elif name in IMAGE:
        each = IMAGE[name] * (body["encoder"].get("size", 160) / 160) ** 2
    elif name in AUDIO:
        each = AUDIO[name] * source.get("seconds", 1.0)
    else:
        return 0.0
    epochs = max(training.get("epochs", DEFAULT_EPOCHS), training.get("min_steps", 0) / max(1.0, steps))
    return float(n * programs * (epochs + PASSES) * each / CORES)


def _tokens(sample: Sample) -> np.ndarray:
    """Tokens of each record: symbols of sequences, words of texts, or columns of a table."""
    if not sample.texts:
        return np.array([float(len(sample.records.columns) + 1)])
    lengths = np.array([len(text) for text in sample.texts], dtype=float)
    return lengths / (LETTERS if sample.domain == "text" else 1.0)


def _in_words(seconds: float) -> str:
    if seconds < 90:
        return "a minute"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.0f} hours"

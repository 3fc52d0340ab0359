"""Features of records of the source's own kind: texts for a language model, images for an image model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from xmr.baselines.linear_probe import PlainImages
from xmr.core.kinds import ImageBatch
from xmr.core.spaces import PixelInput, TokenInput
from xmr.errors import DataError, Problem
from xmr.outputs.base import Pooling
from xmr.sources.base import Source

MAX_RECORDS, BATCH = 256, 16  # records read, and evaluated at once
IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")


def reference_features(source: Source, path: Path) -> np.ndarray:
    """Features of up to 256 records of the source's own kind: (n, D').

    path: a text file, one text per line, for a language model; a folder of images for an image model. Raises DataError
    for anything else.
    """
    readers: dict[str, Callable[[Any, Path], np.ndarray]] = {"token": _of_texts, "pixel": _of_images}
    if source.space_kind not in readers or source.is_control:
        expected = "a language model (a text file with one text per line) or an image model (a folder of images)"
        raise DataError(Problem("--reference", f"a source of kind {type(source).__name__}", expected))
    return readers[source.space_kind](source, path)


def _of_texts(source: Any, path: Path) -> np.ndarray:
    try:
        texts = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()][:MAX_RECORDS]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(Problem("--reference", f"{path} ({error})", "a text file, one text per line")) from error
    if source.tokenize is None or len(texts) < 2:
        found = "a source without a tokenizer" if source.tokenize is None else f"{path} with {len(texts)} texts"
        raise DataError(Problem("--reference", found, "at least two texts, for a source that reads words"))
    ids = [tokens[: source.space.max_length] for tokens in source.tokenize(texts) if tokens]
    if len(ids) < 2:
        raise DataError(Problem("--reference", f"{path}, of whose texts the source reads {len(ids)}", "at least two"))
    pool, found_rows = Pooling("mean", source.hidden_width, None), []
    with torch.inference_mode():
        for begin in range(0, len(ids), BATCH):
            part = [torch.tensor(tokens) for tokens in ids[begin : begin + BATCH]]
            rows = torch.nn.utils.rnn.pad_sequence(part, batch_first=True)
            mask = torch.arange(rows.shape[1]) < torch.tensor([len(tokens) for tokens in part])[:, None]
            device = source.space.embedding.device
            inputs = TokenInput(source.space.embedding[rows.to(device)], mask.to(device), 0, rows.shape[1])
            found_rows.append(pool(source(inputs), None).float().cpu())
    return torch.cat(found_rows).numpy()


def _of_images(source: Any, path: Path) -> np.ndarray:
    from PIL import Image as Pillow

    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in IMAGES)[:MAX_RECORDS]
    if len(files) < 2:
        raise DataError(Problem("--reference", f"{path} with {len(files)} images", "a folder of at least two"))
    device, plain, pixels = next(source.parameters()).device, PlainImages(source.space), []
    with torch.inference_mode():
        for file in files:  # of any size each, so brought to the source's one by one
            try:
                with Pillow.open(file) as opened:
                    values = np.asarray(opened.convert("RGB"), dtype=np.float32) / 255
            except OSError as error:
                raise DataError(Problem(str(file), str(error), "an image")) from error
            pixels.append(plain(ImageBatch(torch.from_numpy(values).permute(2, 0, 1)[None])).pixels)
        batches = torch.cat(pixels).split(BATCH)
        return torch.cat([source.features(PixelInput(batch.to(device))).float().cpu() for batch in batches]).numpy()

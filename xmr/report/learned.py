"""What a program learned, to look at: nearest tokens, top source classes of a label mapping, reprogrammed images."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from xmr.core.kinds import Batch
from xmr.report import plots

if TYPE_CHECKING:
    from xmr.program import Program

MAX_SYMBOLS = 64  # of a large alphabet, shown in the report
MAX_IMAGES = 8
MAX_TARGETS, TOP_CLASSES = 40, 3  # targets of the heat map, and source classes shown for each


def tokens_of_symbols(program: Program, untrained: Any) -> tuple[list[tuple[str, str, str, str]], str]:
    """For every symbol its nearest source tokens, the token its embedding started at and how far it moved, and a plot
    of the symbols among the vocabulary; empty without a table.

    untrained: the transform before training. Movement is the length of the difference, relative to the start.
    """
    space = program.source.space
    spec: Any = program.encoder.spec  # one of symbols, as the transform has a table
    learned = program.transforms[0].table()
    if learned is None or space.embedding is None or not space.words:
        return [], ""
    with torch.no_grad():
        table = learned[:MAX_SYMBOLS].detach().cpu().float()
        start = untrained.table() if untrained is not None else None
        near = nearest_tokens(table, space.embedding.cpu().float(), space.words, 5)
        sample = torch.randperm(len(space.words), generator=torch.Generator().manual_seed(0))[:3000]
        words = space.embedding.detach().cpu().float()[sample].numpy()
        began, moved = [""] * len(table), [""] * len(table)
        if start is not None and start.shape == learned.shape:
            first = start[:MAX_SYMBOLS].detach().cpu().float()
            closest = nearest_tokens(first, space.embedding.cpu().float(), space.words, 1)
            began = [f"{word} {cosine:.2f}" for ((word, cosine),) in closest]
            moved = [f"{x:.0%}" for x in ((table - first).norm(dim=1) / first.norm(dim=1).clamp(min=1e-9)).tolist()]
    rows = [
        (symbol, ", ".join(f"{word} {cosine:.2f}" for word, cosine in found), *how)
        for symbol, found, *how in zip(spec.letters, near, began, moved)
    ]
    return rows, plots.svg(plots.positions(words, table.numpy(), spec.letters[:MAX_SYMBOLS]), 4.6, 4.2)


def top_source_classes(program: Program, most: int = TOP_CLASSES) -> list[tuple[str, list[tuple[str, float]]]]:
    """For each target class the source classes of largest weight: name and weight; [] without a mapping."""
    weights = program.outputs[0].mapping()
    if weights is None:
        return []
    names = program.source.class_names or tuple(f"class {i}" for i in range(len(weights)))
    value, index = torch.topk(weights, min(most, len(weights)), dim=0)
    return [
        (target, [(names[i], float(v)) for v, i in zip(value[:, t].tolist(), index[:, t].tolist()) if v > 0])
        for t, target in enumerate(program.task.names)
    ]


def mapping_heatmap(program: Program) -> str:
    """The label mapping as a heat map: the top source classes of each target (rows), targets (columns)."""
    weights = program.outputs[0].mapping()
    if weights is None:
        return ""
    names = program.source.class_names or tuple(f"class {i}" for i in range(len(weights)))
    columns = list(range(min(weights.shape[1], MAX_TARGETS)))
    top = torch.topk(weights[:, columns], min(TOP_CLASSES, len(weights)), dim=0)
    rows = list(
        dict.fromkeys(i for t in columns for i, v in zip(top.indices[:, t].tolist(), top.values[:, t]) if v > 0)
    )
    chosen = weights[rows][:, columns].numpy()
    labels = [names[row].split(",")[0][:28] for row in rows]
    targets = [program.task.names[t] for t in columns]
    return plots.svg(plots.heat(chosen, labels, targets), 2.2 + 0.3 * len(columns), 1.2 + 0.19 * len(rows))


def reprogrammed_images(program: Program, examples: Batch) -> str:
    """A few records as an image source sees them, before its normalization: one <img> with a JPEG inside."""
    if program.source.space_kind != "pixel" or not len(examples):
        return ""
    from PIL import Image as Pillow

    program.eval()
    with torch.no_grad():
        images = program.transforms[0](examples.to(program.device)).images(program.source.space)[:MAX_IMAGES].cpu()
    row = np.concatenate(list((images.clamp(0, 1) * 255).byte().permute(0, 2, 3, 1).numpy()), axis=1)
    picture = Pillow.fromarray(row[..., 0] if row.shape[2] == 1 else row)
    out = io.BytesIO()
    picture.save(out, format="JPEG", quality=85)
    code = base64.b64encode(out.getvalue()).decode()
    return f'<img alt="reprogrammed images" style="max-width:100%" src="data:image/jpeg;base64,{code}">'


def nearest_tokens(table: Tensor, embedding: Tensor, tokens: tuple[str, ...], k: int) -> list[list[tuple[str, float]]]:
    """table: (A, D), embedding: (V, D) -> for each row its k tokens of highest cosine."""
    cosine = F.normalize(table, dim=1) @ F.normalize(embedding, dim=1).T
    value, index = torch.topk(cosine[:, : len(tokens)], k, dim=1)
    return [[(tokens[i], float(c)) for i, c in zip(row, near)] for row, near in zip(index.tolist(), value.tolist())]

"""What a program learned, to look at: nearest words, who speaks for whom in a label mapping, reprogrammed pictures."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from xmr.core.spaces import ImageBatch, PixelInput, PixelSpace, SignalBatch, SymbolSpec, TokenSpace
from xmr.report import plots
from xmr.report.words import nearest_words
from xmr.transforms.base import SymbolTransform

if TYPE_CHECKING:
    from xmr.program import Program

MAX_SYMBOLS = 64  # of a large alphabet, shown in the report
MAX_TARGETS, SPEAKERS = 40, 3  # columns of the heat map, and source classes shown for each


def words_of_symbols(program: Program) -> tuple[list[tuple[str, str]], str]:
    """Nearest source words of every symbol, and the symbols' places beside the vocabulary."""
    space, transform, spec = program.source.space, program.transforms[0], program.encoder.spec
    if not isinstance(transform, SymbolTransform) or not isinstance(space, TokenSpace) or not space.words:
        return [], ""
    assert isinstance(spec, SymbolSpec)
    with torch.no_grad():
        table = transform.table()[:MAX_SYMBOLS].detach().cpu().float()
        near = nearest_words(table, space.embedding.cpu().float(), space.words, 5)
        sample = torch.randperm(len(space.words), generator=torch.Generator().manual_seed(0))[:3000]
        words = space.embedding.detach().cpu().float()[sample].numpy()
    rows = [
        (symbol, ", ".join(f"{word} {cosine:.2f}" for word, cosine in found))
        for symbol, found in zip(spec.letters, near)
    ]
    return rows, plots.svg(plots.positions(words, table.numpy(), spec.letters[:MAX_SYMBOLS]), 4.6, 4.2)


def speakers(program: Program, most: int = SPEAKERS) -> list[tuple[str, list[tuple[str, float]]]]:
    """For each target class the source classes that speak loudest for it: name and weight; [] without a mapping."""
    weights = program.outputs[0].mapping()  # type: ignore[operator]
    if weights is None:
        return []
    names = program.source.class_names or tuple(f"class {i}" for i in range(len(weights)))
    value, index = torch.topk(weights, min(most, len(weights)), dim=0)
    return [
        (target, [(names[i], float(v)) for v, i in zip(value[:, t].tolist(), index[:, t].tolist()) if v > 0])
        for t, target in enumerate(program.targets.names)
    ]


def mapping_picture(program: Program) -> str:
    """The label mapping as a heat map: the loudest source classes of each target (rows), targets (columns)."""
    weights = program.outputs[0].mapping()  # type: ignore[operator]
    if weights is None:
        return ""
    names = program.source.class_names or tuple(f"class {i}" for i in range(len(weights)))
    columns = list(range(min(weights.shape[1], MAX_TARGETS)))
    top = torch.topk(weights[:, columns], min(SPEAKERS, len(weights)), dim=0)
    rows = list(
        dict.fromkeys(i for t in columns for i, v in zip(top.indices[:, t].tolist(), top.values[:, t]) if v > 0)
    )
    chosen = weights[rows][:, columns].numpy()
    labels = [names[row].split(",")[0][:28] for row in rows]
    targets = [program.targets.names[t] for t in columns]
    return plots.svg(plots.heat(chosen, labels, targets), 2.2 + 0.3 * len(columns), 1.2 + 0.19 * len(rows))


def reprogrammed(program: Program, shown: Any) -> str:
    """A few pictures as the source sees them, before its normalisation: one <img> with a JPEG inside."""
    space = program.source.space
    if not isinstance(shown, ImageBatch | SignalBatch) or not isinstance(space, PixelSpace) or not len(shown.values):
        return ""
    from PIL import Image as Pillow

    program.eval()
    with torch.no_grad():
        inputs = program.transforms[0](shown)
    assert isinstance(inputs, PixelInput)
    pixels = inputs.pixels.cpu()
    if inputs.normalised:
        pixels = pixels * torch.tensor(space.std)[:, None, None] + torch.tensor(space.mean)[:, None, None]
    row = np.concatenate(list((pixels.clamp(0, 1) * 255).byte().permute(0, 2, 3, 1).numpy()), axis=1)
    picture = Pillow.fromarray(row[..., 0] if row.shape[2] == 1 else row)
    out = io.BytesIO()
    picture.save(out, format="JPEG", quality=85)
    code = base64.b64encode(out.getvalue()).decode()
    return f'<img alt="reprogrammed pictures" style="max-width:100%" src="data:image/jpeg;base64,{code}">'

"""A small convolutional network trained from scratch on the same split, its epoch chosen on validation."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from xmr.batching import inference_batches, training_batches
from xmr.compare.baselines import Parts
from xmr.data.targets import IGNORE
from xmr.encoders.sequence import SymbolSet
from xmr.evaluation.metrics import main_metric, metrics_of
from xmr.spaces import Symbols
from xmr.training.losses import loss_of

EPOCHS, TOKENS, RATE, PATIENCE = 40, 4096, 2e-3, 8


class SequenceCNN(nn.Module):
    """Embedding 64, three convolutions of 64 to 128 channels and widths 3, 5, 7 (residual), masked mean and max."""

    def __init__(self, symbols: int, outputs: int, per_residue: bool, dropout: float = 0.3) -> None:
        super().__init__()
        self.per_residue = per_residue
        self.embedding = nn.Embedding(symbols, 64)
        self.layers = nn.ModuleList(nn.Conv1d(i, 128, k, padding=k // 2) for i, k in ((64, 3), (128, 5), (128, 7)))
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(128 if per_residue else 256, outputs)

    def forward(self, symbols: Symbols) -> Tensor:
        """ids (B, L) -> (B, K), or (B, L, K) per residue."""
        mask = symbols.mask[:, None]
        hidden = self.embedding(symbols.ids).transpose(1, 2) * mask
        for number, layer in enumerate(self.layers):
            new = torch.relu(layer(hidden)) * mask
            hidden = new if number == 0 else hidden + new
        if self.per_residue:
            return self.out(self.dropout(hidden.transpose(1, 2)))
        mean = hidden.sum(dim=2) / mask.sum(dim=2)
        most = hidden.masked_fill(~mask, -torch.inf).amax(dim=2)
        return self.out(self.dropout(torch.cat([mean, most], dim=1)))


def cnn_answers(parts: Parts) -> np.ndarray:
    """Train, keep the best validation epoch (the last without a validation part), answer test: (n, K)."""
    description = parts.description
    per_residue = description.task == "residue_classification"
    sets = {name: _unwindowed(data) for name, data in parts.sets.items()}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(parts.seed)
        model = SequenceCNN(parts.symbols, description.outputs, per_residue)
        target = {name: torch.from_numpy(np.asarray(value)) for name, value in parts.targets.items()}
        epochs = EPOCHS if not per_residue else 12
        rng = np.random.default_rng(parts.seed)
        plan = [training_batches(sets["train"].cost, sets["train"].width, TOKENS, rng) for _ in range(epochs)]
        steps = sum(map(len, plan))
        optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: 0.5 * (1 + math.cos(math.pi * s / steps)))
        best, best_score, best_epoch = None, -math.inf, 0
        for epoch, batches in enumerate(plan):
            model.train()
            for batch in batches:
                wanted = (
                    sets["train"].align(target["train"], batch, IGNORE)
                    if per_residue
                    else target["train"][torch.from_numpy(batch)]
                )
                loss = loss_of(description.task, model(sets["train"].batch(batch))[None], wanted)[0]
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
            if len(sets["validation"]):
                values = _answers(model, sets["validation"], parts)
                score = metrics_of(description.task, values, target["validation"], description)[
                    main_metric(description.task, description.outputs)
                ]
                if score > best_score:
                    best_score, best_epoch = score, epoch
                    best = {name: tensor.clone() for name, tensor in model.state_dict().items()}
                elif epoch - best_epoch >= PATIENCE:
                    break
        if best is not None:
            model.load_state_dict(best)
        return _answers(model, sets["test"], parts)


def _unwindowed(data: SymbolSet) -> SymbolSet:
    """A convolution takes any length, so no windows."""
    return SymbolSet(data.flat.numpy(), data.lengths, int(data.lengths.max(initial=1)), 0.0)


def _answers(model: SequenceCNN, data: SymbolSet, parts: Parts) -> np.ndarray:
    description = parts.description
    model.eval()
    rows = int(data.offset[-1]) if model.per_residue else len(data)
    result = torch.zeros(rows, description.outputs)
    with torch.inference_mode():
        for batch in inference_batches(data.cost, data.width, 2 * TOKENS):
            symbols = data.batch(batch)
            logits = model(symbols)
            if model.per_residue:
                place = data.align(torch.arange(rows), batch, 0)[symbols.mask]
                result[place] = torch.softmax(logits[symbols.mask], dim=-1)
            elif description.task == "regression":
                result[torch.from_numpy(batch)] = torch.from_numpy(description.own_units(logits.numpy())).float()
            elif description.task == "multilabel":
                result[torch.from_numpy(batch)] = torch.sigmoid(logits)
            else:
                result[torch.from_numpy(batch)] = torch.softmax(logits, dim=-1)
    return result.numpy()

"""Diverged training (NaN or infinite values) stops at once, before anything is selected or saved."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from xmr.errors import XmrError
from xmr.training.settings import TrainingSettings


class TrainingDivergedError(XmrError):
    """The loss or the predictions are NaN or infinite."""

    exit_status = 2


def check_loss(loss: float, step: int, settings: TrainingSettings) -> float:
    """The loss of a step. Raises TrainingDivergedError if it is NaN or infinite."""
    if math.isnan(loss):
        raise _diverged(f"a NaN or infinite loss at step {step + 1}", settings)
    return loss


def check_answers(answers: Tensor, settings: TrainingSettings) -> Tensor:
    """Probabilities or values. Raises TrainingDivergedError if one is NaN or infinite."""
    if bool(torch.isnan(answers).any()):
        raise _diverged("NaN or infinite predictions", settings)
    return answers


def _diverged(found: str, settings: TrainingSettings) -> TrainingDivergedError:
    name, rate = (
        ("search.step", settings.search.step) if settings.searches else ("learning_rate", settings.learning_rate)
    )
    value = "its default" if rate is None else f"{rate:g}"
    return TrainingDivergedError(f"training.{name}: found {value} and {found}; expected a smaller one")

"""Training whose steps are too large leaves the numbers: said where it happens, before anything is chosen or saved."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from xmr.errors import XmrError
from xmr.training.settings import TrainingSettings


class TrainingDivergedError(XmrError):
    """The loss or the answers are no numbers any more."""

    exit_status = 2


def check_loss(loss: float, step: int, settings: TrainingSettings) -> float:
    """The loss of a step. Raises TrainingDivergedError where it is no number."""
    if math.isnan(loss):
        raise _diverged(f"a loss that is no number at step {step + 1}", settings)
    return loss


def check_answers(answers: Tensor, settings: TrainingSettings) -> Tensor:
    """Probabilities or values. Raises TrainingDivergedError where one is no number."""
    if bool(torch.isnan(answers).any()):
        raise _diverged("answers that are no numbers", settings)
    return answers


def _diverged(found: str, settings: TrainingSettings) -> TrainingDivergedError:
    rate = f"{settings.learning_rate:g}"
    return TrainingDivergedError(f"training.learning_rate: found {rate} and {found}; expected a smaller one")

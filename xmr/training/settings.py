"""The `training` section of a recipe."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt, Le, Lt
from pydantic import Field

from xmr.core.component import Section
from xmr.errors import Problem
from xmr.training.zeroth_order.settings import SEARCHES, SearchSettings, SubspaceSettings

COMPILED = 1000  # steps


class TrainingSettings(Section):
    """By default AdamW with linear warm-up and cosine decay; gradients are clipped separately for each program."""

    epochs: Annotated[int, Ge(0), Le(1_000_000)] = Field(
        20, description="passes over the training set; 0: an untrained program, for outputs solved in closed form"
    )
    min_steps: Annotated[int, Ge(0), Le(10_000_000)] = Field(
        0, description="minimum number of optimizer steps; a small training set is passed over more often"
    )
    learning_rate: Annotated[float, Gt(0)] = Field(3e-3, description="peak learning rate")
    output_lr_scale: Annotated[float, Gt(0)] = Field(
        1.0, description="learning rate of the output, as a multiple of learning_rate"
    )
    optimizer: Literal["adamw", "adam", "sgd", "rgf", "spsa", "zip", "cma"] = Field(
        "adamw",
        description="sgd uses momentum 0.9; rgf (BAR), spsa (BlackVIP), zip and cma search the transform without "
        "gradients (see training.search), for sources that only answer; learning rate, weight decay, schedule and "
        "clipping then apply to the output alone, and the last epoch is compared with epoch 0",
    )
    search: SearchSettings = Field(default_factory=SearchSettings, description="optimizer rgf, spsa, zip, cma")
    subspace: SubspaceSettings | None = Field(
        None,
        description="optimizer rgf, spsa, zip, cma: the numbers that are searched; null: all parameters, or for zip "
        "{kind: low_rank}, for cma {kind: random, size: 48}",
    )
    weight_decay: Annotated[float, Ge(0)] = Field(0.01, description="decoupled weight decay (added to it by adam, sgd)")
    warmup: Annotated[float, Ge(0), Lt(1)] = Field(0.1, description="fraction of the steps with rising learning rate")
    schedule: Literal["cosine", "multistep", "constant"] = Field(
        "cosine",
        description="after warm-up: half a cosine to zero, division by ten at each of `milestones`, or constant",
    )
    milestones: list[Annotated[float, Gt(0), Lt(1)]] = Field(
        [0.5, 0.72],
        description="schedule multistep: fractions of the epochs after which the learning rate is divided by ten",
    )
    batch_tokens: Annotated[int, Ge(1), Le(10_000_000)] = Field(
        2048, description="sequences: maximum number of tokens per batch and program, padding included"
    )
    batch_size: Annotated[int, Ge(1), Le(1_000_000)] = Field(
        64, description="images, signals and tables: records per batch"
    )
    max_grad_norm: Annotated[float, Gt(0)] | None = Field(
        1.0, description="maximum gradient norm per program; null: no clipping"
    )
    patience: Annotated[int, Ge(1)] | None = Field(
        None, description="stop after this many epochs without improvement, but not before `min_steps`"
    )
    class_weights: Literal["none", "balanced"] = Field("none", description="balanced: by inverse class frequency")
    metric: str | None = Field(
        None,
        description="the metric that the best epoch is chosen by and that the report opens with; by default the task's",
    )
    threshold: Literal["half", "validation"] = Field(
        "half",
        description="two classes, or several labels: the probability from which the positive class, or each label, is "
        "predicted: 0.5, or where the Matthews correlation on the validation set is highest (with fewer than three of "
        "its records in a class: where it is predicted as often as in training); saved with the program",
    )
    calibration: Literal["none", "validation"] = Field(
        "none",
        description="classes of records; validation: all logits are divided by the temperature for which the "
        "validation records are most likely; saved with the program (outputs solved in closed form are already scaled "
        "by leave-one-out)",
    )
    decoding_passes: Annotated[int, Ge(1), Le(10_000)] = Field(
        1,
        description="task infilling: passes of the source that fill the m hidden letters of a record, ceil(m / passes) "
        "in each, the most confident first; 1: all at once; saved with the program",
    )
    label_smoothing: Annotated[float, Ge(0), Le(0.5)] = Field(0.0, description="label smoothing of the cross-entropy")
    precision: Literal["auto", "full", "bf16"] = Field(
        "auto",
        description="auto: bfloat16 where the processor supports it; tests and predictions use full precision",
    )

    compile: Literal["auto", "off"] = Field(
        "auto",
        description="torch.compile of the frozen source; auto: on CUDA, in trainings of at least 1,000 steps",
    )

    def compiles(self, device: torch.device, steps: int) -> bool:
        """Whether a training of this number of steps compiles its source, which takes as long as hundreds of them."""
        return (
            self.compile == "auto" and device.type == "cuda" and steps >= COMPILED and find_spec("triton") is not None
        )

    @property
    def searches(self) -> bool:
        """Whether the transform is searched without gradients."""
        return self.optimizer in SEARCHES

    def without_gradient(self, place: str = "training.optimizer") -> list[Problem]:
        """The problem of a transform that learns in front of a source that only answers; [] for a search."""
        if self.searches or not self.epochs:
            return []
        found = f"{self.optimizer!r} for a source that only answers"
        return [Problem(place, found, f"{', '.join(SEARCHES)}, which need no gradient, or training.epochs: 0")]

    def epochs_of(self, steps: int) -> int:
        """Epochs to train, each of `steps` steps, with `min_steps` considered."""
        return max(self.epochs, -(-self.min_steps // max(1, steps))) if self.epochs else 0

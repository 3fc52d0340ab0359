"""The `training` section of a recipe."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt
from pydantic import Field

from xmr.core.component import Section


class TrainingSettings(Section):
    """By default AdamW with linear warm-up and cosine decay, gradients clipped for each program on its own."""

    epochs: Annotated[int, Ge(1), Le(1_000_000)] = Field(20, description="passes over the training part")
    min_steps: Annotated[int, Ge(0), Le(10_000_000)] = Field(
        0, description="at least so many steps of the optimiser: a small training part is passed over more often"
    )
    learning_rate: Annotated[float, Gt(0)] = Field(3e-3, description="peak learning rate")
    output_rate: Annotated[float, Gt(0)] = Field(1.0, description="the output's learning rate as a multiple of it")
    optimizer: Literal["adamw", "adam", "sgd"] = Field("adamw", description="sgd with momentum 0.9")
    weight_decay: Annotated[float, Ge(0)] = Field(0.01, description="decoupled weight decay (added to it by adam, sgd)")
    warmup: Annotated[float, Ge(0), Lt(1)] = Field(0.1, description="share of the steps with rising rate")
    schedule: Literal["cosine", "steps", "constant"] = Field(
        "cosine", description="after warm-up: half a cosine to zero, a tenth at each of `milestones`, or nothing"
    )
    milestones: list[Annotated[float, Gt(0), Lt(1)]] = Field(
        [0.5, 0.72], description="schedule steps: shares of the epochs after which the rate falls to a tenth"
    )
    batch_tokens: Annotated[int, Ge(1), Le(10_000_000)] = Field(
        2048, description="padded tokens of a batch, for each program"
    )
    batch_size: Annotated[int, Ge(1), Le(1_000_000)] = Field(
        64, description="records of a batch where all have one size (pictures); batch_tokens does not count there"
    )
    clip: Annotated[float, Gt(0)] | None = Field(1.0, description="largest gradient norm of a program; null: any")
    patience: Annotated[int, Ge(1)] | None = Field(
        None, description="stop after so many epochs without improvement, but not before `min_steps`"
    )
    class_weights: Literal["none", "balanced"] = Field("none", description="balanced: by inverse class frequency")
    label_smoothing: Annotated[float, Ge(0), Le(0.5)] = Field(0.0, description="of the cross-entropy")
    precision: Literal["auto", "full", "bf16"] = Field(
        "auto",
        description="auto: bfloat16 where the processor computes in it; tests and predictions use full precision",
    )

"""The `training` section of a recipe."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, ConfigDict, Field


class TrainingSettings(BaseModel):
    """AdamW with linear warm-up and cosine decay, gradients clipped for each program on its own."""

    model_config = ConfigDict(extra="forbid")

    epochs: Annotated[int, Ge(1)] = Field(20, description="passes over the training part")
    learning_rate: Annotated[float, Gt(0)] = Field(3e-3, description="peak learning rate")
    output_rate: Annotated[float, Gt(0)] = Field(1.0, description="the output's learning rate as a multiple of it")
    weight_decay: Annotated[float, Ge(0)] = Field(0.01, description="decoupled weight decay")
    warmup: Annotated[float, Ge(0), Lt(1)] = Field(0.1, description="share of the steps with rising rate")
    batch_tokens: Annotated[int, Ge(1)] = Field(2048, description="padded tokens of a batch, for each program")
    clip: Annotated[float, Gt(0)] = Field(1.0, description="largest gradient norm of a program")
    patience: Annotated[int, Ge(1)] | None = Field(None, description="stop after so many epochs without improvement")
    class_weights: Literal["none", "balanced"] = Field("none", description="balanced: by inverse class frequency")
    label_smoothing: Annotated[float, Ge(0), Le(0.5)] = Field(0.0, description="of the cross-entropy")
    precision: Literal["auto", "full", "bf16"] = Field(
        "auto",
        description="auto: bfloat16 where the processor computes in it; tests and predictions use full precision",
    )

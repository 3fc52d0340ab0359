"""The sections `training.search` and `training.subspace` of a recipe."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt
from pydantic import Field

from xmr.core.component import Section

SEARCHES = ("rgf", "spsa", "zip", "cma")
Kind = Literal["low_frequency", "random", "low_rank"]


class SearchSettings(Section):
    """Settings of `optimizer: rgf`, `spsa`, `zip` and `cma`, in levels: root mean square changes of the source's input,
    in 1/255 of the range of a pixel, or in 1/255 of the root mean square of another input.

    A step compares the losses of several programs on one batch, with the same augmentation and output, without gradient
    and in full precision. Each of these losses asks the source about every record of the batch.
    """

    step: Annotated[float, Gt(0)] | None = Field(
        None,
        description="size of the first step in levels, or of cma's first samples; null: 1, 4 in a subspace, 24 for cma",
    )
    smoothing: Annotated[float, Gt(0)] = Field(
        2.0, description="rgf, spsa, zip: distance in levels at which losses are compared"
    )
    directions: Annotated[int, Ge(1), Le(10_000)] = Field(
        5, description="directions per step; rgf asks once for each and once more, spsa and zip twice for each"
    )
    random: Literal["signs", "segmented"] = Field(
        "signs", description="spsa, zip: entries of a direction: -1 or 1, or -1 to -0.5 and 0.5 to 1 (BlackVIP's)"
    )
    momentum: Annotated[float, Ge(0), Lt(1)] = Field(0.5, description="spsa: of its look-ahead (Nesterov); 0: none")
    population: Annotated[int, Ge(3), Le(10_000)] | None = Field(
        None, description="cma: programs compared per step; null: 4 + 3 ln(numbers searched), rounded down"
    )


class SubspaceSettings(Section):
    """The few numbers z that are searched in place of all d parameters: theta = theta_0 + A(z).

    `low_frequency`: size x size values for each channel of an image-sized parameter, resized to it bilinearly.
    `random`: `size` numbers by a random matrix with entries N(0, 1 / size). `low_rank`: U diag(s) V^T + 1 v^T of rank
    `rank`, one row for each block of the parameters (a token of a prompt, one of 4 x 4 tiles of an image, a row),
    each of which a random matrix makes from size / blocks numbers. Source: ZIP, ICLR 2025.
    """

    kind: Kind = Field(description="how parameters depend on the numbers searched")
    size: Annotated[int, Ge(1), Le(1_000_000)] | None = Field(
        None, description="see above; null: 4 (low_frequency), 100 (random), 500 (low_rank)"
    )
    rank: Annotated[int, Ge(1), Le(1000)] = Field(5, description="low_rank: columns of U and V")

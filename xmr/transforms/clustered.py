"""One border for each cluster of the source's features of the training images."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
import torch
from annotated_types import Ge, Gt, Le
from torch import Generator, Tensor, nn

from xmr.core.kinds import Batch
from xmr.core.spaces import PixelInput
from xmr.transforms.base import Features
from xmr.transforms.frame import Border
from xmr.transforms.pixels import Interpolation, Units


class ClusteredBorder(Border):
    """K borders, one per cluster of the source's features; an image gets the border of the nearest cluster.

    The clusters are k-means centers of the training set's features, computed once before training (the published
    method uses agglomerative clustering with a threshold). Each forward pass runs the source once more, without
    gradient, on the plain image. Source: DAM-VP, CVPR 2023, arXiv 2303.15466.

    Args:
        clusters: number of borders.
        scale: side of the image as a fraction of the source's side.
        units: add in `pixel` values and normalize after, or in the source's `normalized` units without squashing.
        interpolation: how the image is resized.
    """

    needs_features: ClassVar[bool] = True
    reads_features: ClassVar[bool] = True
    centres: Tensor

    def __init__(
        self,
        clusters: Annotated[int, Ge(1), Le(4096)] = 4,
        scale: Annotated[float, Gt(0), Le(1)] = 0.5,
        units: Units = "pixel",
        interpolation: Interpolation = "bilinear",
    ) -> None:
        super().__init__(scale, False, units, interpolation)
        self.clusters = clusters

    def make(self, generator: Generator) -> None:
        """Initialize K borders delta = 0."""
        super().make(generator)
        self.delta = nn.Parameter(self.zeros().repeat(self.clusters, 1, 1, 1))

    def set_feature_extractor(self, features: Features, width: int, generator: Generator) -> None:
        """Random centers until `fit_features` computes them."""
        self.features = features
        self.register_buffer("centres", torch.randn(self.clusters, width, generator=generator))

    def fit_features(self, features: Tensor, generator: Generator) -> None:
        """k-means on the features (n, D'); with fewer records than clusters, the other centers stay far away."""
        from sklearn.cluster import KMeans

        seed = int(torch.randint(2**31 - 1, (1,), generator=generator))
        found = min(self.clusters, len(np.unique(features.numpy(), axis=0)))
        centres = KMeans(found, n_init=4, random_state=seed).fit(features.double().numpy()).cluster_centers_
        with torch.no_grad():
            self.centres.fill_(1e6)
            self.centres[:found] = torch.from_numpy(centres).to(self.centres)

    def cluster(self, encoded: Batch) -> Tensor:
        """The cluster of each image: (B,) int64."""
        features = self.features(self.plain(encoded)).to(self.centres)
        return torch.cdist(features, self.centres).argmin(dim=1)

    def forward(self, encoded: Batch) -> PixelInput:
        """(B, C, h, w) -> (B, C', H, W)."""
        picture, mask = self.placed(encoded)
        frame = self.frame()[self.cluster(encoded)] * mask
        if self.units == "pixel":
            return PixelInput(picture + frame)
        return PixelInput(self.normalize(picture) * (1 - mask) + frame, normalized=True)

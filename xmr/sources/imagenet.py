"""The names of the 1,000 ImageNet classes, in the order of their outputs in most networks."""

from __future__ import annotations

from pathlib import Path

IMAGENET_CLASSES = tuple(Path(__file__).with_name("imagenet_classes.txt").read_text(encoding="utf-8").splitlines())

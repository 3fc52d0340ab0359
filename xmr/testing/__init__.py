"""Conformance checks for built-in and third-party components: `check_transform(MyTransform)`."""

from xmr.testing.conformance import check_encoder, check_output, check_source, check_transform

__all__ = ["check_encoder", "check_output", "check_source", "check_transform"]

"""Checks that every component passes, built-in or not; `xmr check-component my_file.py` runs them on a plugin.

from xmr.testing import check_transform
check_transform({"name": "my_transform", "width": 3}, source)
"""

from xmr.testing.encoders import check_encoder
from xmr.testing.outputs import check_output
from xmr.testing.sources import check_source
from xmr.testing.transforms import check_transform

__all__ = ["check_encoder", "check_output", "check_source", "check_transform"]

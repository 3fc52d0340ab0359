"""Peak memory is that of the stretch of work asked about."""

import sys

import numpy as np
import pytest

from xmr.core.memory import PeakMemory


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux sets its high-water mark back")
def test_it_forgets_what_was_before():
    before = PeakMemory().start().mib()
    held = PeakMemory().start()
    np.ones(400 * 2**17).sum()  # 400 MiB, let go at once
    assert 350 < held.mib() - before < 700
    assert PeakMemory().start().mib() < before + 200


def test_it_is_a_number_of_mebibytes():
    assert 20 < PeakMemory().start().mib() < 100_000

"""Calls to a service in flight together, compared with one after the other, in one run; prints, asserts no time."""

import time

import pytest

from tests.sources.test_black_box import Service, http_source, pixels

pytestmark = pytest.mark.benchmark
CALLS, DELAY = 96, 0.05


def test_calls_in_flight_together() -> None:
    """At 50 ms a call; the aim is 12 times the serial rate."""
    service, seconds = Service(), {}
    for parallel in (1, 16):
        source = http_source(service, batch=1, parallel=parallel).load()
        service.delay = DELAY
        started = time.perf_counter()
        source(pixels(CALLS, seed=parallel))
        seconds[parallel] = time.perf_counter() - started
        service.delay = 0.0
    service.server.shutdown()
    ratio = seconds[1] / seconds[16]
    print(f"\none call after the other {seconds[1]:.2f} s, 16 in flight {seconds[16]:.2f} s: {ratio:.1f} x (ideal 16)")

"""Any pair of rates: torchaudio's own numbers for usual ones, its filter in bounded memory for all others."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch

from xmr.encoders.resampling import LARGEST_KERNEL, _reach, resampled

functional = pytest.importorskip("torchaudio.functional")
transforms = pytest.importorskip("torchaudio.transforms")
USUAL = (8000, 11025, 16000, 22050, 24000, 44100, 48000)


@pytest.mark.parametrize("old", USUAL)
def test_usual_rates_are_resampled_by_torchaudio_bit_for_bit(old):
    wave = np.random.default_rng(0).standard_normal(3001).astype(np.float32)
    for new in USUAL:
        expected = transforms.Resample(old, new)(torch.from_numpy(wave)).numpy()
        np.testing.assert_array_equal(resampled(wave, old, new), expected)


@pytest.mark.parametrize(("old", "new"), [(1499, 1201), (1201, 1499), (2003, 800), (801, 2003)])
def test_other_rates_are_the_same_filter(old, new):
    """torchaudio in double precision; in single precision it rounds the filter's phase, by up to 6e-4."""
    wave = np.random.default_rng(0).standard_normal(3001).astype(np.float32)
    assert new * (2 * _reach(old, new) + old) > LARGEST_KERNEL
    expected = functional.resample(torch.from_numpy(wave).double(), old, new).numpy()
    made = resampled(wave, old, new)
    assert made.dtype == np.float32
    assert abs(len(made) - len(expected)) <= 1
    np.testing.assert_allclose(made[: len(expected)], expected[: len(made)], atol=2e-6)


@pytest.mark.parametrize(("old", "new"), [(44_099, 16_000), (15_999, 16_000), (1_000_003, 16_000), (101, 48_000)])
def test_a_tone_keeps_its_pitch_and_its_length(old, new):
    pitch = 20.3
    seconds = 0.5
    wave = np.sin(2 * np.pi * pitch * np.arange(round(old * seconds)) / old).astype(np.float32)
    made = resampled(wave, old, new)
    assert len(made) == -(-len(wave) * new // old)
    expected = np.sin(2 * np.pi * pitch * np.arange(len(made)) / new)
    inner = slice(len(made) // 4, -len(made) // 4)
    np.testing.assert_allclose(made[inner], expected[inner], atol=0.02)


def test_odd_rates_take_little_memory(tmp_path):
    """44,099 samples per second took kernels of 5.6 GB; here 1.5 GiB of addresses are left."""
    code = """
        import resource
        import numpy as np
        import torch
        from xmr.encoders.resampling import resampled
        resampled(np.zeros(100, np.float32), 8000, 16000)
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (3 << 29),) * 2)
        for old in (44099, 22255, 9999991):
            print(len(resampled(np.zeros(50000, np.float32), old, 16000)))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["18142", "35947", "81"], done.stderr[-500:]

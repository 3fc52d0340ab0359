"""A run over a service is killed at random questions and resumed: the same program, and nothing asked twice."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sources.test_black_box import CLASSES, SIZE, Service

KILLS = 20
RECIPE = """
task: classification
data: {{dataset: digits, split: {{by: random, test: 40, n_labelled: 60, validation: 0.25}}}}
encoder: {{name: image, channels: 1}}
source: {{name: http_image, url: "{url}", classes: {classes}, size: [{size}, {size}], batch: 8, parallel: 1,
  queries: 800}}
transform: {{name: watermark}}
output: {{name: ridge}}
training: {{epochs: 3, batch_size: 16, optimizer: spsa}}
baselines: []
"""


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    yield made
    made.server.shutdown()
    made.server.server_close()


def started(service: Service, folder: Path, *options: str) -> subprocess.Popen[bytes]:
    recipe = folder.parent / "recipe.yaml"
    recipe.write_text(RECIPE.format(url=service.url, classes=CLASSES, size=SIZE))
    command = [
        sys.executable,
        "-m",
        "xmr",
        "run",
        str(recipe),
        "-o",
        str(folder),
        "--quiet",
        "--device",
        "cpu",
        *options,
    ]
    return subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE)


def checksum(folder: Path) -> str:
    return hashlib.sha256((folder / "program" / "program.safetensors").read_bytes()).hexdigest()


@pytest.mark.slow
def test_killed_at_random_questions_and_resumed(service: Service, tmp_path: Path) -> None:
    """A call that a kill interrupts is asked again, because its answer never came; nothing else is."""
    whole = started(service, tmp_path / "whole")
    _, said = whole.communicate()
    assert whole.returncode == 0, said
    in_all = len(service.calls)
    service.calls.clear()
    rng, interrupted = random.Random(0), 0
    for _ in range(400):
        process: Any = started(service, tmp_path / "run", "--resume")

        def kill(process: Any = process) -> tuple[int, dict[str, str], bytes]:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return (0, {}, b"")

        before = len(service.calls)
        if interrupted < KILLS:  # at one of the next calls, never the first, which asks the fixed questions
            place = rng.randint(1, max(2, (in_all - 4) // KILLS))
            service.script = [lambda: None] * place + [kill]
        _, said = process.communicate()
        service.script = []
        assert len(service.calls) > before, said
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, said
        interrupted += 1
    assert interrupted == KILLS
    assert checksum(tmp_path / "run") == checksum(tmp_path / "whole")
    shown = Counter(image for body in service.calls for image in service.images(body))
    fixed = {image for image, _ in shown.most_common(2)}
    again = sum(number - 1 for image, number in shown.items() if image not in fixed)
    assert again <= 8 * KILLS

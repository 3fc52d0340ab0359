"""Sources and programs behind an address: what they answer, refuse and count."""

from __future__ import annotations

import asyncio
import base64
import csv
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import urllib3
from PIL import Image

from tests.tiny import tiny_source
from xmr.commands.predict import predict_file
from xmr.commands.run import run
from xmr.commands.serve.app import application, read_request
from xmr.commands.serve.batching import Batcher
from xmr.commands.serve.model import each
from xmr.commands.serve.program import ServedProgram
from xmr.commands.serve.serve import served_source
from xmr.commands.serve.source import ServedSource
from xmr.core.component import create
from xmr.core.registry import SOURCES
from xmr.core.spaces import PixelInput, TokenInput, WaveInput
from xmr.errors import RecipeError
from xmr.recipe.load import load_recipe
from xmr.sources.vision import ModuleSource

uvicorn = pytest.importorskip("uvicorn")
SIZE = 32


class Plus:
    """A model of numbers: adds one; text is refused."""

    name = "plus"
    output_names = ("sum",)

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def read(self, items: list[Any]) -> list[float]:
        return each(self.one, items)

    def one(self, item: Any) -> float:
        if isinstance(item, dict):
            item = item["text"]
        if isinstance(item, str):
            raise ValueError(f"found {item!r}; expected a number")
        return float(np.sum(item))

    def answer(self, items: list[Any]) -> np.ndarray:
        self.sizes.append(len(items))
        time.sleep(0.02)
        if any(item > 1e6 for item in items):
            raise RuntimeError("too much\nfor it")
        return np.array(items)[:, None] + 1


class Running:
    """An application on loopback, in a thread."""

    def __init__(self, model: Any, **limits: Any) -> None:
        import socket

        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        self.place = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self.server = uvicorn.Server(uvicorn.Config(application(model, **limits), log_level="error"))
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [listening]}, daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)

    def post(self, path: str, body: Any) -> tuple[int, Any]:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        found = urllib3.request("POST", self.place + path, body=content, retries=False)
        return found.status, json.loads(found.data)


@pytest.fixture
def plus() -> Iterator[tuple[Plus, Running]]:
    model = Plus()
    running = Running(model, batch=8, most_bytes=2000, most=20)
    yield model, running
    running.server.should_exit = True
    running.thread.join(10)


def test_both_versions_answer(plus: tuple[Plus, Running]) -> None:
    _, running = plus
    assert running.post("/v1/models/plus:predict", {"instances": [1, 2.5]}) == (200, {"predictions": [[2.0], [3.5]]})
    tensor = {"name": "x", "shape": [2, 2], "datatype": "FP32", "data": [1, 2, 3, 4]}
    status, found = running.post("/v2/models/plus/infer", {"inputs": [tensor]})
    assert status == 200
    assert found["outputs"][0] == {"name": "output", "shape": [2, 1], "datatype": "FP32", "data": [4.0, 8.0]}
    about = urllib3.request("GET", f"{running.place}/v1/models/plus").json()
    assert about == {"name": "plus", "ready": True, "outputs": ["sum"]}
    assert urllib3.request("GET", f"{running.place}/v2/health/ready").status == 200


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"not json", 400, "instances"),
        (b"[]", 400, "instances"),
        (b"[" * 1500, 400, "instances"),
        ({"instances": []}, 400, "no record"),
        ({"instances": 3}, 400, "no record"),
        ({"instances": [1, "two", 3]}, 400, r"instances[1]: found 'two'; expected a number"),
        ({"instances": [0] * 21}, 413, "21 records; expected at most 20"),
        (b" " * 3000, 413, "more than 2,000 bytes"),
        ({"instances": [1e7]}, 500, "too much"),
    ],
)
def test_wrong_requests_get_one_line(plus: tuple[Plus, Running], body: Any, status: int, message: str) -> None:
    _, running = plus
    found = running.post("/v1/models/plus:predict", body)
    assert found[0] == status
    assert message in found[1]["error"]
    assert "\n" not in found[1]["error"]
    assert running.post("/v1/models/plus:predict", {"instances": [1]})[0] == 200  # it goes on serving


def test_requests_that_come_together_share_a_pass(plus: tuple[Plus, Running]) -> None:
    model, running = plus
    answers: dict[int, Any] = {}

    def ask(number: int) -> None:
        answers[number] = running.post("/v1/models/plus:predict", {"instances": [number, -number]})

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {n: (200, {"predictions": [[n + 1.0], [1.0 - n]]}) for n in range(12)}
    assert len(model.sizes) < 12
    assert max(model.sizes) <= 8
    counts = urllib3.request("GET", f"{running.place}/metrics").data.decode()
    assert "xmr_requests_total 12\n" in counts
    assert "xmr_records_total 24\n" in counts


def test_what_fails_fails_alone() -> None:
    async def all_of_them() -> list[Any]:
        batcher = Batcher(Plus(), 8)
        task = asyncio.create_task(batcher.run())
        requests = ([1.0], [1e7], [2.0, 3.0], [4.0])
        found = await asyncio.gather(*map(batcher.answer, requests), return_exceptions=True)
        found.append(await batcher.answer([5.0]))
        task.cancel()
        assert (batcher.model.sizes, batcher.records) == ([5, 2, 1, 1, 3, 1], 5)
        return found

    first, failed, *others = asyncio.run(all_of_them())
    assert isinstance(failed, RuntimeError)
    assert [each.tolist() for each in (first, *others)] == [[[2.0]], [[3.0], [4.0]], [[5.0]], [[6.0]]]


class Tiny(ModuleSource):
    """A small image network."""

    height = width = SIZE

    def network(self) -> torch.nn.Module:
        return torch.nn.Sequential(
            torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(4, 3)
        )


def served(source: Any, outputs: Any = "probabilities") -> tuple[ServedSource, str]:
    return ServedSource(source, "net", outputs), "/v1/models/net:predict"


def test_images_are_answered_as_by_the_source_itself() -> None:
    source = Tiny(weights="random").load(3)
    running = Running(served(source)[0])
    box = create(
        SOURCES,
        {"name": "http_image", "url": f"{running.place}/v1/models/net:predict", "classes": 3, "size": [SIZE, SIZE]},
    )
    shown = PixelInput(torch.rand(5, 3, SIZE, SIZE))
    expected = torch.log_softmax(source.answers(source(PixelInput(torch.round(shown.pixels * 255) / 255)).features), 1)
    assert torch.allclose(box.load()(shown).features, expected, atol=1e-4)
    for protocol, path in (("kserve_v2", "/v2/models/net/infer"), ("kserve_v1", "/v1/models/net:predict")):
        section = {"name": "http_image", "url": running.place + path, "classes": 3, "size": [SIZE, SIZE]}
        arrays = create(SOURCES, {**section, "protocol": protocol, "encoding": "array", "bits": None})
        plain = torch.log_softmax(source.answers(source(shown).features), 1)
        assert torch.allclose(arrays.load()(shown).features, plain, atol=1e-4)
    status, found = running.post("/v1/models/net:predict", {"instances": [{"b64": "AAAA"}]})
    assert status == 400
    assert "no image; expected an RGB image" in found["error"]
    running.server.should_exit = True


def test_clips_are_answered_as_by_the_source_itself() -> None:
    from xmr.sources.mfcc import MFCC

    source = MFCC(n_samples=4000, n_classes=5).load()
    running = Running(served(source)[0])
    section = {"name": "http_audio", "url": f"{running.place}/v1/models/net:predict", "classes": 5, "samples": 4000}
    shown = torch.rand(3, 4000) - 0.5
    rounded = torch.round(shown * 32767) / 32767
    expected = torch.log_softmax(source.answers(source(WaveInput(rounded)).features), 1)
    assert torch.allclose(create(SOURCES, section).load()(WaveInput(shown)).features, expected, atol=1e-3)
    running.server.should_exit = True


def test_texts_are_answered_by_their_tokens() -> None:
    source = tiny_source()
    source.tokenize = lambda texts: [[3 + ord(letter) - 97 for letter in text.replace(" ", "")] for text in texts]
    running = Running(served(source, "features")[0])
    section = {
        "name": "http_text",
        "url": f"{running.place}/v1/models/net:predict",
        "classes": source.hidden_width,
        "outputs": "features",
        "separator": "",
    }
    box = create(SOURCES, section).load()
    rows = torch.eye(26)[torch.tensor([[0, 1, 2], [4, 0, 0]])]
    found = box(TokenInput(rows, torch.tensor([[True] * 3, [True, False, False]]), 0, 3)).features
    model = served(source, "features")[0]
    assert torch.allclose(found, torch.from_numpy(model.answer([[3, 4, 5], [7]])), atol=1e-5)
    assert not torch.allclose(found[0], found[1], atol=1e-3)
    running.server.should_exit = True


def test_read_request_names_what_is_wrong() -> None:
    body = {"inputs": [{"shape": [1], "datatype": "BYTES", "data": ["x"]}]}
    with pytest.raises(Exception, match=r"inputs\[0\]\.data\[0\]: found 'x'"):
        read_request(json.dumps(body).encode(), "kserve_v2", Plus())


def test_a_control_without_words_cannot_be_served() -> None:
    with pytest.raises(RecipeError, match="cannot be asked by others"):
        served_source("identity", [], "features")


@pytest.mark.slow
def test_the_command_answers_what_it_has_begun_when_it_is_stopped() -> None:
    command = [sys.executable, "-m", "xmr", "source", "serve", "mfcc", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ})
    assert process.stdout is not None
    place = process.stdout.readline().split(": ", 1)[1].split(" ")[0]
    metrics, took = place.replace("/v1/models/mfcc:predict", "/metrics"), []
    pool = urllib3.PoolManager()
    for _ in range(21):  # over one connection: none waits 40 ms for an acknowledgement
        started = time.perf_counter()
        assert pool.request("GET", metrics, retries=False).status == 200
        took.append(time.perf_counter() - started)
    assert sorted(took)[10] < 0.03
    answers: list[int] = []
    body = json.dumps({"instances": [[0.0] * 16000] * 50}).encode()

    def ask() -> None:
        answers.append(urllib3.request("POST", place, body=body, retries=False, timeout=60).status)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    while b"requests_total 8" not in urllib3.request("GET", metrics).data:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    for thread in threads:
        thread.join()
    assert answers == [200] * 8
    assert process.wait(30) in (0, -signal.SIGTERM)


def program_of(recipe: str, folder: Path, *overrides: str) -> Path:
    run(load_recipe(recipe, [*overrides, "baselines=[]"]), folder, device="cpu")
    return folder


IDENTITY = ("source={name: identity, width: 16}", "training.epochs=1", "ensemble=1")


def test_a_table_program_answers_objects_by_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = program_of(
        "table/wine", tmp_path / "run", *IDENTITY, "transform={name: feature_tokens}", "output={name: linear}"
    )
    model = ServedProgram(folder)
    running = Running(model, batch=2)
    names = [column.name for column in model.program.encoder.seen]
    row = dict.fromkeys(names, 1.5)
    status, found = running.post("/v1/models/program:predict", {"instances": [row, {**row, names[0]: None}, {}]})
    assert status == 200
    assert [sum(p) for p in found["predictions"]] == pytest.approx([1, 1, 1], abs=1e-5)
    (tmp_path / "rows.csv").write_text(",".join(names) + "\n" + ",".join(["1.5"] * len(names)) + "\n")
    predict_file(folder, tmp_path / "rows.csv", tmp_path / "p.csv", device="cpu")
    with (tmp_path / "p.csv").open() as handle:
        written = next(csv.DictReader(handle))
    assert [float(written[f"p[{name}]"]) for name in model.output_names] == pytest.approx(
        found["predictions"][0], abs=1e-5
    )
    status, found = running.post("/v1/models/program:predict", {"instances": [row, {**row, names[0]: "x"}]})
    assert status == 400
    assert f"instances[1]: found 'x' in column {names[0]!r}; expected a number" in found["error"]
    status, found = running.post("/v1/models/program:predict", {"instances": [row, row, {**row, names[0]: "x"}]})
    assert found["error"].startswith("instances[2]: ")
    read, encoder = [], type(model.program.encoder)
    own = encoder.from_json
    monkeypatch.setattr(
        encoder, "from_json", lambda self, items, folder: (read.extend(items), own(self, items, folder))[1]
    )
    assert running.post("/v1/models/program:predict", {"instances": [row]})[0] == 200
    assert read == [row], "each record is read once"
    assert (
        "unknown column 'colour'"
        in running.post("/v1/models/program:predict", {"instances": [{"colour": 1}]})[1]["error"]
    )
    running.server.should_exit = True


def test_a_sequence_program_answers_texts(tmp_path: Path) -> None:
    fasta = Path(__file__).parents[2] / "docs" / "examples" / "peptides.fasta"
    lines = fasta.read_text().splitlines()
    labelled = tmp_path / "p.csv"
    sequences = [line for line in lines if line and not line.startswith(">")]
    labelled.write_text("sequence,label\n" + "".join(f"{s},{i % 2}\n" for i, s in enumerate(sequences)))
    folder = program_of(
        "protein/custom", tmp_path / "run", *IDENTITY,
        f"data.path={labelled}", "data.input=sequence", "data.target=label",
        "data.split={by: none, validation: 0}", "training.metric=null", "output={name: linear}",
    )  # fmt: skip
    running = Running(ServedProgram(folder))
    status, found = running.post("/v1/models/program:predict", {"instances": sequences[:3]})
    assert status == 200
    assert len(found["predictions"]) == 3
    status, found = running.post("/v1/models/program:predict", {"instances": [sequences[0], "12"]})
    assert status == 400
    assert found["error"].startswith("instances[1]: found")
    assert running.post("/v1/models/program:predict", {"instances": [3]})[0] == 400
    running.server.should_exit = True


def test_a_program_of_a_future_is_not_served(tmp_path: Path) -> None:
    rows = "".join(f"{i},{np.sin(i / 3)}\n" for i in range(200))
    (tmp_path / "t.csv").write_text("time,load\n" + rows)
    small = ("encoder.context_length=16", "encoder.horizon=4", "output.width=4", "transform.patch=4")
    data = ("data.dataset=null", f"data.path={tmp_path / 't.csv'}", "data.split={by: time, test: 0.2, validation: 0.2}")
    folder = program_of("forecast/etth1", tmp_path / "run", *IDENTITY, *small, *data)
    with pytest.raises(RecipeError, match="one prediction per record"):
        ServedProgram(folder)


def test_an_image_program_answers_files(tmp_path: Path) -> None:
    small = "data.split={by: random, test: 20, n_labelled: 40, validation: 0}"
    folder = program_of(
        "image/digits", tmp_path / "run", "source={name: resnet20_cifar10, weights: random}", "training.epochs=0", small
    )
    model = ServedProgram(folder)
    running = Running(model)
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (8, 8), dtype=np.uint8))
    file = io.BytesIO()
    image.save(file, "PNG")
    item = {"b64": base64.b64encode(file.getvalue()).decode()}
    status, found = running.post("/v1/models/program:predict", {"instances": [item, item]})
    assert status == 200
    assert found["predictions"][0] == found["predictions"][1]
    for bad, message in ((3, "instances: item 1: found no file in base64"), ({"b64": "AAAA"}, "instances[1]: found")):
        status, found = running.post("/v1/models/program:predict", {"instances": [item, bad]})
        assert status == 400
        assert message in found["error"]
    assert not model.program.encoder._decoded, "nothing is kept of what was refused"
    running.server.should_exit = True

"""Sources that only answer: what they count, keep and refuse, with a service on this machine."""

from __future__ import annotations

import base64
import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from xmr.commands.predict import predict_file
from xmr.commands.run import run
from xmr.core.component import create, help_of, section_model
from xmr.core.registry import SOURCES
from xmr.core.spaces import PixelInput, TokenInput, WaveInput
from xmr.errors import OutputError, QuestionBudgetError, RecipeError, SourceUnavailableError, XmrWarning
from xmr.outputs.mapping import bayesian
from xmr.recipe.recipe import check_recipe
from xmr.sources.black_box import BlackBox, largest_change
from xmr.sources.log_probabilities import log_probabilities
from xmr.sources.media import Clips, Images, Texts
from xmr.sources.questions import Questions

SIZE, CLASSES = 8, 5


def probabilities_of(images: np.ndarray) -> np.ndarray:
    """A fixed classifier of images (B, H, W, 3) in [0, 1]."""
    weights = np.random.default_rng(0).normal(size=(SIZE * SIZE * 3, CLASSES))
    scores = images.reshape(len(images), -1) @ weights / 4
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


class Box(BlackBox):
    """A classifier in this process that only answers, and remembers what it was asked."""

    space_kind: ClassVar[str] = "pixel"

    def __init__(self, bits: int | None = 8, **asking: Any) -> None:
        super().__init__(**asking)
        self.bits = bits
        self.asked: list[bytes] = []

    def load(self, seed: int = 0) -> Box:
        self.medium = Images(SIZE, SIZE, self.bits)
        return self.adopt({"name": "box"}, self.medium, CLASSES)

    def ask(self, items: np.ndarray) -> np.ndarray:
        self.asked += [item.tobytes() for item in items]
        return probabilities_of(self.medium.numbers(items))  # type: ignore[attr-defined]


def pixels(number: int, seed: int = 1) -> PixelInput:
    return PixelInput(torch.rand(number, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(seed)))


# Answers


def test_log_probabilities_serve_mappings_as_logits_do() -> None:
    """METHODS: z = (2, 0, -1) and log p = z - 2.1698 give the same target probabilities under any omega whose columns
    sum to one."""
    z = np.array([[2.0, 0.0, -1.0]])
    log_p = log_probabilities(z, "logits", 3)
    assert log_p[0] == pytest.approx(z[0] - 2.1698, abs=1e-4)
    omega = torch.tensor([[0.5, 0.2], [0.3, 0.3], [0.2, 0.5]])
    of_z, of_p = (torch.from_numpy(x).float() @ omega for x in (z, log_p))
    assert of_z[0].tolist() == pytest.approx([0.8, -0.1])
    assert of_p[0].tolist() == pytest.approx([-1.3698, -2.2698], abs=1e-4)
    assert torch.softmax(of_p, 1)[0, 0] == pytest.approx(0.7109, abs=1e-4)
    assert bayesian(torch.ones(3, 2), 0.0).sum(dim=0).tolist() == pytest.approx([1, 1])


def test_top_k_shares_the_rest_evenly() -> None:
    answers = np.full((1, 5), np.nan)
    answers[0, 3], answers[0, 1] = 0.6, 0.3
    found = log_probabilities(answers, "top_k", 5)[0]
    assert found[[0, 2, 4]] == pytest.approx(-3.4012, abs=1e-4)  # log(0.1 / 3)
    assert np.exp(found).sum() == pytest.approx(1)


def test_a_label_is_nearly_certain() -> None:
    found = log_probabilities(np.array([2]), "label", 4)[0]
    assert np.exp(found) == pytest.approx([0.01 / 3, 0.01 / 3, 0.99, 0.01 / 3], rel=1e-5)


@pytest.mark.parametrize("answers", [[[2.0, -1.0]], [[0.7, 0.7]], [[0.2, 0.2]]])
def test_numbers_that_are_no_probabilities_are_refused(answers: list[list[float]]) -> None:
    with pytest.raises(RecipeError, match=r"source.outputs.*probabilities"):
        log_probabilities(np.array(answers), "probabilities", 2)


@given(st.integers(1, 6), st.integers(2, 9), st.integers(0, 1000))
def test_log_probabilities_are_normalized(rows: int, classes: int, seed: int) -> None:
    z = np.random.default_rng(seed).normal(size=(rows, classes)) * 5
    assert np.exp(log_probabilities(z, "logits", classes)).sum(axis=1) == pytest.approx(1, abs=1e-4)


# What is asked


def test_views_lie_side_by_side_with_the_plain_one_first() -> None:
    box = Box(views=("negative", "plain")).load()
    assert box.views == ("plain", "negative")
    assert (box.own_width, box.hidden_width, box.classes) == (CLASSES, 2 * CLASSES, CLASSES)
    shown = pixels(4)
    features = box(shown).features
    plain = Box().load()
    assert torch.equal(features[:, :CLASSES], plain(shown).features)
    assert torch.allclose(features[:, CLASSES:], plain(PixelInput(1 - shown.pixels)).features, atol=0.05)
    assert torch.equal(box.answers(features), features[:, :CLASSES])


def test_a_view_twice_is_refused() -> None:
    with pytest.raises(RecipeError, match="each once"):
        Box(views=("plain", "plain"))


def test_equal_pictures_are_one_question() -> None:
    """Two that differ by 0.3 levels are one question at 8 bits, two as real numbers."""
    base = pixels(1).pixels
    base = torch.round(base * 255) / 255
    pair = PixelInput(torch.cat([base, base + 0.3 / 255]).clamp(0, 1))
    for bits, expected in ((8, 1), (None, 2)):
        box = Box(bits=bits).load()
        before = len(box.asked)
        with box.asking("training"):
            box(pair)
            box(pair)
        assert len(box.asked) - before == expected
        assert box.questions.counts["training"] == expected


def test_questions_are_asked_in_batches() -> None:
    sizes: list[int] = []

    class Counting(Box):
        def ask(self, items: np.ndarray) -> np.ndarray:
            sizes.append(len(items))
            return super().ask(items)

    box = Counting(batch=4).load()
    sizes.clear()
    box(pixels(10))
    assert sizes == [4, 4, 2]


def test_no_gradient_and_no_weights() -> None:
    box = Box().load()
    shown = pixels(2)
    shown.pixels.requires_grad_()
    assert not box(shown).features.requires_grad
    assert box.parameter_count() == 0
    assert not Box.gradient


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (np.zeros((2, 3)), "shape"),
        (np.full((2, CLASSES), np.nan), "not a finite number"),
        (np.full((2, CLASSES), 7.0), "sums"),
    ],
)
def test_answers_that_do_not_fit_are_refused(answer: np.ndarray, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    box = Box().load()
    monkeypatch.setattr(box, "ask", lambda items: answer)
    with pytest.raises(RecipeError, match=message):
        box(pixels(2))


def test_an_embedding_has_no_classes() -> None:
    box = Box(outputs="features").load()
    features = box(pixels(2)).features
    assert features.shape == (2, CLASSES)
    assert bool((features >= 0).all())  # as they come: no logarithm
    with pytest.raises(RecipeError, match="no classes to map"):
        box.answers(features)


# Counting and keeping


def test_the_budget_is_refused_before_any_question() -> None:
    box = Box(queries=14).load()
    asked = len(box.asked)
    with pytest.raises(RecipeError, match="at least 15: 10 training and 5 validation"):
        box.questions.plan(15, 10, 5)
    assert len(box.asked) == asked


def test_a_search_leaves_what_is_reserved(tmp_path: Path) -> None:
    box = Box(queries=35).load()
    with box.keeping_answers(tmp_path, 10, 5):
        with box.asking("training"):
            box(pixels(10))
        with box.asking("validation"):
            box(pixels(5, seed=2))
        with box.asking("search"), pytest.raises(QuestionBudgetError, match=r"5 of source\.queries"):
            box(pixels(10, seed=3))
        with box.asking("search"):
            box(pixels(5, seed=3))
        with box.asking("training"):
            box(pixels(10, seed=4))  # the reserve
        assert box.questions.used() == 30
        with box.asking("test"):
            box(pixels(50, seed=5))  # not limited
        assert box.questions.used() == 30


def test_answers_are_kept_and_counts_go_on(tmp_path: Path) -> None:
    first = Box(queries=100).load()
    with first.keeping_answers(tmp_path, 10, 0), first.asking("training"):
        expected = first(pixels(10)).features
    again = Box(queries=100).load()
    asked = len(again.asked)
    with again.keeping_answers(tmp_path, 10, 0), again.asking("training"):
        found = again(pixels(10)).features
        assert again.questions.used() == 10
    assert torch.equal(found, expected)
    assert len(again.asked) == asked


def test_a_failed_call_loses_no_answer(tmp_path: Path) -> None:
    class Failing(Box):
        working = True

        def ask(self, items: np.ndarray) -> np.ndarray:
            if not self.working and len(self.asked) > 8:
                raise SourceUnavailableError("the service is gone")
            return super().ask(items)

    box = Failing(batch=4).load()
    box.working = False
    with box.keeping_answers(tmp_path, 10, 0), box.asking("training"), pytest.raises(SourceUnavailableError):
        box(pixels(16))
    kept = len(box.asked) - 2
    other = Box(batch=4).load()
    with other.keeping_answers(tmp_path, 10, 0), other.asking("training"):
        other(pixels(16))
    assert len(other.asked) - 2 == 16 - kept
    assert not {*other.asked[2:]} & {*box.asked[2:]}


def test_runs_share_answers_by_their_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XMR_ANSWERS", str(tmp_path / "shared"))
    for name, asked in (("a", 10), ("b", 0)):
        (tmp_path / name).mkdir()
        box = Box(queries=10).load()
        with box.keeping_answers(tmp_path / name, 10, 0), box.asking("training"):
            box(pixels(10))
            assert len(box.asked) - 2 == asked
            assert box.questions.used() == 10  # the budget does not depend on what others asked
            assert box.questions.summary()["queries"].get("cached", 0) == 10 - asked


def test_the_cost_counts_what_was_sent() -> None:
    questions = Questions(price=0.01)
    questions.counts.update(training=100, validation=20, cached=30, retried=5, canary=2)
    assert questions.summary()["cost"] == pytest.approx((100 + 20 + 2 - 30 + 5) * 0.01)


def test_a_budget_needs_kept_answers() -> None:
    with pytest.raises(RecipeError, match=r"source.cache"):
        Box(queries=10, cache=False)


def test_a_damaged_file_of_answers_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "answers.sqlite").write_bytes(b"not a database" * 100)
    box = Box().load()
    with pytest.raises(OutputError, match=r"answers.sqlite.*may be removed"), box.keeping_answers(tmp_path, 1, 0):
        pass


def test_drift_is_seen(tmp_path: Path) -> None:
    class Drifting(Box):
        shift = 0.0

        def ask(self, items: np.ndarray) -> np.ndarray:
            found = super().ask(items)
            mixed = found + self.shift * np.eye(CLASSES)[0]
            return mixed / mixed.sum(axis=1, keepdims=True)

    box = Drifting().load()
    box.assert_unchanged()
    Drifting.shift = 0.5
    with pytest.raises(Exception, match="answers otherwise than before: largest change"):
        box.assert_unchanged()
    assert largest_change([[[0, 0.5]]], [[[0, 0.501]]]) == 0.0
    assert largest_change([[[0, 0.5]]], [[[0, 0.9]]]) == pytest.approx(0.4)


# Media


def test_texts_choose_the_nearest_word() -> None:
    medium = Texts(("a", "b", "c"), 10, " ")
    rows = torch.tensor([[[0.9, 0.1, 0.0], [0.1, 0.2, 0.3], [0.0, 1.0, 0.0]], [[0, 1.0, 0], [0, 0, 0], [0, 0, 0]]])
    shown = TokenInput(rows, torch.tensor([[True, True, True], [True, False, False]]), 0, 3)
    assert medium.items(shown, ("plain", "reversed")) == ["a c b", "b", "b c a", "b"]


def test_images_and_clips_survive_their_files() -> None:
    image = Images(SIZE, SIZE, 8)
    items = image.items(pixels(1), ("plain",))
    back = np.asarray(Image.open(io.BytesIO(base64.b64decode(image.encoded(items[0])["b64"]))))
    assert np.array_equal(back, items[0])
    clip = Clips(8000, 100, 16)
    waves = clip.items(WaveInput(torch.linspace(-1, 1, 100)[None]), ("plain",))
    assert waves.dtype == np.int16
    assert waves.min() == -32767
    import wave

    with wave.open(io.BytesIO(base64.b64decode(clip.encoded(waves[0])["b64"]))) as file:
        assert np.array_equal(np.frombuffer(file.readframes(100), "<i2"), waves[0])


@pytest.mark.parametrize("view", ["plain", "negative", "half", "quarter", "mirrored", "zoomed"])
def test_views_of_images_keep_size_and_range(view: str) -> None:
    items = Images(SIZE, SIZE, None).items(pixels(2), (view,))
    assert items.shape == (2, SIZE, SIZE, 3)
    assert 0 <= items.min() <= items.max() <= 1


@pytest.mark.parametrize("view", ["plain", "quiet", "slow", "fast", "reversed"])
def test_views_of_clips_keep_their_length(view: str) -> None:
    assert Clips(8000, 101, None).items(WaveInput(torch.rand(2, 101)), (view,)).shape == (2, 101)


# A service behind an address


class Server(ThreadingHTTPServer):
    """A server whose queue holds all connections that open at once."""

    request_queue_size = 128
    daemon_threads = True


class Service:
    """A service on loopback. `answer`: bytes of images -> (status, headers, body), or None for the classifier."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.script: list[Callable[[], tuple[int, dict[str, str], bytes] | None]] = []
        self.delay = 0.0
        self.flying = self.most_flying = 0
        self.form: Callable[[np.ndarray], Any] = lambda p: p.tolist()
        self.lock = threading.Lock()
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # otherwise the body waits 40 ms for an acknowledgment of the headers

            def log_message(self, *args: Any) -> None:
                """Silent."""

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with service.lock:
                    service.flying += 1
                    service.most_flying = max(service.most_flying, service.flying)
                    service.calls.append(body)
                    service.headers.append(dict(self.headers))
                    scripted = service.script.pop(0) if service.script else None
                time.sleep(service.delay)
                found = scripted() if scripted else None
                status, headers, content = found or (200, {}, json.dumps(service.reply(body)).encode())
                with service.lock:
                    service.flying -= 1
                if status == 0:  # break the connection
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        self.server = Server(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/v1/models/net:predict"

    def images(self, body: dict[str, Any]) -> list[str]:
        if "instances" in body:
            return [item["b64"] for item in body["instances"]]
        return body["inputs"][0]["data"]

    def reply(self, body: dict[str, Any]) -> dict[str, Any]:
        shown = np.stack([np.asarray(Image.open(io.BytesIO(base64.b64decode(x)))) for x in self.images(body)])
        found = probabilities_of(shown / 255)
        if "instances" in body:
            return {"predictions": self.form(found)}
        flat = found.reshape(-1).tolist()
        return {"outputs": [{"name": "p", "shape": list(found.shape), "datatype": "FP32", "data": flat}]}

    def records(self) -> int:
        return sum(len(self.images(body)) for body in self.calls)


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    yield made
    made.server.shutdown()
    made.server.server_close()


def http_source(service: Service, **more: Any) -> Any:
    section = {"name": "http_image", "url": service.url, "classes": CLASSES, "size": [SIZE, SIZE], **more}
    return create(SOURCES, section)


@pytest.fixture
def fast_retries(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waits are noted instead of waited for."""
    waits: list[float] = []

    def sleep(retry: Any, response: Any = None) -> None:
        waits.append((retry.get_retry_after(response) if response else None) or retry.get_backoff_time())

    monkeypatch.setattr("urllib3.util.retry.Retry.sleep", sleep)
    return waits


@pytest.mark.parametrize("protocol", ["kserve_v1", "kserve_v2"])
def test_a_service_answers_as_the_model_itself(service: Service, protocol: str) -> None:
    source = http_source(service, protocol=protocol, batch=3).load()
    shown = pixels(10)
    rounded = torch.round(shown.pixels * 255).permute(0, 2, 3, 1).numpy() / 255
    expected = np.log(probabilities_of(rounded))
    assert source(shown).features.numpy() == pytest.approx(expected, abs=1e-4)
    assert service.records() == 12  # and two fixed questions


def test_top_k_and_labels_by_name(service: Service) -> None:
    names = [f"class {number}" for number in range(CLASSES)]
    service.form = lambda p: [[{"label": names[k], "score": float(row[k])} for k in (-row).argsort()[:2]] for row in p]
    found = http_source(service, classes=names, outputs="top_k").load()(pixels(4)).features
    assert np.exp(found.numpy()).sum(axis=1) == pytest.approx(1, abs=1e-5)
    service.form = lambda p: [names[k] for k in p.argmax(axis=1)]
    source = http_source(service, classes=names, outputs="label").load()
    assert source(pixels(4)).features.argmax(dim=1).tolist() == found.argmax(dim=1).tolist()


def test_the_token_is_sent_and_told_to_nobody(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SourceUnavailableError, match="XMR_TOKEN_X, which is not set"):
        http_source(service, token_env="XMR_TOKEN_X").load()
    monkeypatch.setenv("XMR_TOKEN_X", "s3cret-value")
    source = http_source(service, token_env="XMR_TOKEN_X").load()
    assert service.headers[-1]["Authorization"] == "Bearer s3cret-value"
    assert "s3cret" not in json.dumps(source.describe())
    service.script = [lambda: (403, {}, b"no access with s3cret-value")]
    with pytest.raises(SourceUnavailableError, match=r"status 403 \(no access with \*\*\*\)") as raised:
        source(pixels(1))
    assert "s3cret" not in str(raised.value)


def test_a_recipe_reaches_no_other_secret(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUD_SECRET", "s3cret-value")
    with pytest.raises(RecipeError, match="begins with XMR_TOKEN"):
        http_source(service, token_env="CLOUD_SECRET")
    assert not service.headers


def test_refusals_are_not_repeated(service: Service, fast_retries: list[float]) -> None:
    source = http_source(service).load()
    for status in (400, 401, 403, 404):
        before = len(service.calls)
        service.script = [lambda status=status: (status, {}, b"not so\nand more")]
        with pytest.raises(SourceUnavailableError, match=rf"status {status}"):
            source(pixels(1))
        assert len(service.calls) == before + 1
    assert not fast_retries


def test_failures_are_repeated_and_counted(service: Service, fast_retries: list[float]) -> None:
    source = http_source(service, price=0.5).load()
    service.script = [
        lambda: (429, {"Retry-After": "7"}, b"slow down"),
        lambda: (500, {}, b"oh"),
        lambda: (0, {}, b""),
    ]
    with source.asking("training"):
        assert source(pixels(2)).features.shape == (2, CLASSES)
    assert fast_retries[0] == 7
    assert source.questions.summary()["queries"] == {"canary": 2, "retried": 6, "training": 2}
    assert source.questions.summary()["cost"] == pytest.approx(5.0)


def test_a_service_that_is_gone_is_one_line(service: Service, fast_retries: list[float]) -> None:
    source = http_source(service, tries=3).load()
    service.script = [lambda: (503, {}, b"maintenance")] * 3
    with pytest.raises(SourceUnavailableError, match=r"status 503 \(maintenance\).*--resume") as raised:
        source(pixels(1))
    assert "\n" not in str(raised.value)
    service.server.shutdown()
    service.server.server_close()
    source._pool.clear()  # connections that are still open
    with pytest.raises(SourceUnavailableError, match="no answer after 3 tries"):
        source(pixels(1, seed=9))


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b"{}",
        b'{"predictions": 3}',
        b'{"predictions": []}',
        b'{"predictions": [[0.5, 0.5]]}',
        b'{"predictions": [[NaN, 0, 0, 0, 1]]}',
        b'{"predictions": [["a", 0, 0, 0, 1]]}',
        b'{"predictions": [[1, [2], 0, 0, 1]]}',
        b'{"predictions": [{"label": 3}]}',
        b'{"predictions": [[3, 3, 3, 3, 3]]}',
        b"\xff\xfe",
    ],
)
def test_answers_of_another_form_are_one_line(service: Service, body: bytes) -> None:
    source = http_source(service).load()
    service.script = [lambda: (200, {}, body)]
    with pytest.raises(RecipeError) as raised:
        source(pixels(1))
    assert len(str(raised.value).splitlines()) == 1


def test_a_service_that_drifts_is_a_warning(service: Service) -> None:
    source = http_source(service).load()
    service.form = lambda p: np.roll(p, 1, axis=1).tolist()
    with pytest.warns(XmrWarning, match="answers otherwise than before"):
        source.assert_unchanged()


def test_redirects_are_not_followed(service: Service) -> None:
    source = http_source(service).load()
    service.script = [lambda: (302, {"Location": "http://127.0.0.1:9/"}, b"")]
    with pytest.raises(SourceUnavailableError, match="status 302"):
        source(pixels(1))


def test_calls_are_in_flight_together(service: Service) -> None:
    source = http_source(service, batch=1, parallel=8).load()
    service.delay = 0.05
    source(pixels(16))
    assert 5 <= service.most_flying <= 8


def test_answers_in_flight_are_kept_when_one_fails(service: Service, tmp_path: Path) -> None:
    source = http_source(service, batch=1, parallel=4, tries=1).load()
    service.delay = 0.05
    service.script = [lambda: (400, {}, b"no")]
    with source.keeping_answers(tmp_path, 4, 0), source.asking("training"):
        with pytest.raises(SourceUnavailableError):
            source(pixels(4))
        before = service.records()
        source(pixels(4))
    assert service.records() - before == 1


@pytest.mark.parametrize("url", ["ftp://host/x", "localhost:80", "http://", "http://me:word@host/x"])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(RecipeError, match=r"source.url"):
        create(SOURCES, {"name": "http_image", "url": url, "classes": 3})


def test_arguments_of_the_base_class_are_documented() -> None:
    for name in ("onnx_image", "onnx_audio", "http_image", "http_audio", "http_text"):
        component = SOURCES.get(name)
        assert {"queries", "batch", "price", "cache", "views", "outputs"} <= set(help_of(component))
        assert set(section_model(component).model_fields) == set(help_of(component))


# Whole runs


def digits(service: Service, **source: Any) -> Any:
    return check_recipe(
        {
            "task": "classification",
            "data": {"dataset": "digits", "split": {"by": "random", "test": 60, "n_labelled": 100, "validation": 0.2}},
            "encoder": {"name": "image", "channels": 1},
            "source": {"name": "http_image", "url": service.url, "classes": CLASSES, "size": [SIZE, SIZE], **source},
            "transform": {"name": "watermark"},
            "output": {"name": "ridge"},
            "training": {"epochs": 0},
            "baselines": ["majority", "linear_probe"],
        },
        ".".join,
    )


def test_a_run_counts_its_questions(service: Service, tmp_path: Path) -> None:
    result = run(digits(service, queries=200, views=["plain", "negative"]), tmp_path / "run", device="cpu")
    assert result["queries"] == {"canary": 4, "test": 120, "training": 160, "validation": 40}
    asked = service.records()
    assert asked == 2 + 320 + 2  # the fixed questions at the beginning and after training
    again = run(digits(service, queries=200, views=["plain", "negative"]), tmp_path / "run", device="cpu", resume=True)
    assert again["test"] == result["test"]
    assert service.records() == asked


def test_a_run_that_is_stopped_asks_nothing_twice(service: Service, tmp_path: Path) -> None:
    expected = run(digits(service, batch=16), tmp_path / "whole", device="cpu")
    service.calls.clear()
    service.script = [lambda: None] * 4 + [lambda: (400, {}, b"stop")]
    with pytest.raises(SourceUnavailableError):
        run(digits(service, batch=16, parallel=1), tmp_path / "run", device="cpu")
    result = run(digits(service, batch=16, parallel=1), tmp_path / "run", device="cpu", resume=True)
    assert result["test"] == expected["test"]
    shown = [image for body in service.calls[:-1] for image in service.images(body)]
    twice = {image for image in shown if shown.count(image) > 1}
    assert len(twice) <= 2 + 16  # the fixed questions, and the call that was refused


def test_a_budget_below_one_question_per_record_is_refused(service: Service, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="at least 100: 80 training and 20 validation"):
        run(digits(service, queries=99), tmp_path / "run", device="cpu")
    assert service.records() == 2


def test_predictions_are_limited_and_resumed(service: Service, tmp_path: Path) -> None:
    run(digits(service), tmp_path / "run", device="cpu")
    images = tmp_path / "images"
    images.mkdir()
    for number in range(10):
        Image.fromarray(np.random.default_rng(number).integers(0, 255, (8, 8), dtype=np.uint8)).save(
            images / f"{number}.png"
        )
    before = service.records()
    target = tmp_path / "predictions.csv"
    with (
        pytest.warns(XmrWarning, match="sends its inputs to http://127"),
        pytest.raises(QuestionBudgetError, match="a larger --queries continues"),
    ):
        predict_file(tmp_path / "run", images, target, queries=7, chunk=4, device="cpu")
    assert service.records() - before == 2 + 4
    with pytest.warns(XmrWarning):
        done = predict_file(tmp_path / "run", images, target, queries=6, chunk=4, device="cpu")
    assert done.written == 10
    assert service.records() - before == 2 + 4 + 2 + 6
    assert "6 prediction" in done.notes[-1]

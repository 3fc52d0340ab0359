"""Without a network, a model by hub name is refused in two seconds, and the message says what brings it."""

import socket
import threading
import time

import pytest

from xmr.core import hub
from xmr.errors import SourceUnavailableError
from xmr.sources.hugging_face import opened
from xmr.sources.weights import load_weights


@pytest.fixture
def online(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.delenv("XMR_MODELS", raising=False)
    monkeypatch.delenv("XMR_DATA", raising=False)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)


def refused(*_, **__):
    raise OSError("no network")


def silent(*_, **__):
    time.sleep(4)
    raise OSError("no answer")


@pytest.mark.parametrize("answer", [refused, silent], ids=["refused", "silent"])
def test_without_a_network_a_hub_name_ends_in_two_seconds(online, monkeypatch, answer):
    monkeypatch.setattr(socket, "create_connection", answer)
    started = time.perf_counter()
    with pytest.raises(SourceUnavailableError, match=r"huggingface\.co cannot be reached"), opened("some/model"):
        pass
    assert time.perf_counter() - started < 2


def test_a_hub_that_answers_is_asked_and_a_proxy_stands_in_for_it(online, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=server.accept, daemon=True).start()
        port = server.getsockname()[1]
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{port}")
        assert hub.hub_fault() == ""
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "https://hub.invalid")
        assert hub.hub_fault() == "https://hub.invalid cannot be reached"
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        assert hub.hub_fault() == ""


def test_a_model_that_is_not_here_is_refused_with_the_command_that_brings_it(online, monkeypatch):
    monkeypatch.setattr(hub, "_answers", lambda host, port: False)
    for name, model in (("mobilenet_v1_0.5_160", "mobilenet_v1_0.5_160"), ("yamnet", "yamnet")):
        with pytest.raises(SourceUnavailableError, match=f": `xmr source get {model}` brings it"), opened(name):
            pass
    for name, model in (("honk_speech_commands.pt", "keyword_cnn"), ("resnet20_cifar10.pt", "resnet20_cifar10")):
        with pytest.raises(SourceUnavailableError, match=f"`xmr source get {model}` brings it"):
            load_weights(name)
    with pytest.raises(SourceUnavailableError) as error:
        load_weights("mine.pt")
    assert "xmr source get" not in str(error.value)

"""Ctrl-C during training, in the main thread and in others."""

import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.training.test_loop import fit, same
from xmr.training.divergence import TrainingDivergedError
from xmr.training.interrupt import stop_on_interrupt


def test_the_first_one_is_asked_about_and_the_second_stops_at_once():
    before = signal.getsignal(signal.SIGINT)
    with stop_on_interrupt() as asked:
        assert not asked()
        signal.raise_signal(signal.SIGINT)
        assert asked()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_handler_that_could_not_be_put_back_stays(monkeypatch):
    """None says that it was not set from Python."""
    monkeypatch.setattr(signal, "getsignal", lambda number: None)
    monkeypatch.setattr(signal, "signal", None)
    with stop_on_interrupt() as asked:
        assert not asked()


def test_another_thread_trains_without_a_handler(tmp_path):
    before = signal.getsignal(signal.SIGINT)
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(fit, tmp_path, name="thread").result()[0]
    assert same(fit(tmp_path, name="main")[0], found)
    assert signal.getsignal(signal.SIGINT) is before


def test_what_fails_in_another_thread_is_one_error_with_no_other_behind_it(tmp_path):
    with ThreadPoolExecutor(1) as pool:
        failed = pool.submit(fit, tmp_path, learning_rate=1e30, epochs=9).exception()
    assert isinstance(failed, TrainingDivergedError)
    assert failed.__context__ is None

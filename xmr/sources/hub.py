"""What every Hugging Face source shares: quiet loading, and an error that says what to pass instead."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from xmr.errors import Problem


def unreachable(name: str, error: Exception, instead: str) -> Problem:
    """The problem "this model cannot be loaded", with the reason and what would work."""
    from huggingface_hub import constants

    offline = constants.HF_HUB_OFFLINE
    reason = "the hub is switched off (HF_HUB_OFFLINE=1)" if offline else str(error).strip().splitlines()[0][:160]
    return Problem(
        "source.model",
        f"{name!r}, which cannot be loaded: {reason}",
        f"a folder with config.json and model.safetensors, a hub name that can be reached, or {instead}",
    )


@contextmanager
def quiet() -> Iterator[None]:
    """transformers without its own progress bars and load reports, which would break ours."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    bar = logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if bar:
            logging.enable_progress_bar()

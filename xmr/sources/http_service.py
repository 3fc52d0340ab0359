"""Services behind an address that speak KServe's JSON: images, audio clips or texts go out, answers come back."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit, urlunsplit

import numpy as np
from annotated_types import Ge, Gt, Le, Len

from xmr.errors import Problem, RecipeError, SourceUnavailableError, XmrWarning, printable, require, shortened
from xmr.sources.black_box import BlackBox
from xmr.sources.kserve import Encoding, Protocol, request, response
from xmr.sources.media import LETTERS, AudioView, Clips, Images, ImageView, Medium, Texts, TextView

# Statuses after which a call is repeated; 501 and 505 would be given again.
AGAIN = tuple(sorted({408, 429, *range(500, 600)} - {501, 505}))
MAX_WAIT = 120  # seconds before a repetition, also where Retry-After asks for more
SHOWN = 200  # characters of a refusal that are shown
_TOKEN = re.compile(r"XMR_TOKEN[A-Z0-9_]*")


class HttpSource(BlackBox):
    """The base of `HttpImage`, `HttpAudio` and `HttpText`.

    A call is repeated at once, then after 2, 4, 8 ... seconds (or what Retry-After says, at most two minutes) where the
    connection breaks or times out, and after statuses 408, 429 and 5xx (but 501 and 505). Redirects are not followed:
    the token stays with the address.

    Args:
        url: address of the model's inference endpoint (http:// or https://).
        classes: number of the service's classes, or their names; of an embedding its width.
        protocol: form of the JSON: KServe's version 1 (as TensorFlow Serving) or 2.
        token_env: name of the environment variable that holds the bearer token; it begins with XMR_TOKEN, and its
            value is written nowhere.
        parallel: calls in flight at once.
        timeout: seconds that one call may take.
        tries: of a call, before the run stops; everything answered so far is kept.
    """

    def __init__(
        self,
        url: str,
        classes: Annotated[int, Ge(1), Le(1_000_000)] | tuple[str, ...],
        protocol: Protocol = "kserve_v1",
        token_env: str | None = None,
        parallel: Annotated[int, Ge(1), Le(256)] = 4,
        timeout: Annotated[float, Gt(0), Le(3600)] = 30.0,
        tries: Annotated[int, Ge(1), Le(20)] = 5,
        **asking: Any,
    ) -> None:
        super().__init__(**asking)
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise RecipeError(
                Problem("source.url", shortened(repr(url)), "an address like https://host/v1/models/NAME:predict")
            )
        if parts.username or parts.password:
            found = "an address with a password"
            raise RecipeError(
                Problem("source.url", found, "one without, and source.token_env: a recipe is no place for it")
            )
        if token_env is not None and not _TOKEN.fullmatch(token_env):
            expected = "a name that begins with XMR_TOKEN, so that a recipe can reach no other secret of this machine"
            raise RecipeError(Problem("source.token_env", repr(token_env), expected))
        self.url = self.address = url
        self.protocol, self.token_env = protocol, token_env
        self.names: tuple[str, ...] = () if isinstance(classes, int) else tuple(classes)
        self.class_count = classes if isinstance(classes, int) else len(classes)
        self.parallel, self.timeout, self.tries = parallel, timeout, tries
        self.encoding: Encoding = "file"

    def connect(self, medium: Medium, facts: dict[str, Any]) -> Self:
        """Open connections. Raises MissingExtraError without urllib3, SourceUnavailableError where nothing answers."""
        urllib3: Any = require("urllib3", "http", "a source behind an address")
        token = os.environ.get(self.token_env or "", "")
        if self.token_env and not token:
            expected = f"a token in it: export {self.token_env}=..."
            raise SourceUnavailableError(Problem("source.token_env", f"{self.token_env}, which is not set", expected))
        self._token = token
        self._headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
        again = urllib3.Retry(
            total=self.tries - 1,
            redirect=0,
            status_forcelist=AGAIN,
            allowed_methods=None,
            backoff_factor=1,
            backoff_jitter=0.25,
            backoff_max=MAX_WAIT,
            retry_after_max=MAX_WAIT,
            raise_on_status=False,
            raise_on_redirect=False,
        )
        self._again = again.new(connect=0)  # an address at which nothing listens is refused at once
        self._pool = urllib3.PoolManager(maxsize=self.parallel, timeout=self.timeout)
        self._errors = urllib3.exceptions.HTTPError
        self.medium, self._classes = medium, self.class_count
        place = urlunsplit(urlsplit(self.url)._replace(fragment=""))
        self.adopt({"url": place, "protocol": self.protocol, **facts}, medium, self.class_count, self.names)
        self._again = again
        return self

    def ask(self, items: Any) -> np.ndarray:
        """See `BlackBox.ask`. Raises SourceUnavailableError where the service refuses, or answers otherwise."""
        body = request(self.protocol, self.medium, items, self.encoding)
        try:
            found = self._pool.request("POST", self.url, body=body, headers=self._headers, retries=self._again)
        except self._errors as error:
            cause = self._hidden(str(getattr(error, "reason", error)))
            if self._again.connect == 0:
                expected = "a service that answers there (`xmr source serve NAME` is one on this machine)"
                raise SourceUnavailableError(
                    Problem(f"source.url {self.url}", f"no answer ({cause})", expected)
                ) from None
            self.questions.note("retried", len(items) * (self.tries - 1))
            raise self._unavailable(f"no answer after {self.tries} tries ({cause})") from None
        self.questions.note("retried", len(items) * (len(found.retries.history) if found.retries else 0))
        if found.status != 200:
            text = self._hidden(found.data[: 4 * SHOWN].decode("utf-8", "replace"))[:SHOWN]
            raise self._unavailable(f"status {found.status} ({text})")
        place = f"source.url {self.url}"
        return response(self.protocol, found.data, len(items), self._classes, self.names, self.outputs, place)

    def calls(self, items: Any, batches: list[list[int]]) -> Iterator[tuple[list[int], np.ndarray]]:
        """See `BlackBox.calls`: several in flight. After a failure those in flight are waited for, and kept."""
        waiting = iter(batches)
        with ThreadPoolExecutor(self.parallel) as threads:
            flying: dict[Future[np.ndarray], list[int]] = {}
            failed: Exception | None = None
            while True:
                while failed is None and len(flying) < self.parallel and (batch := next(waiting, None)) is not None:
                    part = items[batch] if isinstance(items, np.ndarray) else [items[index] for index in batch]
                    flying[threads.submit(self.answered, part)] = batch
                if not flying:
                    break
                for done in wait(flying, return_when=FIRST_COMPLETED).done:
                    batch = flying.pop(done)
                    try:
                        answers = done.result()
                    except Exception as error:
                        failed = failed or error
                        continue
                    yield batch, answers
            if failed is not None:
                raise failed

    def drifted(self, message: str) -> None:
        """A warning: a service is not ours, and may change."""
        import warnings

        warnings.warn(f"{self.url}: {message}", XmrWarning, stacklevel=2)

    def _hidden(self, text: str) -> str:
        """A text of the service without the token, on one line."""
        return printable(text.replace(self._token, "***") if self._token else text)

    def _unavailable(self, found: str) -> SourceUnavailableError:
        expected = "answers; everything answered so far is kept, and the same command with --resume continues"
        return SourceUnavailableError(Problem(f"source.url {self.url}", found, expected))


class HttpImage(HttpSource):
    """An image classifier behind an address, which only answers.

    Args:
        size: height and width of the images that are sent, in pixels.
        encoding: `file` sends PNG files in base64, `array` numbers in [0, 1].
        bits: per channel of an array; null: real numbers. PNG files have 8.
        views: fixed renderings of each record that are asked about; one question for each.
    """

    space_kind: ClassVar[str] = "pixel"

    def __init__(
        self,
        url: str,
        classes: Annotated[int, Ge(1), Le(1_000_000)] | tuple[str, ...],
        size: tuple[Annotated[int, Ge(8), Le(4096)], Annotated[int, Ge(8), Le(4096)]] = (224, 224),
        encoding: Encoding = "file",
        bits: Literal[8, 16] | None = 8,
        views: tuple[ImageView, ...] = ("plain",),
        **service: Any,
    ) -> None:
        super().__init__(url, classes, views=views, **service)
        if encoding == "file" and bits != 8:
            raise RecipeError(Problem("source.bits", f"{bits} for PNG files", "8, or encoding: array"))
        self.size, self.encoding, self.bits = size, encoding, bits

    def load(self, seed: int = 0) -> Self:
        """See `HttpSource.connect`."""
        self.seed = seed
        return self.connect(Images(*self.size, self.bits), {"size": list(self.size), "encoding": self.encoding})


class HttpAudio(HttpSource):
    """An audio model behind an address, which only answers.

    Args:
        rate: samples per second.
        samples: per clip.
        encoding: `file` sends WAV files of 16 bits in base64, `array` numbers in [-1, 1].
        bits: per sample of an array; null: real numbers. WAV files have 16.
        views: fixed renderings of each record that are asked about; one question for each.
    """

    space_kind: ClassVar[str] = "wave"

    def __init__(
        self,
        url: str,
        classes: Annotated[int, Ge(1), Le(1_000_000)] | tuple[str, ...],
        rate: Annotated[int, Ge(1000), Le(192_000)] = 16_000,
        samples: Annotated[int, Ge(100), Le(10_000_000)] = 16_000,
        encoding: Encoding = "file",
        bits: Literal[8, 16] | None = 16,
        views: tuple[AudioView, ...] = ("plain",),
        **service: Any,
    ) -> None:
        super().__init__(url, classes, views=views, **service)
        if encoding == "file" and bits != 16:
            raise RecipeError(Problem("source.bits", f"{bits} for WAV files", "16, or encoding: array"))
        self.rate, self.samples, self.encoding, self.bits = rate, samples, encoding, bits

    def load(self, seed: int = 0) -> Self:
        """See `HttpSource.connect`."""
        self.seed = seed
        facts = {"rate": self.rate, "samples": self.samples, "encoding": self.encoding}
        return self.connect(Clips(self.rate, self.samples, self.bits), facts)


class HttpText(HttpSource):
    """A language model behind an address that takes texts, and only answers.

    Sequences become texts of given words: the transform chooses a word per symbol.

    Args:
        words: the words that texts are made of, by default the letters a to z.
        separator: between two words.
        max_length: words per text.
        views: fixed renderings of each record that are asked about; one question for each.
    """

    space_kind: ClassVar[str] = "token"

    def __init__(
        self,
        url: str,
        classes: Annotated[int, Ge(1), Le(1_000_000)] | tuple[str, ...],
        words: Annotated[tuple[str, ...], Len(2, 10_000)] = LETTERS,
        separator: str = " ",
        max_length: Annotated[int, Ge(1), Le(100_000)] = 512,
        views: tuple[TextView, ...] = ("plain",),
        **service: Any,
    ) -> None:
        super().__init__(url, classes, views=views, **service)
        if len({*words}) < len(words):
            raise RecipeError(Problem("source.words", "a word twice", "words that differ"))
        self.words, self.separator, self.max_length = words, separator, max_length

    def load(self, seed: int = 0) -> Self:
        """See `HttpSource.connect`."""
        self.seed = seed
        return self.connect(Texts(self.words, self.max_length, self.separator), {"separator": self.separator})

"""Requests that come at the same time are answered together: one pass of the model for all of them."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from xmr.commands.serve.model import ItemError, ServedModel

WAIT = 0.003  # seconds in which further requests may join


class Batcher:
    """Collects the items of requests, at most `most` per pass, and answers each request with its own rows.

    The model runs in one thread, so that the server keeps on reading meanwhile: while a pass runs, requests gather.
    """

    def __init__(self, model: ServedModel, most: int) -> None:
        self.model, self.most = model, most
        self.waiting: asyncio.Queue[tuple[list[Any], asyncio.Future[np.ndarray]]] = asyncio.Queue()
        self.thread = ThreadPoolExecutor(1)
        self.passes = self.records = 0

    async def answer(self, items: list[Any]) -> np.ndarray:
        """The answers to the items of one request: (n, K)."""
        done: asyncio.Future[np.ndarray] = asyncio.get_running_loop().create_future()
        await self.waiting.put((items, done))
        return await done

    async def run(self) -> None:
        """Answer requests until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            together = [await self.waiting.get()]
            try:
                async with asyncio.timeout(WAIT):
                    while sum(len(items) for items, _ in together) < self.most:
                        together.append(await self.waiting.get())
            except TimeoutError:
                pass
            answers = await loop.run_in_executor(self.thread, self._answers, [items for items, _ in together])
            for (_, done), answer in zip(together, answers):
                if done.done():  # the client is gone
                    continue
                if isinstance(answer, Exception):
                    done.set_exception(answer)
                else:
                    done.set_result(answer)

    def _answers(self, requests: list[list[Any]]) -> list[np.ndarray | Exception]:
        """The answers to each request, or why there is none: what fails is halved until one request fails alone."""
        items = [item for request in requests for item in request]
        parts = []
        try:
            for begin in range(0, len(items), self.most):
                parts.append(self._answer(items, begin))
        except Exception as error:
            half = len(requests) // 2
            return [*self._answers(requests[:half]), *self._answers(requests[half:])] if half else [error]
        self.passes += len(parts)
        self.records += len(items)
        return [*np.split(np.concatenate(parts), np.cumsum([*map(len, requests)])[:-1])]

    def _answer(self, items: list[Any], begin: int) -> np.ndarray:
        """One pass. Raises ItemError with the place among all items."""
        try:
            return self.model.answer(items[begin : begin + self.most])
        except ItemError as error:
            raise ItemError(None if error.index is None else begin + error.index, str(error)) from error

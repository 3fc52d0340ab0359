"""Requests that come at the same time are answered together: one pass of the model for all of them."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from xmr.commands.serve.model import ServedModel

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
            everything = [item for items, _ in together for item in items]
            try:
                answers = await loop.run_in_executor(self.thread, self._answers, everything)
            except Exception as error:
                for _, done in together:
                    if not done.done():
                        done.set_exception(error)
                continue
            begin = 0
            for items, done in together:
                if not done.done():  # the client may be gone
                    done.set_result(answers[begin : begin + len(items)])
                begin += len(items)

    def _answers(self, items: list[Any]) -> np.ndarray:
        parts = [self.model.answer(items[i : i + self.most]) for i in range(0, len(items), self.most)]
        self.passes += len(parts)
        self.records += len(items)
        return np.concatenate(parts)

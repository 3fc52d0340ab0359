"""The web application: KServe's version 1 and 2 of one model, its health, and counts.

Source: https://kserve.github.io/website (Data Plane, V1 and V2 protocols).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import numpy as np

from xmr.commands.serve.batching import Batcher
from xmr.commands.serve.model import ItemError, ServedModel
from xmr.errors import InputError, printable, reason, require, shortened

MAX_BYTES = 64 * 2**20  # of a request
MAX_RECORDS = 4096  # in a request
FIELDS = {"kserve_v1": "instances", "kserve_v2": "inputs[0].data"}  # that hold the records


class RefusedError(Exception):
    """A request that cannot be answered: status and one line."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def application(model: ServedModel, batch: int = 64, most_bytes: int = MAX_BYTES, most: int = MAX_RECORDS) -> Any:
    """A Starlette application. batch: records per pass. Raises MissingExtraError without Starlette."""
    applications: Any = require("starlette.applications", "serve", "serving a model")
    responses: Any = require("starlette.responses", "serve", "serving a model")
    routing: Any = require("starlette.routing", "serve", "serving a model")
    batcher = Batcher(model, batch)
    counts = {"requests": 0, "refused": 0, "failed": 0}

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        """The batches are formed by one task."""
        task = asyncio.create_task(batcher.run())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def answered(request: Any, protocol: str) -> Any:
        """The body of a request -> the response, with one line for what is wrong."""
        counts["requests"] += 1
        try:
            body = await _body(request, most_bytes)
            items = await asyncio.to_thread(read_request, body, protocol, model, most)
            answers = await batcher.answer(items)
        except (RefusedError, ItemError) as given:
            error = given if isinstance(given, RefusedError) else _refused(given, protocol)
            counts["refused"] += 1
            return responses.JSONResponse({"error": printable(str(error))}, error.status)
        except Exception as error:
            counts["failed"] += 1
            return responses.JSONResponse({"error": printable(shortened(reason(error)))}, 500)
        return responses.Response(write_response(answers, protocol, model), media_type="application/json")

    async def predict(request: Any) -> Any:
        """KServe's version 1: {"instances": [...]} -> {"predictions": [[...], ...]}."""
        return await answered(request, "kserve_v1")

    async def infer(request: Any) -> Any:
        """KServe's version 2: {"inputs": [{shape, datatype, data}]} -> {"outputs": [{shape, datatype, data}]}."""
        return await answered(request, "kserve_v2")

    async def about(_: Any) -> Any:
        """Name, state, and the names of the numbers of an answer."""
        return responses.JSONResponse({"name": model.name, "ready": True, "outputs": [*model.output_names]})

    async def health(_: Any) -> Any:
        """Whether it answers."""
        return responses.JSONResponse({"live": True, "ready": True})

    async def metrics(_: Any) -> Any:
        """Counts in the text format of Prometheus."""
        values = {**counts, "records": batcher.records, "passes": batcher.passes}
        return responses.PlainTextResponse("".join(f"xmr_{name}_total {value}\n" for name, value in values.items()))

    routes = [
        routing.Route(f"/v1/models/{model.name}:predict", predict, methods=["POST"]),
        routing.Route(f"/v2/models/{model.name}/infer", infer, methods=["POST"]),
        *(routing.Route(f"/{version}/models/{model.name}", about) for version in ("v1", "v2")),
        *(routing.Route(f"/v2/health/{state}", health) for state in ("live", "ready")),
        routing.Route("/metrics", metrics),
    ]
    return applications.Starlette(routes=routes, lifespan=lifespan)


async def _body(request: Any, most: int) -> bytes:
    """The body, no longer than allowed."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise RefusedError(413, f"found a body of more than {most:,} bytes; expected less, in several requests")
        parts.append(part)
    return b"".join(parts)


def read_request(body: bytes, protocol: str, model: ServedModel, most: int = MAX_RECORDS) -> list[Any]:
    """The items of a request as the model takes them. Raises RefusedError naming the first that is wrong."""
    field = FIELDS[protocol]
    try:
        content = json.loads(body)
        items = content["instances"] if protocol == "kserve_v1" else _tensor(content["inputs"][0])
    except (ValueError, TypeError, KeyError, IndexError, RecursionError, AttributeError) as error:
        example = '{"instances": [...]}' if protocol == "kserve_v1" else '{"inputs": [{"shape", "datatype", "data"}]}'
        raise RefusedError(400, f"found no {field} ({shortened(str(error), 100)}); expected {example}") from None
    if not isinstance(items, list) or not items:
        raise RefusedError(400, f"{field}: found no record; expected a list of at least one")
    if len(items) > most:
        raise RefusedError(413, f"{field}: found {len(items):,} records; expected at most {most:,} per request")
    try:
        return model.read(items)
    except (InputError, ValueError, TypeError) as error:
        raise _refused(error, protocol) from None


def _refused(error: Exception, protocol: str) -> RefusedError:
    """Items that the model cannot take, as one line with the place of the first."""
    index = error.index if isinstance(error, ItemError) else None
    place = FIELDS[protocol] if index is None else f"{FIELDS[protocol]}[{index}]"
    return RefusedError(400, f"{place}: {shortened(reason(error).removeprefix(f'{type(error).__name__}: '))}")


def _tensor(tensor: dict[str, Any]) -> list[Any]:
    """The rows of a tensor of version 2: texts or files (BYTES; the model knows which), or numbers in its shape."""
    if tensor["datatype"] == "BYTES":
        return [{"b64": text, "text": text} for text in tensor["data"]]
    return np.array(tensor["data"], np.float32).reshape(tensor["shape"]).tolist()


def write_response(answers: np.ndarray, protocol: str, model: ServedModel) -> bytes:
    """The body of a response."""
    rows = np.round(answers.astype(np.float64), 8)
    if protocol == "kserve_v1":
        return json.dumps({"predictions": rows.tolist()}).encode()
    tensor = {"name": "output", "shape": [*rows.shape], "datatype": "FP32", "data": rows.reshape(-1).tolist()}
    return json.dumps({"model_name": model.name, "outputs": [tensor]}).encode()

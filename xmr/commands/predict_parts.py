"""Predicting in parts, in several processes or on several machines, resumable after a kill of any of them.

The input is cut into shards of whole chunks, so that every record is predicted in the same batch as by one process.
A shard becomes `part-00000.parquet` (or .csv), written by rename, and then `_part-00000.json` with its records and
checksums; a part that is there as noted is never computed again. At the end the notes are joined in `_manifest.json`.
Names that begin with a bar are those that readers of a folder of Parquet files pass over.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

from xmr import __version__
from xmr.commands.auto.saved import load_saved
from xmr.commands.ids import MAX_IDS, id_hashes, notes_of_ids
from xmr.commands.predict import SKIPPED_HEADER, Done, said_unlike
from xmr.commands.prediction_table import csv_bytes
from xmr.commands.predictor import Predictor, Request, fingerprint
from xmr.commands.workers.base import Engine, EngineError
from xmr.commands.workers.ranks import RankWorkers, processes
from xmr.core.output_folder import held
from xmr.core.parquet import write_parquet
from xmr.core.store import Store, local_path
from xmr.data.columns import Columns
from xmr.data.readers.paths import inputs, must_exist
from xmr.data.readers.ranges import Range, ranges
from xmr.data.records import Records
from xmr.errors import DataError, InputError, OutputError, Problem, ProgramError
from xmr.program_folder import reader_of
from xmr.training.devices import make_accelerator

PART = 16_384  # records of a part at least; small enough that the last ones keep no process waiting for long
MANIFEST, SKIPPED = "_manifest.json", "_skipped.csv"
IDS = "_ids"  # eight bytes of each id of a part, by which repeated ones are counted over all parts


@dataclass(frozen=True)
class Shard:
    """Chunks of one part, read or to be read. first: how many records come before."""

    number: int
    first: int
    chunks: tuple[Records | Range, ...]


def predict_parts(
    folder: Path,
    sources: Sequence[str],
    out: str,
    engine: Engine,
    *,
    form: str = "parquet",
    part: int = PART,
    input_column: str | None = None,
    id_column: str | None = None,
    force: bool = False,
    report: Callable[[int, float], None] = lambda n, rate: None,
    **settings: Any,
) -> Done | None:
    """Predict all records into the folder or address `out` -> what was written; None in all but one of torchrun's
    processes.

    form: parquet or csv; part: records of a part at least; settings: of `Request`. Raises OutputError for a folder of
    something else, EngineError for lost or unlike processes, InputError for a limit of questions, and
    what `predict_file` raises.
    """
    if settings.get("queries") is not None:
        found = "a limit, where several processes count on their own"
        raise InputError(Problem("--queries", found, "one process: no --engine, --jobs or torchrun"))
    paths = inputs(sources)
    for path in paths:
        must_exist(path)
    source = paths[0] if len(paths) == 1 else paths
    folder = _program_of(folder)
    encoder, columns = reader_of(folder, Columns(input_column, (), id_column, None, need_target=False))
    if next(encoder.stream(source, columns, 1), None) is None:
        raise DataError(Problem(str(paths[0]), "no record", "at least one"))
    request, store = Request(folder, columns, **settings), Store(out)
    key = fingerprint(request, paths, part, form)
    chunks: Iterator[Records | Range] | None = None
    if all(local_path(each) is not None for each in sources):  # else the nodes have no such file
        chunks = ranges(source, columns, encoder.chunk)
    shards = _Shards(chunks or encoder.stream(source, columns, encoder.chunk), part)
    accelerator = make_accelerator(request.device) if processes() > 1 else None
    first = accelerator is None or accelerator.is_main_process
    workers = engine.workers() if accelerator is None else RankWorkers(accelerator.process_index, processes())
    with held(store.folder) if first and store.folder is not None else nullcontext():
        if first:
            _begin(store, key, force)
        if accelerator is not None:
            accelerator.wait_for_everyone()
        there = {number: facts for number, facts in _noted(store, key).items() if _is_whole(store, facts)}
        if accelerator is not None:
            accelerator.wait_for_everyone()  # before the first part, so that all skip the same ones
        done = before = sum(facts["records"] for facts in there.values())
        started = time.perf_counter()
        with workers:
            todo = (shard for shard in shards if shard.number not in there)
            for facts in workers.over(_Maker(request, store, key, form), todo):
                if store.read(_note(facts["part"])) is None:
                    found = f"no {_note(facts['part'])}, which node {facts['node']} has written"
                    raise EngineError(str(Problem(out, found, "a folder that all nodes share")))
                done += facts["records"]
                report(done, (done - before) / max(1e-9, time.perf_counter() - started))
        if accelerator is not None:
            accelerator.wait_for_everyone()
        return _finish(store, key, form, shards.count) if first else None


def _program_of(folder: Path) -> Path:
    """The folder of a program, also of one that `xmr auto` chose. Raises ProgramError for baselines that it chose."""
    saved = load_saved(folder)
    if saved is not None and not saved.is_program:
        expected = "a program, or one process (no --engine, no --jobs)"
        raise ProgramError(Problem(str(folder), f"a predictor of {', '.join(saved.members)}", expected))
    return folder if saved is None else saved.program


class _Shards:
    """Shards of at least `part` records, the last of fewer. count: how many there were."""

    def __init__(self, chunks: Iterable[Records | Range], part: int) -> None:
        self.chunks, self.part, self.count = chunks, part, 0

    def __iter__(self) -> Iterator[Shard]:
        first, held_back = 0, list[Records | Range]()
        for chunk in self.chunks:
            held_back.append(chunk)
            if (records := sum(map(len, held_back))) >= self.part:
                yield self._made(first, held_back)
                first, held_back = first + records, []
        if held_back:
            yield self._made(first, held_back)

    def _made(self, first: int, chunks: list[Records | Range]) -> Shard:
        self.count += 1
        return Shard(self.count - 1, first, tuple(chunks))


@dataclass(frozen=True)
class _Maker:
    """Called in each process, it loads the program and gives what makes a part of a shard."""

    request: Request
    store: Store
    key: str
    form: str

    def __call__(self) -> Callable[[Shard], dict[str, Any]]:
        if _manifest(self.store).get("key") != self.key:
            found = f"no {MANIFEST} of this prediction on node {os.uname().nodename}"
            raise EngineError(str(Problem(self.store.address, found, "a folder that all nodes share")))
        return partial(self.part, self.request.load())

    def part(self, predictor: Predictor, shard: Shard) -> dict[str, Any]:
        """Predict a shard, write its part and its note -> the note."""
        rows, bad, ids = list[bytes](), list[bytes](), list[bytes]()
        counts = dict.fromkeys(("records", "written", "skipped", "unlike"), 0)
        notes = dict[str, None]()
        for chunk in shard.chunks:
            records = chunk.read(self.request.columns) if isinstance(chunk, Range) else chunk
            answered = predictor(records, header=not counts["written"])
            rows.append(answered.rows)
            bad.append(answered.bad)
            ids.append(id_hashes(records.ids))
            more = len(records), answered.written, answered.skipped, answered.unlike
            counts = {name: count + new for (name, count), new in zip(counts.items(), more)}
            notes |= dict.fromkeys(records.notes)
        files = {f"_skipped-{shard.number:05d}.csv": b"".join(bad)} if counts["skipped"] else {}
        if counts["written"]:
            files[f"part-{shard.number:05d}.{self.form}"] = self._content(b"".join(rows), predictor.numbers)
        if shard.first < MAX_IDS:
            files[f"{IDS}-{shard.number:05d}.bin"] = b"".join(ids)
        for name, content in files.items():
            self.store.write(name, content)
        facts = {"part": shard.number, "first_record": shard.first, **counts, "notes": [*notes]}
        facts["said"] = [] if predictor.coverage is None else [predictor.coverage.note]
        facts["files"] = {name: sha256(content).hexdigest() for name, content in files.items()}
        self.store.write(_note(shard.number), json.dumps({"key": self.key, **facts}).encode())
        return {**facts, "node": os.uname().nodename}

    def _content(self, table: bytes, numbers: Sequence[str]) -> bytes:
        if self.form == "csv":
            return table
        made = BytesIO()
        write_parquet(BytesIO(table), made, numbers)
        return made.getvalue()


def _note(number: int) -> str:
    return f"_part-{number:05d}.json"


def _manifest(store: Store) -> dict[str, Any]:
    """_manifest.json, or nothing where it is missing or damaged."""
    try:
        found = json.loads(store.read(MANIFEST) or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _begin(store: Store, key: str, force: bool) -> None:
    """Mark the place as this prediction's. Raises OutputError for that of another one, unless it is to be replaced."""
    found = _manifest(store)
    ours = [name for name in store.names() if name.startswith(("part-", "_part-", "_skipped", IDS, MANIFEST))]
    if ours and found.get("key") != key and not force:
        what = "the prediction of another program, input or options"
        raise OutputError(Problem(store.address, what, "another folder (-o), or --force to replace it"))
    if ours and force:
        for name in ours:
            store.remove(name)
    if force or not found:
        _write_manifest(store, {"key": key, "finished": False, "parts": []})


def _write_manifest(store: Store, facts: dict[str, Any]) -> None:
    content = json.dumps({"written_by": "xmr predict", "xmr_version": __version__, **facts}, indent=1)
    store.write(MANIFEST, content.encode())


def _noted(store: Store, key: str) -> dict[int, dict[str, Any]]:
    """The notes of the parts, by number: of the manifest, and those written since."""
    notes = [*_manifest(store).get("parts", [])]
    for name in store.names():
        if name.startswith("_part-") and name.endswith(".json"):
            facts = json.loads(store.read(name) or b"{}")
            notes += [facts] if facts.pop("key", None) == key else []
    return {facts["part"]: facts for facts in notes}


def _is_whole(store: Store, facts: dict[str, Any]) -> bool:
    """Whether the files of a part are as they were written."""
    return all(sha256(store.read(name) or b"").hexdigest() == digest for name, digest in facts["files"].items())


def _finish(store: Store, key: str, form: str, count: int) -> Done:
    """Join the notes and the lists of skipped records, in order."""
    parts = [facts for _, facts in sorted(_noted(store, key).items())]
    if [facts["part"] for facts in parts] != [*range(count)]:
        raise EngineError(str(Problem(store.address, f"{len(parts)} parts", f"{count}: the same command again")))
    total = {name: sum(facts[name] for facts in parts) for name in ("records", "written", "skipped", "unlike")}
    if not total["written"]:
        raise DataError(Problem(store.address, "no readable record in the input", "at least one"))
    notes = dict.fromkeys(note for facts in parts for note in facts["notes"])
    if total["unlike"]:
        notes[said_unlike(total["unlike"], total["written"])] = None
    ids = (store.read(name) or b"" for facts in parts for name in facts["files"] if name.startswith(IDS))
    notes |= dict.fromkeys((*notes_of_ids(ids), *parts[0]["said"]))
    if total["skipped"]:
        lists = [store.read(name) or b"" for facts in parts for name in facts["files"] if name.startswith(SKIPPED[:8])]
        store.write(SKIPPED, csv_bytes([SKIPPED_HEADER]) + b"".join(lists))
    _write_manifest(store, {"key": key, "finished": True, "format": form, **total, "parts": parts})
    for name in store.names():
        if name.startswith("_part-"):
            store.remove(name)
    return Done(total["written"], total["skipped"], store.place(SKIPPED), tuple(notes))

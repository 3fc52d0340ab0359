"""Rows of a table as records: every column that is no label, id, part or group is an input.

Delimited text of any common shape (comma, tab, semicolon, bar or blanks; double or single quotes; with a header or
without), Parquet, ARFF, and frames and bunches in memory. What a cell means is the encoder's business.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain, islice
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from xmr.data.readers.arff import read_arff
from xmr.data.readers.delimited import SEMICOLON, DecimalCommas, parted
from xmr.data.readers.fasta import role_of
from xmr.data.readers.numbers import MISSING, is_number
from xmr.data.readers.parquet import open_parquet
from xmr.data.readers.sequences import USUAL, Columns, Layout, once
from xmr.data.readers.text import open_text
from xmr.data.records import Records
from xmr.errors import DataError, Problem, nearest

SEPARATOR = "\x1f"  # between the cells of a record's input; refused within one
FORMATS = (".csv", ".tsv", ".txt", ".data", ".test", ".parquet", ".arff")
_DELIMITERS = (SEMICOLON, "\t", "|", ",")  # the comma last: it may stand in the numbers between the others
_PARTS = frozenset({"train", "training", "validation", "valid", "test"})
_HEAD = 200  # lines looked at before the delimiter, the quotes and the header are decided
_Rows = Iterator[tuple[int, list[str]]]  # line and cells


def stream_rows(path: Path, columns: Columns, chunk: int) -> Iterator[Records]:
    """Records of a file in chunks. Raises DataError: missing, empty, of no known format, or broken at a line."""
    if not path.is_file():
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        raise DataError(Problem(str(path), "no such file", "a table", nearest(path.name, siblings)))
    if path.stat().st_size == 0:
        raise DataError(Problem(str(path), "an empty file", "rows of a table"))
    suffix = (Path(path.stem).suffix if path.suffix == ".gz" else path.suffix).lower()
    if suffix not in FORMATS:
        found = f"a file ending in {suffix or 'nothing'!r}"
        raise DataError(Problem(str(path), found, f"one of {', '.join(FORMATS)} (or .gz)"))
    if suffix == ".parquet":
        header, rows = _parquet(path)
        yield from _records(path, header, rows, columns, chunk)
    elif suffix == ".arff":
        with open_text(path) as handle:
            header, rows = read_arff(path, handle)
            yield from _records(path, header, rows, columns, chunk)
    else:
        with open_text(path) as handle:
            first, rows, commas = _delimited(path, handle, suffix)
            yield from _records(path, *_with_header(path, first, rows, columns), columns, chunk, commas)


def stream_named(path: Path, columns: Columns, chunk: int) -> Iterator[Records]:
    """Records of one input column from delimited text without a header, whose columns `columns.names` names."""
    with open_text(path) as handle:
        first, rows, commas = _delimited(path, handle, path.suffix.lower())
        header, rows = _with_header(path, first, rows, columns)
        layout = Layout.of(header, columns, f"{path}:1")
        yield from layout.records(path, rows, commas, f"{layout.width}: {', '.join(header)}", chunk)


def from_frame(frame: Any, target: str | list[str] | None = None) -> Records:
    """Records of a pandas or polars frame; target: its label column or columns. Raises DataError."""
    header = [str(name) for name in frame.columns]
    once(header, "<frame>")
    try:
        cells = [[_text(value) for value in frame[name].to_list()] for name in frame.columns]
    except UnicodeDecodeError as error:
        raise DataError(Problem("<frame>", f"bytes that are not text ({error.reason})", "UTF-8 text")) from error
    names = (target,) if isinstance(target, str) else tuple(target or ())
    rows = ((number, list(row)) for number, row in enumerate(zip(*cells), start=1))
    wanted = Columns(target=names, need_target=bool(names), reads="table")
    return Records.join(list(_records(Path("<frame>"), header, rows, wanted, 4096)))


def from_bunch(bunch: Any) -> Records:
    """Records of one of scikit-learn's own tables (`load_wine()` and kin)."""
    header = [str(name) for name in bunch.feature_names]
    names = list(getattr(bunch, "target_names", []))
    labels = [str(names[int(value)]) if names else _text(value) for value in bunch.target]
    cells = [[_text(value) for value in row] for row in np.asarray(bunch.data)]
    lines = list(range(1, len(cells) + 1))
    inputs = [SEPARATOR.join(row) for row in cells]
    return Records([str(n) for n in lines], inputs, {"target": labels}, line=lines, columns=tuple(header))


def bundled(name: str) -> Records:
    """wine, breast_cancer or diabetes as they come with scikit-learn (diabetes in its own units)."""
    from sklearn import datasets

    load = getattr(datasets, f"load_{name}")
    return from_bunch(load(scaled=False) if name == "diabetes" else load())


def _text(value: Any) -> str:
    """A cell as text; what a frame holds for a gap is empty, a whole number has no point.

    Raises UnicodeDecodeError for bytes that are not text.
    """
    if value is None or value is False or value is True:
        return "" if value is None else str(value).lower()
    if isinstance(value, bytes):
        return value.decode("utf-8").strip()
    if isinstance(value, float):
        if not np.isfinite(value):
            return "" if np.isnan(value) else str(value)
        return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))
    text = str(value).strip()
    return "" if text in ("NaT", "<NA>") else text


def _parquet(path: Path) -> tuple[list[str], _Rows]:
    names, batches = open_parquet(path, 4096)

    def rows() -> _Rows:
        """(row number, cells as text), a batch of the file at a time."""
        line = 0
        for batch in batches:
            try:
                cells = [[_text(value) for value in column] for column in batch]
            except UnicodeDecodeError as error:
                found = f"bytes that are not text behind row {line} ({error.reason})"
                raise DataError(Problem(str(path), found, "numbers, or UTF-8 text")) from error
            for row in zip(*cells):
                line += 1
                yield line, list(row)

    return names, rows()


def _delimited(path: Path, handle: Any, suffix: str) -> tuple[list[tuple[int, list[str]]], _Rows, DecimalCommas | None]:
    """The first rows, to decide by, all rows, and their decimal commas where they may have some. Remarks (lines before
    the first row that begin with a bar) and empty lines are passed over."""
    head = list(islice(handle, _HEAD))
    kept = [line for line in head if line.strip()]
    while kept and kept[0].startswith("|"):
        kept.pop(0)
    if not kept:
        raise DataError(Problem(f"{path}:1", "no row", "rows of a table"))
    delimiter, lines = "\t" if suffix == ".tsv" else _delimiter(kept), chain(head, handle)
    quote = _quote(kept, delimiter)
    first: list[tuple[int, list[str]]] = []
    with suppress(DataError):  # a quoted cell may go on behind the lines looked at; the pass over all rows says more
        first.extend(_split(path, iter(head), delimiter, quote))
    if not first:
        first = [next(_split(path, iter(head), delimiter, quote))]
    rows = _split(path, lines, delimiter, quote)
    if delimiter != SEMICOLON:
        return first, rows, None
    with suppress(DataError):  # the pass over all rows knows which columns are ids
        seen = DecimalCommas(path)
        first = [(line, seen.points(line, cells)) for line, cells in first]
    return first, rows, DecimalCommas(path)


def _delimiter(lines: list[str]) -> str | None:
    """What parts all rows into equally many cells, more than one, or else most of them; None: blanks."""
    best, score = None, 0.0
    for candidate in _DELIMITERS:
        try:
            widths = [len(row) for row in csv.reader(lines, delimiter=candidate) if row]
        except csv.Error:  # a cell beyond what the reader takes: these are not the rows
            continue
        usual = max((widths.count(width), width) for width in set(widths))[1]
        if usual > 1 and len(set(widths)) == 1:
            return candidate
        if usual > 1 and (found := widths.count(usual) / len(widths) * (1 + usual / 1000)) > score:
            best, score = candidate, found
    return best


def _quote(lines: list[str], delimiter: str | None) -> str:
    """Single quotes where whole fields stand in them and none in double ones."""
    edge = re.escape(delimiter or " ")
    blanks = rf"[^\S{edge}]*+"  # no delimiter among them and no way back: a long run of either is read once
    single = re.compile(rf"(^|{edge}){blanks}'[^']*+'{blanks}({edge}|$)")
    return "'" if '"' not in "".join(lines) and any(single.search(line) for line in lines) else '"'


def _split(path: Path, lines: Iterator[str], delimiter: str | None, quote: str) -> _Rows:
    rows: _Rows = ((line, text.split()) for line, text in enumerate(lines, start=1))
    if delimiter is not None:
        rows = parted(path, lines, delimiter, quote, blanks=True)
    begun = False
    for line, row in rows:
        if len(row) < 2 and not "".join(row).strip():
            continue
        if not begun and delimiter != "|" and row[0].startswith("|"):
            continue
        begun = True
        yield line, list(map(str.strip, row))


def _with_header(
    path: Path, first: list[tuple[int, list[str]]], rows: _Rows, columns: Columns
) -> tuple[list[str], _Rows]:
    """The names of the columns, from the file or from elsewhere, and the rows behind them."""
    top = first[0][1]
    known = columns.names
    has = columns.header
    if has is None:
        # One known name is enough: a header with a wrong name beside it must be refused, never read as a row.
        expected = {name.casefold() for name in (*known, *columns.features)}
        has = any(cell.casefold() in expected for cell in top) or _is_header(first)
        usual = {*USUAL["target"]} - {"y"}  # y is yes as well
        has = has or any(cell in columns.target or cell.casefold() in usual for cell in top)
    if has:
        return top, islice(rows, 1, None)
    if not known:
        return [f"column_{number}" for number in range(1, len(top) + 1)], rows
    for names in (known, tuple(name for name in known if name not in columns.target)):
        if len(names) == len(top):
            return list(names), rows
    found = f"{len(top)} columns without a header"
    raise DataError(Problem(f"{path}:{first[0][0]}", found, f"{len(known)}: {', '.join(known)} (or a header)"))


def _is_header(first: list[tuple[int, list[str]]]) -> bool:
    """A first row of distinct names: none is a number or a gap, and none stands in its column again."""
    top = first[0][1]
    if len(set(top)) != len(top) or any(is_number(cell) or cell.casefold() in MISSING for cell in top):
        return False
    return not any(name == cell for _, row in first[1:] for name, cell in zip(top, row))


def _records(
    path: Path, header: list[str], rows: _Rows, columns: Columns, chunk: int, commas: DecimalCommas | None = None
) -> Iterator[Records]:
    """Cut rows into records. Raises DataError for a label column that is not there and for rows of another width."""
    place = f"{path}:1"
    once(header, place)
    columns = columns.within(header)
    targets = _targets(header, columns, place)
    named = {"id": columns.id, "set": columns.set, "group": columns.group}
    at = {role: _given(header, name, role, place) for role, name in named.items()}
    validation: int | None = None
    if at["id"] is None and columns.id is None and "id" in header:
        at["id"] = header.index("id")
    taken = {*targets.values(), *(index for index in at.values() if index is not None)}
    rows, first = iter(rows), None
    if at["set"] is None and (spot := next((i for i, name in enumerate(header) if name.casefold() == "set"), None)):
        first = next(rows, None)  # a column called `set` says the part of a row where it says train or test
        if first is not None and len(first[1]) == len(header) and first[1][spot].casefold() in _PARTS:
            at["set"] = spot
            taken.add(spot)
    taken |= {*columns.skipped(header, place)}
    kept = [index for index in range(len(header)) if index not in taken and index != validation]
    if not kept:
        raise DataError(Problem(place, f"columns {', '.join(header)}", "at least one besides the label"))
    cells = itemgetter(*kept) if len(kept) > 1 else lambda row: (row[kept[0]],)
    names = tuple(header[index] for index in kept)
    part, dotted = _empty(path, targets, names, header), dict.fromkeys(targets, False)
    begun, within = False, len(kept) - 1
    name_at, set_at, group_at, prefix = at["id"], at["set"], at["group"], columns.prefix
    for line, row in chain([first] if first is not None else [], rows):
        if len(row) != len(header):
            found = f"{len(row)} fields"
            raise DataError(Problem(f"{path}:{line}", found, f"{len(header)} as in the first row"))
        if commas is not None:
            row = commas.points(line, row, at.values())
        if not begun:
            begun, dotted = True, {name: _dotted(row[index]) for name, index in targets.items()}
        joined = SEPARATOR.join(cells(row))
        if joined.count(SEPARATOR) != within:
            name = next(header[index] for index in kept if SEPARATOR in row[index])
            raise DataError(Problem(f"{path}:{line}: {name}", "the control character 0x1f", "text without it"))
        part.inputs.append(joined)
        part.ids.append(row[name_at] if name_at is not None else f"{prefix}{line}")
        for name, index in targets.items():
            label = row[index]
            part.labels[name].append(label[:-1] if dotted[name] and _dotted(label) else label)
        if set_at is not None:
            part.role.append(role_of(row[set_at], ""))
        if group_at is not None:
            part.group.append(row[group_at])
        part.line.append(line)
        if len(part) == chunk:
            yield part.noted(commas)
            part = _empty(path, targets, names, header)
    if len(part):
        yield part.noted(commas)


def _empty(path: Path, targets: dict[str, int], names: tuple[str, ...], header: list[str]) -> Records:
    return Records([], [], {name: [] for name in targets}, file=str(path), columns=names, header=tuple(header))


def _dotted(label: str) -> bool:
    """Some copies of a table end every label with a dot; a number keeps its own."""
    return label.endswith(".") and not is_number(label)


def _given(header: list[str], name: str | None, role: str, place: str) -> int | None:
    if name is None:
        return None
    if name not in header:
        expected = f"a column {name!r} (data.{role})"
        raise DataError(Problem(place, f"columns {', '.join(header)}", expected, nearest(name, header)))
    return header.index(name)


def _targets(header: list[str], columns: Columns, place: str) -> dict[str, int]:
    """Label columns: those asked for, else one of a usual name."""
    if columns.target:
        found = {name: header.index(name) for name in columns.target if name in header}
        lacking = [name for name in columns.target if name not in found]
        if lacking and columns.need_target:
            expected = f"a column {lacking[0]!r} (data.target)"
            raise DataError(Problem(place, f"columns {', '.join(header)}", expected, nearest(lacking[0], header)))
        return found
    folded = [name.casefold() for name in header]
    usual = next((folded.index(name) for name in USUAL["target"] if name in folded), None)
    if usual is None and columns.need_target:
        expected = f"the label's name in data.target (the last column is {header[-1]!r})"
        raise DataError(Problem(place, f"columns {', '.join(header)}", expected))
    if usual is None or (columns.features and header[usual] in columns.features):
        return {}
    return {header[usual]: usual}

"""FASTA cut into ranges of bytes, one per chunk of records, so that several machines read one file at once.

Cutting looks at line breaks and `>` alone. A range is read into exactly the records that a reader of the whole file
gives as one chunk, with the same lines, so that messages and predictions are the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from xmr.data.columns import Columns
from xmr.data.readers.fasta import FASTA, read_fasta
from xmr.data.readers.parts import parts_and_classes
from xmr.data.readers.read import files_of
from xmr.data.readers.text import reading
from xmr.data.records import Records

BLOCK = 2**20  # bytes
_LF, _CR, _GT = 10, 13, 62
_MARK = b"\xef\xbb\xbf"  # of the byte order


@dataclass(frozen=True)
class Range:
    """Records of a file from the byte `begin` to before `end`, behind `line` lines.

    home: where several files are read, whose names may stand for the headers (`untitled`).
    """

    path: Path
    begin: int
    end: int
    line: int
    count: int
    home: Path | None = None
    untitled: bool = False

    def __len__(self) -> int:
        return self.count

    def read(self, columns: Columns) -> Records:
        """Its records. Raises DataError with file and line."""
        with reading(self.path):
            with self.path.open("rb") as handle:
                handle.seek(self.begin)
                content = handle.read(self.end - self.begin)
            records = Records.join([*read_fasta(self.path, columns, self.count or 1, (content, self.line))])
        if self.home is None:
            return records
        origin = [self.path.relative_to(self.home).as_posix()] * len(records)
        title = [] if self.untitled else records.title
        return replace(records, file=str(self.home), origin=origin, title=title)


def ranges(source: Path | Sequence[Path], columns: Columns, chunk: int) -> Iterator[Range] | None:
    """The ranges of plain FASTA files in order; None for what has to be read in one pass.

    They hold what is predicted: no part and no class that the name of a file may state.
    """
    if columns.reads != "sequences":
        return None
    files = files_of(source, columns.reads)
    if files is None:
        return _cut(Range(source, 0, 0, 0, 0), chunk) if isinstance(source, Path) and _is_plain(source) else None
    paths = [files.home / name for name in files.names]
    if not all(map(_is_plain, paths)):
        return None
    untitled = False
    if parts_and_classes(files.names)[1]:
        with reading(paths[0]):
            first = next(read_fasta(paths[0], columns, chunk), Records([], []))
        untitled = not any(map(any, first.labels.values()))
    return (part for path in paths for part in _cut(Range(path, 0, 0, 0, 0, files.home, untitled), chunk))


def _is_plain(path: Path) -> bool:
    """Whether a file is FASTA that is not zipped."""
    if path.suffix.lower() not in FASTA or not path.is_file():
        return False
    with path.open("rb") as handle:
        return handle.read(2) != b"\x1f\x8b"


def _cut(whole: Range, chunk: int) -> Iterator[Range]:
    """Ranges of `chunk` records of a file, the last of fewer."""
    with whole.path.open("rb") as handle:
        place = begin = len(_MARK) if handle.read(len(_MARK)) == _MARK else 0
        handle.seek(place)
        before, lines, line, records = _LF, 0, 0, 0  # the last byte; lines so far, before the range, records in it
        while block := handle.read(BLOCK):
            codes = np.frombuffer(block, np.uint8)
            previous = np.concatenate([np.array([before], np.uint8), codes[:-1]])
            ends = (codes == _LF) | ((previous == _CR) & (codes != _LF))
            starts = np.flatnonzero((codes == _GT) & ((previous == _LF) | (previous == _CR)))
            for start in starts[chunk - records :: chunk] if records + len(starts) > chunk else ():
                now = lines + int(np.count_nonzero(ends[: start + 1]))
                yield replace(whole, begin=begin, end=place + int(start), line=line, count=chunk)
                begin, line = place + int(start), now
            records = (records + len(starts) - 1) % chunk + 1 if records + len(starts) else 0
            lines += int(np.count_nonzero(ends))
            place, before = place + len(block), block[-1]
    yield replace(whole, begin=begin, end=place, line=line, count=records)

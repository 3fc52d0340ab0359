"""Ranges of a FASTA file hold what its reader gives chunk by chunk, wherever the bytes are cut."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from xmr.data.columns import Columns
from xmr.data.readers import ranges as module
from xmr.data.readers.ranges import ranges
from xmr.data.readers.read import stream
from xmr.errors import DataError

COLUMNS = Columns(reads="sequences", need_target=False)


def fasta(n, seed, end="\n"):
    """Records of several lines, with blank lines and bars within the headers."""
    rng = np.random.default_rng(seed)
    lines = []
    for i in range(n):
        lines.append(f">s{i} a > b")
        lines += ["".join(rng.choice(list("ACDE"), rng.integers(1, 9))) for _ in range(rng.integers(0, 4))]
        lines += [""] * int(rng.integers(0, 2))
    return end.join(lines) + (end if seed % 2 else "")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("block", [1, 7, 2**20])
@pytest.mark.parametrize("n", [1, 6, 7, 20])
def test_a_range_is_a_chunk(tmp_path, monkeypatch, end, block, n):
    monkeypatch.setattr(module, "BLOCK", block)
    for seed in range(4):
        path = tmp_path / f"{seed}.fasta"
        path.write_bytes(b"\xef\xbb\xbf" * (seed > 1) + fasta(n, seed, end).encode())
        cut = ranges(path, COLUMNS, 3)
        assert cut is not None
        cut = [*cut]
        assert [part.count for part in cut] == [3] * ((n - 1) // 3) + [(n - 1) % 3 + 1]
        assert [asdict(part.read(COLUMNS)) for part in cut] == [asdict(part) for part in stream(path, COLUMNS, 3)]


def test_several_files_and_what_is_read_in_one_pass(tmp_path):
    for name in ("a.fasta", "b.fa"):
        (tmp_path / name).write_text(fasta(5, 1))
    (tmp_path / "c.csv").write_text("sequence\nACDE\n")
    both = [tmp_path / "a.fasta", tmp_path / "b.fa"]
    for source in (both, [both[0]]):
        cut = ranges(source, COLUMNS, 3)
        assert cut is not None
        for part, chunk in zip(cut, stream(source, COLUMNS, 3), strict=True):
            same = replace(chunk, labels={"TARGET": [""] * len(chunk)}, role=[""] * len(chunk))
            assert asdict(part.read(COLUMNS)) == asdict(replace(same, mask=[""] * len(chunk)))
    assert ranges(tmp_path / "c.csv", COLUMNS, 3) is None
    assert ranges([*both, tmp_path / "c.csv"], COLUMNS, 3) is None
    assert ranges(both[0], Columns(reads="table"), 3) is None


def test_a_damaged_line_keeps_its_number(tmp_path):
    path = tmp_path / "x.fasta"
    path.write_bytes(fasta(7, 1).encode() + b">\nACDE\n")
    cut = ranges(path, COLUMNS, 3)
    assert cut is not None
    with pytest.raises(DataError) as whole:
        [*stream(path, COLUMNS, 3)]
    with pytest.raises(DataError) as part:
        [each.read(COLUMNS) for each in cut]
    assert str(part.value) == str(whole.value)

"""A file that grows a chunk at a time and can be continued after a kill."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from xmr.core.files import writing


class GrowingFile:
    """A file that grows by a chunk at a time and knows the checksum of what is in it."""

    def __init__(self, path: Path) -> None:
        self.path, self.bytes, self.digest = path, 0, sha256()
        self.handle: IO[bytes] | None = None

    def is_whole(self, noted: dict[str, Any]) -> bool:
        """Whether its first bytes are those that were noted."""
        try:
            return self._digest(noted["bytes"]).hexdigest() == noted["sha256"]
        except OSError:
            return False

    def go_on(self, noted: dict[str, Any]) -> None:
        """Take over what an earlier process wrote."""
        self.bytes, self.digest = noted["bytes"], self._digest(noted["bytes"])

    def _digest(self, size: int) -> Any:
        digest, left = sha256(), size
        with self.path.open("rb") as handle:
            while left > 0 and (block := handle.read(min(left, 1 << 20))):
                digest.update(block)
                left -= len(block)
        return digest

    def open(self) -> IO[bytes]:
        """Open it at the end of what counts; what a kill left behind that is cut off."""
        with writing(self.path):
            self.handle = self.path.open("r+b" if self.bytes else "wb")
            self.handle.seek(self.bytes)
            self.handle.truncate()
        return self.handle

    def add(self, content: bytes) -> None:
        """Append."""
        assert self.handle is not None
        with writing(self.path):
            self.handle.write(content)
        self.bytes += len(content)
        self.digest.update(content)

    def flushed(self) -> dict[str, Any]:
        """Bring it to the disk -> what is to be noted of it."""
        assert self.handle is not None
        with writing(self.path):
            self.handle.flush()
            os.fsync(self.handle.fileno())
        return {"bytes": self.bytes, "sha256": self.digest.hexdigest()}

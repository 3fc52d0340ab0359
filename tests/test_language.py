"""Plain English in the field's words: phrases of the project's former dialect do not come back.

`docs/glossary.md` holds the words that xmr needs; everything else is called what the field calls it.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from xmr.cli.app import app

ROOT = Path(__file__).parents[1]
_UNITS = (
    "batch|budget|channel|class|column|command|day|digit|domain|epoch|field|file|folder|letter|line|modality|patch|"
    "pixel|position|problem|record|residue|row|run|sample|second|seed|step|subfolder|symbol|target|task|tile|token|value|"
    "window|word"
)
_COUNTED = (
    "answers|clips|images|labels|letters|lines|numbers|programs|records|rows|samples|sequences|symbols|tokens|vectors|"
    "words"
)
# pattern -> what to write instead
BANNED = {
    r"heard": "processed, evaluated",
    r"hangs? on|hung on": "depends on",
    r"so (many|large|few) (?!that)": "N, a fraction of",
    r"(speaks?|spoke) for": "maps to, is evidence for",
    r"beside": "next to, compared with, in addition to",
    r"go(es)? on|going on": "resume, continue",
    r"cannot be had|be had": "is not available",
    r"(leaves?|left|leaving) out": "skipped, held out, omitted",
    r"pictures?": "images",
    r"recordings?": "audio clips",
    r"drawings?|drawn": "rendered, sampled",
    r"tables? over time": "time-series table",
    r"(a|the|large a|what) share|shares? of": "fraction",
    r"(?<!standard )deviations?": "standard deviation",
    r"came in|comes in by": "was added",
    r"mend(s|ed)?": "fix",
    r"touched once": "evaluated once",
    r"anew": "again",
    r"aloud": "printed, reported",
    r"greatest|(?<!at )least(?!-)": "maximum, minimum",
    r"the likeliest": "the most likely",
    r"(is|are|or) no numbers?": "not a number, NaN",
    r"step size": "learning rate",
    rf"(one|an?) [a-z-]+ an? ({_UNITS})": "one X per Y",
    rf"({_COUNTED}) an? ({_UNITS})": "Xs per Y",
}
_PATTERN = re.compile("|".join(rf"(?P<p{number}>\b(?:{pattern})\b)" for number, pattern in enumerate(BANNED)), re.I)


_CODE = re.compile(r"`[^`]*`|\{\{.*?\}\}|\{%.*?%\}|\*\.\w+|\w+/\S*")


def _faults(place: str, text: str) -> list[str]:
    """Each banned phrase of a text, with what to write instead."""
    found = []
    for match in _PATTERN.finditer(" ".join(text.split())):
        advice = list(BANNED.values())[int((match.lastgroup or "p0")[1:])]
        found.append(f"{place}: {match[0]!r} (write: {advice})")
    return found


def _without_code(markdown: str) -> str:
    """Prose of a page: no code blocks, no inline code, no addresses of links."""
    return re.sub(r"```.*?```|`[^`]*`|\]\([^)]*\)", " ", markdown, flags=re.S)


def _pages() -> Iterator[tuple[str, str]]:
    generated = {"recipe-reference.md", "grid.md", "commands.md", "datasets.md"}  # their sources are checked below
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        if page.name not in {"CHANGELOG.md", "lab-notebook.md"} | generated:
            yield page.relative_to(ROOT).as_posix(), _without_code(page.read_text(encoding="utf-8"))
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    yield "CHANGELOG.md", _without_code(changes.partition("\n### Renamed")[0])


def _strings(path: Path) -> Iterator[tuple[int, str]]:
    """Comments, docstrings and texts of two words or more, without the code inside them."""
    source = path.read_text(encoding="utf-8")
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            yield node.lineno, _CODE.sub(" _ ", node.value)


@pytest.mark.parametrize(("page", "text"), list(_pages()), ids=lambda value: value if value.endswith(".md") else "")
def test_pages(page: str, text: str) -> None:
    assert not _faults(page, text)


def test_comments_of_recipes_and_studies() -> None:
    files = [*(ROOT / "recipes").rglob("*.yaml"), *(ROOT / "studies").rglob("*.yaml")]
    comments = {f: re.findall(r"#(.*)", f.read_text(encoding="utf-8")) for f in files}
    assert not [fault for f, lines in comments.items() for line in lines for fault in _faults(f.name, line)]


def test_help_of_every_command() -> None:
    def texts(command: object, name: str) -> Iterator[tuple[str, str]]:
        yield name, str(getattr(command, "help", "") or "")
        for parameter in getattr(command, "params", []):
            yield f"{name} {parameter.name}", str(getattr(parameter, "help", "") or "")
        for inner, each in getattr(command, "commands", {}).items():
            yield from texts(each, f"{name} {inner}")

    assert not [fault for name, text in texts(typer.main.get_command(app), "xmr") for fault in _faults(name, text)]


@pytest.mark.parametrize("folder", sorted(path.name for path in (ROOT / "xmr").iterdir() if path.name != "__pycache__"))
def test_code(folder: str) -> None:
    path = ROOT / "xmr" / folder
    files = [path] if path.is_file() else sorted(path.rglob("*.py"))
    faults = [
        fault
        for file in files
        for line, text in _strings(file)
        for fault in _faults(f"{file.relative_to(ROOT)}:{line}", text)
    ]
    assert not faults, "\n".join(faults)

"""What objects show of themselves in a notebook: a table, or a page in a frame. Everything is escaped."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from xmr.errors import visible


def table(caption: str, header: Sequence[str], rows: Sequence[Sequence[str]], lines: Sequence[str] = ()) -> str:
    """A table with lines of text below it."""
    head = Markup("").join(Markup("<th>{}</th>").format(cell) for cell in header)
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(Markup("").join(Markup("<td>{}</td>").format(cell) for cell in row))
        for row in rows
    )
    below = Markup("").join(Markup("<div>{}</div>").format(line) for line in lines)
    whole = Markup("<table><caption>{}</caption><tr>{}</tr>{}</table>{}").format(caption, head, body, below)
    return visible(whole)


def framed(page: str) -> str:
    """A whole page, which a notebook shows apart from its own; it runs no scripts."""
    frame = Markup('<iframe sandbox srcdoc="{}" width="100%" height="700" style="border:0"></iframe>')
    return str(frame.format(page))

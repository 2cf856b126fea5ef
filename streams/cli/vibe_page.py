"""The page of ``tidemark eval vibe``: one file, no script, light or dark as the reader's system."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streams.cli.eval_vibe import Pair, Vibe

_STYLE = """
:root { color-scheme: light dark; --ink: #1a202c; --paper: #ffffff; --faint: #667085;
  --line: #d0d5dd; --bar: #0072b2; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --paper: #14181f; --faint: #98a2b3;
  --line: #344054; --bar: #56b4e9; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
caption, th { text-align: left; }
caption { padding-bottom: 1rem; color: var(--faint); }
th, td { padding: .6rem .8rem; border-bottom: 1px solid var(--line); vertical-align: top; }
td { overflow-wrap: anywhere; min-width: 6.5rem; }
.number { white-space: nowrap; font-variant-numeric: tabular-nums; }
meter { width: 5rem; height: .7rem; margin-right: .4rem; accent-color: var(--bar); }
@media (max-width: 45rem) { thead { position: absolute; left: -999rem; }
  tr, td { display: block; border: 0; padding: .15rem 0; } tr { padding: .8rem 0;
  border-bottom: 1px solid var(--line); } td::before { content: attr(data-name) ": ";
  color: var(--faint); } }
"""
_NAMES = ("document", "a person", "the model", "cosine", "the model's summary", "cosine to it")


def page(found: Vibe, name: str) -> str:
    """Return the page as HTML.

    Args:
        found: what to show.
        name: of the file that the documents are from.
    """
    title = escape(f"A person's topics and the model's: {name}")
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in _NAMES)
    rows = "\n".join(map(_row, found.pairs))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{title}</h1>
<table>
<caption>{escape(found.title)}</caption>
<thead><tr>{head}</tr></thead>
<tbody>
{rows}
</tbody>
</table>
</body>
</html>
"""


def _row(pair: Pair) -> str:
    cells = (
        escape(pair.document),
        escape(pair.person),
        escape(pair.model),
        _meter(pair.cosine),
        escape(pair.model_summary),
        _meter(pair.summary_cosine),
    )
    shown = "".join(
        f'<td data-name="{escape(name)}"{_kind(name)}>{cell}</td>'
        for name, cell in zip(_NAMES, cells, strict=True)
    )
    return f"<tr>{shown}</tr>"


def _kind(name: str) -> str:
    return ' class="number"' if name.startswith("cosine") else ""


def _meter(cosine: float) -> str:
    value = min(max(cosine, 0.0), 1.0)
    return f'<meter min="0" max="1" value="{value:.3f}">{cosine:.3f}</meter>{cosine:.3f}'

"""HTML in one file that opens offline: a style, a frame, and text that stays text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

STYLE = """
:root { color-scheme: light dark; --ink: #1d242b; --soft: #56606a; --line: #d5dae0;
  --page: #fdfdfc; --card: #f5f6f7; --link: #1f5fae; --good: #0b6b3a; --part: #8a4b00;
  --bad: #a3231f; --open: #4c5560; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ecf0; --soft: #a9b3bd; --line: #38424c;
  --page: #12171c; --card: #1b2229; --link: #8fbcf2; --good: #6fd09a; --part: #f0b065;
  --bad: #f39a94; --open: #b4bec8; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1rem 4rem; max-width: 56rem; background: var(--page);
  color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.3rem; margin: 2.5rem 0 .5rem; }
h3 { font-size: 1.1rem; margin: 0 0 .25rem; }
a { color: var(--link); }
p { margin: .4rem 0; }
.soft { color: var(--soft); }
article { border: 1px solid var(--line); border-radius: .5rem; padding: 1rem; margin: 1rem 0; }
.verdict { font-weight: 600; border-left: .3rem solid currentColor; padding-left: .6rem; }
.holds { color: var(--good); } .holds-only-when { color: var(--part); }
.does-not-hold-here { color: var(--bad); } .open { color: var(--open); }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0;
  border-bottom: 1px solid var(--line); }
.wide { overflow-x: auto; }
code { font: .85rem/1.4 ui-monospace, monospace; background: var(--card); padding: .1rem .3rem; }
details { margin-top: .6rem; }
summary { cursor: pointer; color: var(--link); }
@media print { details > * { display: block; } article { break-inside: avoid; } }
"""


def document(title: str, body: Iterable[str]) -> str:
    """A whole page. The body is HTML already; the policy forbids it to load or run anything."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>",
            *body,
            "</main>\n</body>\n</html>\n",
        ]
    )


def text(tag: str, words: str, kind: str = "") -> str:
    """`<p class="soft">words</p>`, escaped."""
    attribute = f' class="{escape(kind)}"' if kind else ""
    return f"<{tag}{attribute}>{escape(words)}</{tag}>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are HTML already; headings are text."""
    heads = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    lines = "".join(f"<tr>{''.join(f'<td>{c}</td>' for c in row)}</tr>" for row in rows)
    return (
        f'<div class="wide"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )


def folded(title: str, inside: Iterable[str]) -> str:
    """What only some readers want to see."""
    return f"<details><summary>{escape(title)}</summary>{''.join(inside)}</details>"

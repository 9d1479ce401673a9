"""Tables for papers: LaTeX with the package booktabs, in which text stays text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from core.statistics import Estimate
from core.words import listed, number
from experiments.comparing import Comparison, Result
from experiments.comparing_words import answer, repeats_in_words

SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "−": r"$-$",
    "∞": r"$\infty$",
    "ρ": r"$\rho$",
    "₁": r"$_1$",
    "₀": r"$_0$",
    "·": r"$\cdot$",
    "→": r"$\to$",
    "µ": r"$\mu$",
    "`": r"\textasciigrave{}",
    "|": r"\textbar{}",
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    "\u2068": "",
    "\u2069": "",
}
MOST_COLUMNS = 4
"""Measures of a table: more do not fit a page."""


def escaped(text: str) -> str:
    """Text as LaTeX writes it; line breaks become spaces."""
    return "".join(SPECIAL.get(letter, letter) for letter in " ".join(text.split()))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], caption: str) -> str:
    """Cells are LaTeX already; headings and the caption are text."""
    columns = "l" + "r" * (len(head) - 1)
    lines = [
        r"% needs \usepackage{booktabs}",
        r"\begin{table}",
        rf"\caption{{{escaped(caption)}}}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        " & ".join(map(escaped, head)) + r" \\",
        r"\midrule",
        *(" & ".join(row) + r" \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def estimated(estimate: Estimate, *, bold: bool) -> str:
    r"""`\textbf{0.632} [0.624, 0.641]`."""
    if estimate.value is None:
        return "--"
    value = escaped(number(estimate.value))
    value = rf"\textbf{{{value}}}" if bold else value
    if estimate.low is None or estimate.high is None:
        return value
    return f"{value} [{escaped(number(estimate.low))}, {escaped(number(estimate.high))}]"


def comparison_tables(comparisons: Iterable[Comparison]) -> bytes:
    """A table per experiment, one line per group; the best is bold, and so are all that are not
    told from it."""
    return "\n".join(_comparison(comparison) for comparison in comparisons).encode()


def _comparison(comparison: Comparison) -> str:
    results = _chosen(comparison)
    rows = [
        [escaped(g.name), *(_cell(result, g.name) for result in results)] for g in comparison.groups
    ]
    head = ["", *(result.column.heading for result in results)]
    return table(head, rows, f"{answer(comparison)} {_legend(comparison, results)}".strip())


def _chosen(comparison: Comparison) -> list[Result]:
    """The headline, then the judged measures in the order declared, as many as fit a page."""
    judged = [result for result in comparison.results if result.judged]
    first = [] if comparison.headline is None else [comparison.headline]
    return list(dict.fromkeys([*first, *judged]))[:MOST_COLUMNS]


def _cell(result: Result, group: str) -> str:
    return estimated(result.estimates[group], bold=bool(result.marks.get(group)))


def _legend(comparison: Comparison, results: Sequence[Result]) -> str:
    """What brackets and bold type are."""
    said = []
    sure = [r for r in results if any(e.low is not None for e in r.estimates.values())]
    if sure:
        over = {repeats_in_words(sure[0], g.name, comparison.repeat) for g in comparison.groups}
        said.append(f"In brackets: 95% intervals over {listed(sorted(over))}.")
    if any(mark for result in results for mark in result.marks.values()):
        said.append("Bold: the best, and what is not distinguishable from it.")
    return " ".join(said)

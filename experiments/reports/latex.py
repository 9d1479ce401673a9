"""Tables for papers: LaTeX with the package booktabs, in which text stays text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas

from core.analysis.across import Pivot
from core.analysis.comparison import Comparison
from core.analysis.sentences import answer, repeats_in_words
from core.analysis.sizes import sizes_in_words, sizes_of
from core.formatting import listed, number
from core.stats.estimates import Estimate

# What LaTeX's ten special characters, a table's row and pdfLaTeX's fonts do not take as they are.
ESCAPES = str.maketrans({
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
    "×": r"$\times$",
    **{
        raised: f"$^{{{plain}}}$"
        for raised, plain in zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-", strict=True)
    },
    "\u2068": "",
    "\u2069": "",
})  # fmt: skip

MAX_COLUMNS = 4
"""Measures in a table: more do not fit on a page."""


def escaped(text: str) -> str:
    """Text as LaTeX writes it; line breaks become spaces."""
    return " ".join(text.split()).translate(ESCAPES)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], caption: str) -> str:
    """A floating table. Cells are LaTeX already; headings and the caption are text."""
    frame = pandas.DataFrame(list(rows), columns=range(len(head)))
    style = frame.style.hide(axis="index")
    labels = [escaped(heading).replace("{", "{{").replace("}", "}}") for heading in head]
    style = style.relabel_index(labels, axis="columns")  # takes them for formats
    columns = "l" + "r" * (len(head) - 1)
    latex = style.to_latex(hrules=True, column_format=columns, caption=escaped(caption))
    return f"% needs \\usepackage{{booktabs}}\n{latex}"


def estimate_cell(estimate: Estimate, *, bold: bool) -> str:
    r"""`\textbf{0.632} [0.624, 0.641]`."""
    if estimate.value is None:
        return "--"
    value = escaped(number(estimate.value))
    value = rf"\textbf{{{value}}}" if bold else value
    if estimate.low is None or estimate.high is None:
        return value
    return f"{value} [{escaped(number(estimate.low))}, {escaped(number(estimate.high))}]"


def comparison_tables(comparisons: Iterable[Comparison]) -> bytes:
    """A table per experiment with one line per group: the headline and the judged measures.

    The best value is bold, and so are those that are not distinguishable from it.
    """
    return "\n".join(_comparison(comparison) for comparison in comparisons).encode()


def pivot_table(pivot: Pivot) -> str:
    """One measure with a line per value of one setting and a column per value of another."""
    estimates, marks = pivot.result.estimates, pivot.result.marks

    def cell(name: str | None) -> str:
        return "--" if name is None else estimate_cell(estimates[name], bold=bool(marks.get(name)))

    rows = [
        [escaped(row), *(cell(pivot.names.get((row, column))) for column in pivot.column_texts)]
        for row in pivot.row_texts
    ]
    head = [f"{pivot.rows.title} / {pivot.columns.title}", *pivot.column_texts]
    return table(head, rows, pivot.caption())


def _comparison(comparison: Comparison) -> str:
    judged = [result for result in comparison.results if result.judged]
    first = [] if comparison.headline is None else [comparison.headline]
    results = list(dict.fromkeys([*first, *judged]))[:MAX_COLUMNS]
    rows = [
        [
            escaped(group.name),
            *(
                estimate_cell(result.estimates[group.name], bold=bool(result.marks.get(group.name)))
                for result in results
            ),
        ]
        for group in comparison.groups
    ]
    sizes = sizes_of(comparison.experiment, comparison.groups)
    caption = [answer(comparison), sizes_in_words(comparison.experiment, sizes)]
    with_interval = [r for r in results if any(e.low is not None for e in r.estimates.values())]
    if with_interval:
        repeats = {
            repeats_in_words(with_interval[0], group.name, comparison.repeat)
            for group in comparison.groups
        }
        over = listed(sorted(filter(None, repeats)))
        caption.append(f"In brackets: 95% intervals{f' over {over}' if over else ''}.")
    if any(mark for result in results for mark in result.marks.values()):
        caption.append("Bold: the best, and what is not distinguishable from it.")
    return table(["", *(result.column.heading for result in results)], rows, " ".join(caption))

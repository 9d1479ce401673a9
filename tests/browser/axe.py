"""What axe-core finds on a page, but for what is known and cannot be mended from here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT

SERIOUS = ("serious", "critical")

FIND = """async ([impacts, known]) => {
  const found = await axe.run(document, {resultTypes: ['violations']});
  const isKnown = (rule, node) => known.some(([name, selector]) =>
    name === rule && document.querySelector(node.target[0])?.matches(selector));
  return found.violations.filter(one => impacts.includes(one.impact)).flatMap(one =>
    one.nodes.filter(node => !isKnown(one.id, node)).map(node =>
      `${one.id} (${one.impact}): ${node.target} ${node.html.slice(0, 250)} `
      + [...node.any, ...node.all, ...node.none].map(check => check.message).join('; ')));
}"""


@dataclass(frozen=True)
class Known:
    """A violation in one of Streamlit's own widgets, which a page of bare Streamlit has too."""

    rule: str
    selector: str
    """Of the element that axe names."""
    why: str


KNOWN = (
    Known(
        "list",
        "[data-testid='stSidebarNavItems']",
        "The navigation puts a div around each of its sections, between the list and its items.",
    ),
    Known(
        "listitem",
        "[data-testid='stSidebarNavItems'] li",
        "The same, seen from the items.",
    ),
    Known(
        "scrollable-region-focusable",
        "[data-testid='stTable'] > div",
        "A table that is wider than a phone scrolls in a box without tabindex; browsers let the "
        "keyboard into such a box nevertheless.",
    ),
    Known(
        "scrollable-region-focusable",
        ".katex-display",
        "The same of a formula that is wider than its column.",
    ),
    Known(
        "scrollable-region-focusable",
        "[data-testid='stCode'] pre",
        "The same of a long text of fixed letters, such as a log.",
    ),
)


def violations(page: Any, known: Sequence[Known] = KNOWN) -> list[str]:
    """Every serious or critical one that is not known: its element, and what is wrong."""
    page.evaluate(AXE_SCRIPT)
    found: list[str] = page.evaluate(FIND, [SERIOUS, [[k.rule, k.selector] for k in known]])
    return found

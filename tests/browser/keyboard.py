"""A person who has only a keyboard, and has to see where it is."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from PIL import Image, ImageChops

from tests.browser.conftest import Visitor

MAX_STOPS = 150
"""Of a page, one after the other."""

AROUND = 6
"""Pixels around what has the focus that may show it."""

ACTIVE = """() => {
  let e = document.activeElement;
  while (e.shadowRoot?.activeElement) e = e.shadowRoot.activeElement;
  return e;
}"""
"""What has the focus, inside a component too."""

FOCUSED = f"""() => {{
  const e = ({ACTIVE})(), box = e.getBoundingClientRect();
  const by = e.getAttribute('aria-labelledby')?.split(' ') || [];
  const labelled = e.labels?.length ? e.labels[0].innerText
    : by.map(id => document.getElementById(id)?.innerText).join(' ');
  return {{
    role: e.getAttribute('role') || {{range: 'slider', radio: 'radio'}}[e.type]
      || {{A: 'link', BUTTON: 'button', SUMMARY: 'summary', INPUT: 'input', TEXTAREA: 'input',
          CANVAS: 'table'}}[e.tagName] || e.tagName.toLowerCase(),
    name: (e.getAttribute('aria-label') || labelled || e.innerText || '').replace(/\\s+/g, ' '),
    box: [box.x, box.y, box.width, box.height],
  }};
}}"""


class Keyboard:
    """Goes from stop to stop."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor, self.page = visitor, visitor.page

    @property
    def at(self) -> dict[str, Any]:
        """What has the focus: its role, name and box."""
        found: dict[str, Any] = self.page.evaluate(FOCUSED)
        return found

    def reach(self, role: str, name: str, key: str = "Tab") -> None:
        """Press a key until something of that role, whose name has these words, has the focus."""
        passed = []
        for _ in range(MAX_STOPS):
            self.page.keyboard.press(key)
            at = self.at
            if at["role"] == role and name in at["name"]:
                assert self.shows(), f"nothing shows that {role} {name!r} has the focus"
                return
            passed.append(f"{at['role']} {at['name'][:40]}")
        raise AssertionError(f"no {key} reaches {role} {name!r}, only {passed}")

    def reach_table(self) -> None:
        """Tab into the next table, in which the cell that has the focus is framed."""
        for _ in range(MAX_STOPS):
            self.page.keyboard.press("Tab")
            if self.at["role"] == "table":
                break
        x, y, width, height = self.at["box"]
        clip = {"x": x, "y": y, "width": width, "height": height}
        before = self._seen(clip)
        self.page.keyboard.press("ArrowDown")
        self.page.wait_for_timeout(250)
        assert ImageChops.difference(before, self._seen(clip)).getbbox() is not None

    def press(self, *keys: str) -> None:
        """Press keys, and wait until the page has taken them up."""
        for key in keys:
            self.page.keyboard.press(key)
        self.visitor.settle()

    def shows(self) -> bool:
        """Whether what has the focus looks different from how it looks without."""
        self.page.wait_for_timeout(250)  # colours fade in
        x, y, width, height = self.at["box"]
        left, top = max(0, x - AROUND), max(0, y - AROUND)
        clip = {"x": left, "y": top, "width": width + 2 * AROUND, "height": height + 2 * AROUND}
        self.page.evaluate(f"window.focused = ({ACTIVE})()")
        focused = self._seen(clip)
        self.page.evaluate("window.focused.blur()")
        self.page.wait_for_timeout(250)
        without = self._seen(clip)
        self.page.evaluate("window.focused.focus({preventScroll: true})")
        return ImageChops.difference(focused, without).getbbox() is not None

    def _seen(self, clip: dict[str, float]) -> Any:
        taken = self.page.screenshot(clip=clip)
        return Image.open(BytesIO(taken)).convert("RGB")

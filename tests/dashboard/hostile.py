"""What somebody could call a run: every text here is to be shown as text, and to break nothing."""

from __future__ import annotations

MARKUP = "<img src=x onerror=alert(1)><script>alert(1)</script>"

QUOTES = (
    "\"'`a` `` $x$ [a](http://example.org) me@example.org **c** :material/bug: :red[x] # \\ {y} "
    "&amp; <b>d</b>"
)

RIGHT_TO_LEFT = "שלום עולם \u202eturned round"
"""The second part orders the eye to read backwards, and never takes it back."""

FORMULA = '=HYPERLINK("http://b","a")'

LETTERS = "x" * 10_000

WORDS = "many words " * 900

BROKEN = "two\nlines\tand a bell\x07\n\n    # not a heading\n- nor a list"

TEXTS = {
    "markup": MARKUP,
    "quotes": QUOTES,
    "right to left": RIGHT_TO_LEFT,
    "formula": FORMULA,
    "letters": LETTERS,
    "words": WORDS,
    "broken": BROKEN,
}
"""How a test calls it → the text."""

SNIPPETS = (MARKUP[:10], "<script", "<b>d", "**c**", "[a](http", ":red[", ":material/bug", "$x$")
"""Of them, what may stand in no Markdown unescaped."""

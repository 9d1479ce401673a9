"""What `two-sided-context` trains and how it is judged, in words."""

from __future__ import annotations

from core.words import listed
from dashboard.shown import Shown
from dashboard.wording import plain

ACCURACIES = (
    "ahead_accuracy",
    "lowest_accuracy",
    "present_accuracy",
    "wider_accuracy",
    "delayed_accuracy",
)
"""What a run's summary says of them."""

METHOD = """
Tokens are drawn evenly, and every step has a tag. **Ahead**: the token d steps further on.
**Compare**: whether that token is smaller than the present one, equal or larger. Steps at the end
of a sequence that have no token so far ahead are not counted. Networks are recurrent layers with a
linear readout at every step, one network for each look-ahead d and seed, all trained side by side
with Adam on sequences drawn afresh, each on its own loss. A seed starts from the same weights at
every look-ahead. Accuracy is of the last weights, on test sequences that nothing else used (the
training curves are of 50 others); the band is Student's 95% interval over the seeds, cut off at 0
and 100%, of one seed over its test sequences.

**Chance** is exact: what was read says nothing of a token to come, so the best answer names any
token (*ahead*: one in so many as there are), or the likeliest outcome for the present token
(*compare*). With d = 0 nothing has to be foreseen.

Two controls tell seeing from capacity, both of one direction. **Wider**: the hidden size that
brings its recurrent layers closest to the parameters of the bidirectional form. **Delayed**: the
same network, but it tags a step d steps later, when it has read the token that is needed.

**Generating**: a network that writes hands on every token before the next one is there. So each
prefix of a test sequence was tagged as if it were all there is, in float64, and compared with the
tags of the whole sequence: how many of them will the rest change? Whether a variant *generates* was
asked of this workbench's own decoder, and the answer is kept as it came.
"""

RULES = {
    "ahead": "each tag is the token so many steps ahead",
    "compare": "each tag compares the token so many steps ahead with the present one",
}


def line(shown: Shown) -> str:
    """Which rule, how many tokens, how it was trained; plain Markdown."""
    rules = listed([RULES[str(rule)] for rule in dict.fromkeys(_of(shown, "rule"))])
    tokens, steps, seeds = (
        listed([f"{value:,}" for value in _numbers(shown, setting)])
        for setting in ("tokens", "training_steps", "seeds")
    )
    several = "s" if seeds != "1" else ""
    told = f"Task: {rules}, {tokens} tokens. {steps} training steps, {seeds} seed{several}."
    return plain(told)


def _of(shown: Shown, setting: str) -> list[object]:
    return list(shown.setting_of_runs(setting).values())


def _numbers(shown: Shown, setting: str) -> list[int]:
    return sorted({int(str(value)) for value in _of(shown, setting)})

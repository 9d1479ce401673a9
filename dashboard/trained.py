"""What the models of `length-quality` were trained on: the task, the lengths, how it is scored."""

from __future__ import annotations

import pandas

from core.tracking import RunRecord
from core.words import counted, listed
from dashboard.layers import Shade
from dashboard.shown import Shown
from dashboard.wording import plain

TASKS = {
    "grammar": "sentences of a small grammar, English → German",
    "copy": "digits, to be copied",
    "reverse": "digits, to be written backwards",
}


def shade(shown: Shown, rows: pandas.DataFrame) -> Shade | None:
    """The trained range of source lengths, where it is the same for all runs."""
    longest = set(shown.setting_of_runs("longest_trained").values())
    if len(longest) != 1 or set(rows["by"]) != {"source"}:
        return None
    (words,) = longest
    return Shade(float(str(words)), f"trained up to {counted(int(str(words)), 'word')}")


def line(shown: Shown) -> str:
    """Which task, trained and tested how far, and how BLEU was computed; plain Markdown."""
    tasks = listed(list(dict.fromkeys(map(task, shown.runs))))
    far = [_lengths(shown, name) for name in ("longest_trained", "longest_tested")]
    said = f"Task: {tasks}. Trained up to {far[0]} words of source, tested up to {far[1]}."
    signatures = sorted({s for s in shown.results["signature"] if isinstance(s, str) and s})
    return plain(" ".join([said, *(f"BLEU: {signature}." for signature in signatures)]))


def task(run: RunRecord) -> str:
    """What a run's model translates, in words."""
    settings = run.settings
    if settings["task"] == "multi30k":
        languages = f"{settings['source_language']} → {settings['target_language']}"
        return f"Multi30k captions, {languages}"
    if settings["task"] == "tsv":
        return f"the text of {settings['file']}"
    return TASKS[str(settings["task"])]


def _lengths(shown: Shown, name: str) -> str:
    found = {int(str(value)) for value in shown.setting_of_runs(name).values()}
    return listed([f"{length:,}" for length in sorted(found)])

"""One search for runs, the same on every page and on the command line.

A search is a line of terms, all of which a run must meet:

    lstm "forget bias" hidden_size=16,32 forget_bias>=1 status:finished user:ana -is:starred

A word is found where a word begins: in the name, the result, the sweep, the settings that are text,
the comment, the user, and it may be the beginning of an id. A number is found as a whole. A phrase
stands in quotes. `field:text` looks in one field, `setting=value` compares a setting; several
values, separated by commas, mean any of them. A minus in front turns a term round. Archived runs
are left out unless the search asks for them.
"""

from __future__ import annotations

import difflib
import functools
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from core.analysis.groups import has, machine_in_words, machine_of, value_of, variant_of
from core.experiments import all_experiments
from core.formatting import listed, shortened
from core.models.registry import full_variant, variant_settings, variants
from core.settings import BadSetting, Setting, Value, parse_amount, settings_of
from core.store.records import RunRecord, Status

Test = Callable[[RunRecord], bool]

Local = Callable[[float], datetime]
"""Seconds since 1970 → what a clock on the wall says."""

EXAMPLES: Mapping[str, str] = {
    "lstm orthogonal": "both words, anywhere in the name, the result, the sweep or a comment",
    '"5 seeds"': "a phrase",
    "hidden_size=16,32": "a setting: any of these values",
    "forget_bias>=1": "a setting, compared with a number: also =, !=, >, < and <=",
    "status:finished": "waiting, running, finished, failed or cancelled",
    "experiment:memory-span": "the question",
    "variant:bi-lstm": "the cell and its direction",
    "sweep:chapter": "the name or the id of what was launched together",
    "user:ana": "who launched it",
    "machine:cuda": "where it ran",
    "tag:paper": "a tag, or a tag of a value: tag:paper=1",
    "is:starred": "starred, pinned or archived; archived runs are hidden unless asked for",
    "submitted>=2026-11-23": "a day",
    "seconds<10": "how long it ran",
    "d9e4e9a7": "the beginning of an id",
    "-status:failed": "a minus: everything else",
}
"""Searches, and what they find, for help texts."""

MIN_ID_LETTERS = 4

TERM = re.compile(
    r"""(?P<minus>-)?
    (?:(?P<name>[A-Za-z][\w-]*)(?::|\s*(?P<sign>[!<>]=|[=<>])\s*))?
    (?P<value>(?:"[^"]*"|[^\s",])(?:"[^"]*"|[^\s"])*)""",
    re.VERBOSE,
)

VALUE = re.compile(r'(?:"[^"]*"|[^,"])+')
"""One of several values; a comma in quotation marks belongs to it."""

SIGNS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}

STATUS_OF: Mapping[str, Status] = {
    "waiting": "SCHEDULED",
    "running": "RUNNING",
    "finished": "FINISHED",
    "failed": "FAILED",
    "cancelled": "KILLED",
    "scheduled": "SCHEDULED",
    "queued": "SCHEDULED",
    "killed": "KILLED",
}
"""The words of the pages, then those of MLflow and of the queue."""

MARKED: Mapping[str, Test] = {
    "starred": lambda run: run.starred,
    "pinned": lambda run: run.pinned,
    "archived": lambda run: run.archived,
}

TEXTS: Mapping[str, Callable[[RunRecord], str]] = {
    "sweep": lambda run: f"{run.sweep_name}\n{run.sweep}",
    "user": lambda run: "\n".join(dict.fromkeys((run.user, run.launched_by))),
    "comment": lambda run: run.comment,
    "machine": lambda run: machine_in_words(machine_of(run)),
}

FIELDS = ("status", "experiment", "variant", "is", "id", "tag", *TEXTS)

COMPARED = ("submitted", "seconds")
"""What is compared as a setting is, and is none."""


@dataclass(frozen=True)
class Query:
    """A search that has been read."""

    tests: tuple[Test, ...] = ()
    archived: bool = False
    """Whether it asks for archived runs itself; otherwise they are left out."""

    def matches(self, run: RunRecord) -> bool:
        """Whether a run meets every term."""
        return (self.archived or not run.archived) and all(test(run) for test in self.tests)

    def find(self, runs: Iterable[RunRecord]) -> list[RunRecord]:
        """The runs that match, in the order given."""
        return [run for run in runs if self.matches(run)]


def parse(text: str, local: Local = datetime.fromtimestamp) -> Query:
    """Read a search; `BadSetting` with one line for a term that means nothing. Days are those of
    the reader's clock, `local`."""
    if text.count('"') % 2:
        raise BadSetting(
            f"search is {shortened(text)!r}, in which a quotation mark is not closed; "
            'a phrase stands in two of them: "5 seeds"'
        )
    tests: list[Test] = []
    archived = False
    for term in TERM.finditer(text):
        test = _test(term, local)
        if test is not None:
            tests.append(_negated(test) if term["minus"] else test)
            archived |= term["name"] == "is" and "archived" in term["value"]
    return Query(tuple(tests), archived)


def search(runs: Iterable[RunRecord], text: str) -> list[RunRecord]:
    """The runs that a search finds, in the order given; `BadSetting` if it cannot be read."""
    return parse(text).find(runs)


def with_id(runs: Iterable[RunRecord], beginning: str) -> list[RunRecord]:
    """The runs whose id is, or begins with, this text of at least four letters."""
    if len(beginning) < MIN_ID_LETTERS:
        return []
    return [run for run in runs if run.is_called(beginning)]


def _negated(test: Test) -> Test:
    return lambda run: not test(run)


def _any(tests: Sequence[Test]) -> Test:
    return tests[0] if len(tests) == 1 else lambda run: any(test(run) for test in tests)


def _test(term: re.Match[str], local: Local) -> Test | None:
    """What one term asks of a run; None for one without a letter or a digit, such as `·`."""
    name, sign, text = term["name"], term["sign"], term["value"]
    if name is None:
        return _words(text)
    parts = (part.replace('"', "") for part in VALUE.findall(text))
    values = [part for part in parts if part.strip()]
    if not values:
        raise BadSetting(f"search has {shortened(term[0])!r}; give {name} a value")
    if not sign:
        if name not in FIELDS:
            raise _unknown(term, name, FIELDS, f"known are {', '.join(FIELDS)}")
        return _any([_field(name, value) for value in values])
    if name == "submitted":
        return _any([_submitted(sign, value, local) for value in values])
    if name == "seconds":
        return _any([_seconds(sign, value) for value in values])
    setting = name.replace("-", "_")
    if setting not in _settings():
        known = "python -m experiments list has the settings"
        raise _unknown(term, setting, [*_settings(), *COMPARED], known)
    tests = [_compared(setting, sign, value) for value in values]
    return (lambda run: all(test(run) for test in tests)) if sign == "!=" else _any(tests)


def _unknown(term: re.Match[str], name: str, known: Sequence[str], otherwise: str) -> BadSetting:
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]}" if near else otherwise
    return BadSetting(
        f"search has {shortened(term[0])!r}, but there is no {shortened(name)} ({hint}); to find "
        "it as text, put it in quotation marks"
    )


def _words(text: str) -> Test | None:
    """A run that has a word or a phrase, or an id that begins with it."""
    plain = text.replace('"', "").lower()
    pattern = _pattern(plain)
    if pattern is None:
        return None
    words, may_be_id = " ".join(plain.split()), len(plain) >= MIN_ID_LETTERS

    def test(run: RunRecord) -> bool:
        if may_be_id and run.is_called(plain):
            return True
        # Most runs do not have it at all, which is found much faster without a pattern.
        return words in run.searchable and pattern.search(run.searchable) is not None

    return test


def _pattern(text: str) -> re.Pattern[str] | None:
    """The text where a word begins; a number as a whole; None without a letter or a digit."""
    words = " ".join(text.lower().split())
    if not re.search(r"\w", words):
        return None
    before = r"(?<!\w)(?<!\d[.,])" if words[0].isdigit() else r"(?<!\w)" * words[0].isalnum()
    after = r"(?![.,]?\d)(?!\w)" if words[-1].isdigit() else ""
    return re.compile(before + re.escape(words) + after)


def _field(name: str, value: str) -> Test:
    """A run that has a value in one field."""
    if name == "status":
        status = STATUS_OF[_one_of(name, value, STATUS_OF)]
        return lambda run: run.status == status
    if name == "experiment":
        experiment = _one_of(name, value, [one.name for one in all_experiments()])
        return lambda run: run.experiment == experiment
    if name == "variant":
        known = variant_settings(value) is not None
        variant = full_variant(value) if known else _one_of(name, value, variants())
        return lambda run: variant_of(run) == variant
    if name == "is":
        return MARKED[_one_of(name, value, MARKED)]
    if name == "id":
        return lambda run: run.is_called(value.lower())
    if name == "tag":
        tag, _, wanted = value.partition("=")
        return lambda run: bool(run.tags.get(tag)) and wanted in ("", run.tags.get(tag))
    pattern, text_of = _pattern(value), TEXTS[name]
    if pattern is None:
        raise BadSetting(f"{name} is {value!r}; give a word of it")
    return lambda run: pattern.search(text_of(run).lower()) is not None


def _one_of(name: str, value: str, known: Iterable[str]) -> str:
    """The value in lower case, if it is known."""
    options = list(known)
    if value.lower() not in options:
        raise BadSetting(f"{name} is {shortened(value)!r}; choose {listed(options, 'or')}")
    return value.lower()


def _submitted(sign: str, value: str, local: Local) -> Test:
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise BadSetting(f"submitted is {shortened(value)!r}; give a day as 2026-11-23") from None
    compare = SIGNS[sign]
    return lambda run: compare(local(run.submitted).date(), day)


def _seconds(sign: str, value: str) -> Test:
    amount, compare = _number("seconds", value, "a number"), SIGNS[sign]
    return lambda run: run.seconds is not None and compare(run.seconds, amount)


@functools.cache
def _settings() -> dict[str, dict[str, Setting]]:
    """Setting → experiment → how it declares it."""
    found: dict[str, dict[str, Setting]] = {}
    for experiment in all_experiments():
        for setting in settings_of(experiment.config):
            found.setdefault(setting.name, {})[experiment.name] = setting
    return found


def _compared(name: str, sign: str, value: str) -> Test:
    """A run whose cell has a setting, at a value that compares as the sign says."""
    declared = _settings()[name]
    wanted = _value(name, list(declared.values()), value)
    if sign not in ("=", "!=") and (isinstance(wanted, str | bool) or wanted is None):
        raise BadSetting(f"{name} is compared by {sign} with {value!r}; use = or !=")
    compare = SIGNS[sign]

    def test(run: RunRecord) -> bool:
        setting = declared.get(run.experiment)
        if setting is None or not has(run, setting):
            return False
        here = value_of(run, setting)
        if sign in ("=", "!="):
            return compare(here, wanted)
        return isinstance(here, int | float) and compare(here, wanted)

    return test


def _value(name: str, declared: Sequence[Setting], text: str) -> Value:
    """What a text means for a setting; `BadSetting` if no experiment would take it."""
    first = declared[0]
    if text.lower() == "none" and any(setting.optional for setting in declared):
        return None
    choices = list(dict.fromkeys(choice for s in declared for choice in s.choices))
    if choices:
        if text not in choices:
            raise BadSetting(f"{name} is {shortened(text)!r}; choose {listed(choices, 'or')}")
        return text
    if bool in first.types:
        truths = {"true": True, "on": True, "false": False, "off": False}
        if text.lower() not in truths:
            raise BadSetting(f"{name} is {shortened(text)!r}; give {first.allowed}")
        return truths[text.lower()]
    if int in first.types or float in first.types:
        return _number(name, text, first.allowed)
    return text


def _number(name: str, text: str, allowed: str) -> float:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return parse_amount(text, name)
    except BadSetting:
        raise BadSetting(f"{name} is {shortened(text)!r}; give {allowed}") from None

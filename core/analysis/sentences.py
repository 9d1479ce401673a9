"""A comparison in words: who is best, by how much, and is it significant?

The sentences are the same for every experiment; an experiment adds only the remarks that its own
question needs (`Experiment.remarks`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from core.analysis.comparison import CORRECTION, MAX_COMPARED, Comparison, Difference, Result
from core.analysis.groups import machine_of, setting_in_words, value_of
from core.analysis.runs import Repeat, repeat_of
from core.experiment import WIDTH, Column, Experiment
from core.formatting import (
    counted,
    inline_text,
    interval,
    listed,
    number,
    quantity,
    range_in_words,
    shortened_list,
)
from core.settings import Setting, Value
from core.stats.aggregation import MAJORITY, MEDIAN
from core.stats.estimates import Estimate
from core.store.records import RunRecord

MAX_NAMED = 4
"""The most groups that a sentence names; the others are counted."""
MIN_P = 0.001
"""Smaller p values are shown as `p < 0.001`."""
REPEAT_NOUNS: dict[Repeat, str] = {"seed": "seed", "launch": "launch", "count": "run"}
MARKS = {"best": "★ best", "among the best": "☆ among the best", "": ""}
"""In words and by a sign, so that no colour is needed."""


MAX_LEADERS = 3
"""The most groups that a card names as the best."""
MAX_CONDITIONS = 5
"""The most settings that the conditions of a comparison name; the others are counted."""
STARTS = {"torch": "PyTorch's default start"}
"""An initialisation → its name in the conditions, where `… start` is not clear enough."""

START = ("recurrent_gain", "forget_bias", "update_bias")
"""Settings with which a start is no longer the default one."""


@dataclass(frozen=True)
class KeyFigure:
    """The one number of a comparison, for a card."""

    value: str
    """With its unit: `4.4 steps`."""
    interval: str
    """`3.4–6.8`; empty where there is none."""
    sentence: str
    """Whose value it is and of what, who leads, and the other end."""


def key_figure(comparison: Comparison) -> KeyFigure | None:
    """The best group's value of the headline; None while nothing can be compared.

    A ratio that may as well be 1 is of something to itself: the other end is the figure then.
    """
    result = comparison.headline
    order = result.ordered() if result else []
    if result is None or not order:
        return None
    values = {name: result.estimates[name].value for name in order}
    best = result.estimates[order[0]]
    ends = [end for end in (best.low, best.value, best.high) if end is not None]
    relative = result.column.unit == "times" and min(ends) <= 1 <= max(ends)
    name, other = (order[-1], order[0]) if relative else (order[0], order[-1])
    title = lower_title(result.column)
    last = _other_end(result, order, other)
    ends_of = ("lowest", "highest") if result.column.better == "lower" else ("highest", "lowest")
    extreme = f"{name} has the {ends_of[name != order[0]]} {title}"
    if len(order) == 1:
        sentence = f"This is the {title} of {name}. No other was measured."
    elif len({*values.values()}) == 1:
        sentence = f"{'Both' if len(order) == 2 else f'All {len(order)}'} have the same {title}."
    elif relative:
        leaders = _leaders(comparison, result, other, titled=False)
        sentence = f"{extreme}. {leaders or _open(comparison, result, other)}."
    elif leaders := _leaders(comparison, result, name):
        sentence = f"{leaders}; {last}."
    else:
        sentence = f"{extreme}; {last}. {_open(comparison, result, name)}."
    return KeyFigure(
        value=quantity(values[name], result.column.unit),
        interval="" if result.exact else _narrow_interval(result.estimates[name]),
        sentence=sentence,
    )


def _narrow_interval(estimate: Estimate) -> str:
    """The interval, or nothing where both ends are written like the value itself."""
    ends = {number(end) for end in (estimate.low, estimate.high) if end is not None}
    return "" if ends == {number(estimate.value or 0.0)} else interval(estimate)


def _other_end(result: Result, order: Sequence[str], last: str) -> str:
    """`RNN has 4.50 words`, `the other 4 have 0 pairs`: all that have the same value as this."""
    value = result.estimates[last].value
    same = [name for name in order if result.estimates[name].value == value]
    names = listed(same)
    if len(same) > MAX_LEADERS:
        names = f"{'the other ' * (len(same) == len(order) - 1)}{len(same)}"
    return f"{names} {'has' if len(same) == 1 else 'have'} {quantity(value, result.column.unit)}"


def _leaders(comparison: Comparison, result: Result, top: str, *, titled: bool = True) -> str:
    """`LSTM learns to look back furthest`, `LSTM and GRU lead in reach, not surely ahead of RNN`;
    without the measure unless `titled`; empty if nothing is sure yet."""
    against = result.of(top)
    best = [name for name, mark in result.marks.items() if mark]
    if against and all(d.distinguished for d in against):
        phrases = {h.name: h.best for h in comparison.experiment.headlines}
        end = "lowest" if result.column.better == "lower" else "highest"
        phrase = phrases.get(result.column.name, f"has the {end} {lower_title(result.column)}")
        return f"{top} {phrase}"
    if len(best) > 1:
        value = result.estimates[top].value
        level = [n for n in best if n == top or result.estimates[n].value == value]
        below = [name for name in best if name not in level]
        lead = f"{shortened_list(level, MAX_LEADERS)} {'lead' if len(level) > 1 else 'leads'}"
        lead += f" in {lower_title(result.column)}" if titled else ""
        unsure = f", not surely ahead of {shortened_list(below, MAX_LEADERS)}" if below else ""
        return lead + unsure
    return ""


def _open(comparison: Comparison, result: Result, top: str) -> str:
    """Why it is not sure who leads."""
    if any(d.finding == "not enough seeds" for d in result.of(top)):
        return f"Too few {'launches' if comparison.repeat == 'launch' else 'seeds'} to rank them"
    return "No clear winner"


def conditions(
    experiment: Experiment, runs: Sequence[RunRecord], *, network_only: bool = False
) -> str:
    """`one layer, 64 units, PyTorch's default start, 300 training steps`: what all runs share.

    Depth, width and start are always named, other settings only where they are not the default;
    `network_only` leaves out those of the task. What differs among the runs is left out: their
    labels say it.
    """
    named: list[str] = []
    special: list[str] = []
    start = [setting for setting in experiment.identity if setting.name in START]
    default_start = all(value_of(run, s) == s.default for run in runs for s in start)
    for setting in experiment.identity:
        values = {value_of(run, setting) for run in runs}
        if setting.name in ("cell", "bidirectional") or len(values) != 1:
            continue
        value = values.pop()
        if setting.name == "initialisation" and repeat_of(experiment) != "seed":
            continue  # neither a count nor a time depends on it
        if text := _network_in_words(setting, value):
            if setting.name == "initialisation" and not default_start:
                text = text.replace("default ", "")
            named.insert(0 if setting.name == "layers" else len(named), text)
        elif value != setting.default and (setting.of_architecture or not network_only):
            special.append(_condition(setting, value))
    left_out = len(named) + len(special) - MAX_CONDITIONS
    if left_out > 1:
        special[-left_out:] = [counted(left_out, "other setting")]
    return ", ".join([*named, *special])


def _network_in_words(setting: Setting, value: Value) -> str:
    """Depth, width and start in words; empty for any other setting."""
    texts: Mapping[str, str] = {
        "layers": "one layer" if value == 1 else f"{value} layers",
        WIDTH: f"{value:,} units" if isinstance(value, int) else "",
        "initialisation": STARTS.get(str(value), f"{value} start"),
    }
    return texts.get(setting.name, "")


def _condition(setting: Setting, value: Value) -> str:
    """`300 training steps`, `longest lag 10`, `dot attention`."""
    if isinstance(value, int) and not isinstance(value, bool) and setting.title.endswith("s"):
        return f"{value:,} {setting.title.lower()}"
    if setting.choices and not setting.noun and not setting.of_architecture:
        return f"{setting.title.lower()} {value}"
    return setting_in_words(setting, value)


def origin(runs: Sequence[RunRecord], day: str) -> str:
    """`12 runs · 28 Nov by ana, imported from lab-7`: how many, when, who launched them, where."""
    named = (inline_text(run.launched_by) for run in runs)
    people = listed(list(dict.fromkeys(filter(None, named))))
    imported = [machine_of(run).host or "another computer" for run in runs if run.origin]
    some = f"{len(imported)} " if 0 < len(imported) < len(runs) else ""
    place = f", {some}imported from {listed(list(dict.fromkeys(imported)))}" if imported else ""
    return f"{counted(len(runs), 'run')} · {day}{f' by {people}' if people else ''}{place}"


def answer(comparison: Comparison) -> str:
    """Who is best at the comparison's headline and how surely, then the experiment's remarks."""
    if not comparison.groups:
        return "Nothing has been measured yet."
    result = comparison.headline
    if result is None:
        return "These runs have recorded no measure that could be compared."
    remarks = comparison.experiment.remarks
    extra = [] if remarks is None or comparison.measure else list(remarks(comparison))
    return " ".join([*_ranking(comparison, result), *extra])


def _ranking(comparison: Comparison, result: Result) -> Iterator[str]:
    order, title = result.ordered(), lower_title(result.column)
    if not order:
        names = shortened_list([group.name for group in comparison.groups], MAX_NAMED)
        yield f"{names} {'has' if len(comparison.groups) == 1 else 'have'} no {title}."
        return
    top, *others = order
    tested = any(d.p_value is not None for d in result.of(top))
    value = estimate_in_words(comparison, result, top, repeats=not tested)
    if not others:
        yield f"{top}: {title} {value}."
    elif len({result.estimates[name].value for name in order}) == 1:
        amount = quantity(result.estimates[top].value, result.column.unit)
        all_of = "Both" if len(order) == 2 else f"All {len(order)}"
        yield f"{all_of} have the same {title}: {amount}."
    else:
        against = _other_end(result, order, others[-1])
        phrases = {h.name: h.best for h in comparison.experiment.headlines}
        end = "lowest" if result.column.better == "lower" else "highest"
        ahead = [d.distinguished for d in result.of(top)]
        level = [n for n in order if result.estimates[n].value == result.estimates[top].value]
        have = f"{shortened_list(level, MAX_NAMED)} {'have' if len(level) > 1 else 'has'} the {end}"
        if len(level) > 1:
            value = quantity(result.estimates[top].value, result.column.unit)
        if ahead and not any(ahead):
            yield f"No clear winner in {title}: {have}, {value}; {against}."
        elif ahead and all(ahead) and (phrase := phrases.get(result.column.name)):
            yield f"{top} {phrase}: {title} {value}; {against}."
        else:
            yield f"{have} {title}: {value}; {against}."
    if others:
        yield from _verdict(comparison, result, top)
    for name, count in result.left_out.items():
        seeds = counted(count, REPEAT_NOUNS[comparison.repeat])
        yield f"{name}: {seeds} of {count + result.repeats[name]} left out, without a {title}."
    missing = [g.name for g in comparison.groups if result.estimates[g.name].value is None]
    if missing:
        have = "has" if len(missing) == 1 else "have"
        yield f"{shortened_list(missing, MAX_NAMED)} {have} no {title}."


def _verdict(comparison: Comparison, result: Result, top: str) -> Iterator[str]:
    """From which groups the first one differs significantly."""
    repeat, tested_by = comparison.repeat, _tested(result, comparison.looks)
    if not result.differences:
        yield f"More than {MAX_COMPARED} groups are not tested pair by pair: select fewer."
        return
    against = result.of(top)
    if result.exact:
        yield "These numbers are exact: they need no test."
        return
    ahead = [d.second for d in against if d.distinguished]
    equal = [d.second for d in against if d.finding == "equal within the margin"]
    ties = [d for d in against if d.finding == "not distinguishable"]
    few = [d for d in against if d.finding == "not enough seeds"]
    if ahead:
        names = _some(ahead, len(against))
        yield f"{top} differs significantly from {names} ({tested_by})."
    if equal:
        within = margin_in_words(result.column)
        yield (
            f"{top} is equal to {_some(equal, len(against))} within {within} (two one-sided tests)."
        )
    if ties:
        tested = "" if ahead else f" ({tested_by})"
        names = _some([d.second for d in ties], len(against), "any of the")
        yield " ".join(
            [
                f"{top} is not distinguishable from {names}{tested}.",
                *_shown_by(result, ties, repeat),
            ]
        )
    if few:
        yield _too_few(result, few, repeat)


def _shown_by(result: Result, ties: Sequence[Difference], repeat: Repeat) -> Iterator[str]:
    """Which difference these seeds would have found, and how many would find the one seen."""
    differences = [d.detectable for d in ties if d.detectable is not None]
    if not differences:
        return
    amount = quantity(max(differences), result.column.unit.replace("%", "points"))
    sentence = f"A difference of {amount} would have been found with 80% probability"
    needed = [d.seeds_to_decide for d in ties if d.seeds_to_decide is not None]
    if needed and len(needed) == len(ties):
        seeds = counted(max(needed), REPEAT_NOUNS[repeat])
        sentence += f"; if the difference is what it seems, {seeds} each would find it"
    yield f"{sentence}."


def margin_in_words(column: Column) -> str:
    """`2 points`, `10%`, `1 words`."""
    if column.aggregation.relative:
        return f"{number(100 * column.margin, 2)}%"
    return quantity(column.margin, column.unit.replace("%", "points"))


def _too_few(result: Result, few: Sequence[Difference], repeat: Repeat) -> str:
    """How many seeds there are, and how many are needed."""
    names = _some([d.second for d in few], len(few), "any of the")
    counts, noun = sorted({n for d in few for n in d.n}), REPEAT_NOUNS[repeat]
    each = f"{counted(counts[-1], noun)} each"
    if len(counts) > 1:
        each = f"{counts[0]} to {each}"
    needed = few[0].seeds_needed
    need = f"; {counted(needed, noun)} each are needed" if needed else ""
    pairs = len(result.differences)
    if pairs > 1 and needed and counts[-1] > 1:
        need += f" for {pairs} pairs"
    return f"With {each}, no difference from {names} can be significant{need}."


def _tested(result: Result, looks: int) -> str:
    """`Welch's t test, n = 8, corrected for 15 pairs by Holm`; empty where nothing was tested."""
    tested = [d for d in result.differences if d.p_value is not None]
    if not tested:
        return ""
    corrected = f", corrected for {len(tested)} pairs by {CORRECTION}" if len(tested) > 1 else ""
    if looks > 1:
        corrected += f"{' and' if corrected else ', corrected'} for {looks} looks"
    counts = sorted({n for d in tested for n in d.n})
    ends = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"{result.column.aggregation.test_name}, n = {ends}{corrected}"


def _some(names: Sequence[str], of: int, every: str = "all") -> str:
    if len(names) == of and of > MAX_NAMED:
        return f"{every} {of} others"
    return shortened_list(names, MAX_NAMED)


def lower_title(column: Column) -> str:
    """The title within a sentence: `half-life`, but `BLEU`."""
    title = column.title
    return title if title[:2].isupper() else f"{title[0].lower()}{title[1:]}"


def estimate_in_words(
    comparison: Comparison, result: Result, name: str, *, repeats: bool = True
) -> str:
    """`22.1 steps [20.0–24.0] (n = 8)`, the interval in brackets; an exact number stands alone.

    Without `repeats`, n is left to the test that follows.
    """
    estimate = result.estimates[name]
    value = quantity(estimate.value, result.column.unit)
    if result.exact:
        return value
    ends, number_of = interval(estimate), repeats_in_words(result, name, comparison.repeat)
    if not number_of:
        return value
    values = result.values[name]
    same = len(values) > 1 and len({*values}) == 1 and not _narrow_interval(estimate)
    if ends and not same:
        return f"{value} [{ends}]{f' ({number_of})' if repeats else ''}"
    if len(values) > 1:
        return f"{value} ({range_in_words(values, REPEAT_NOUNS[comparison.repeat])})"
    return f"{value} (no interval: {number_of})"


def repeats_in_words(result: Result, name: str, repeat: Repeat) -> str:
    """`n = 8`; of one launch its turns; of one seed that has an interval its sentences.

    One run's plain number is of all of its seeds together and has no count.
    """
    count, estimate = result.repeats[name], result.estimates[name]
    if repeat == "launch" and count == 1 and estimate.n > 1:
        return f"{estimate.n} turns of one launch"
    if repeat == "seed" and count <= 1 < estimate.n:
        return f"one seed, {estimate.n:,} sentences"
    number = count or estimate.n
    if number == 1 and not result.column.estimate:
        return ""
    return f"n = {number:,}" if number > 1 else counted(number, REPEAT_NOUNS[repeat])


def verdict(difference: Difference, repeat: Repeat, column: Column) -> str:
    """`better (Welch's t test, p = 0.032, n = 8 and 8)`."""
    n = " and ".join(f"{count:,}" for count in difference.n)
    finding = difference.finding
    if finding == "not enough seeds":
        what = "launches" if repeat == "launch" else "seeds"
        needed = difference.seeds_needed
        return f"not enough {what} (n = {n}{f'; {needed} each are needed' if needed else ''})"
    if difference.corrected_p is None:
        return f"{finding} (exact)"
    if finding == "equal within the margin":
        return f"equal within {margin_in_words(column)} (two one-sided tests, n = {n})"
    tested = f"{difference.test}, {p_value(difference.corrected_p)}, n = {n}"
    if difference.detectable is None:
        return f"{finding} ({tested})"
    shown = quantity(difference.detectable, column.unit.replace("%", "points"))
    return f"{finding} ({tested}; {shown} would have been, with 80% power)"


def p_value(p: float) -> str:
    """`p = 0.032`, `p < 0.001`."""
    return f"p < {MIN_P}" if p < MIN_P else f"p = {p:.3f}"


def method(comparison: Comparison) -> str:
    """The statistical method of the verdicts, in a paragraph."""
    aggregations = {result.column.aggregation for result in comparison.results}
    if comparison.repeat == "count":
        return "Counts are exact: they are compared as they are, and need no test."
    over = "launches" if comparison.repeat == "launch" else "seeds"
    ranks = (
        " Skewed values and what a majority reached are compared by the exact rank-sum test "
        "(Wilcoxon 1945), which makes no assumption about their distribution; a value at the end "
        "of what was measured counts as a lower bound (Gehan 1965)."
        if aggregations & {MEDIAN, MAJORITY}
        else ""
    )
    again = (
        f" These runs are looked at {comparison.looks} times while seeds are added, so every p is "
        f"multiplied by {comparison.looks}."
        if comparison.looks > 1
        else ""
    )
    return (
        f"A verdict is a two-sided test of the values of single {over} in two groups: means by "
        "Welch's t test (1947), geometric means by the same test on logarithms, percentages on log "
        "odds."
        f"{ranks} Within one measure, p is corrected for all pairs of groups by Holm's method "
        f"(1979), at a level of 5%. If no values of so few {over} could differ significantly, "
        "there is no verdict, and the number that is needed is given. Groups that are not "
        "distinguishable may differ all the same: the smallest difference that these seeds would "
        "have shown with a probability of 80% is given, and two one-sided tests (Schuirmann 1987) "
        "say whether they are equal within the margin. Every measure is a family of its own: of "
        f"twenty measures without any difference, one may seem to have one.{again} If the same "
        "seed of the same settings was measured twice, the newest value counts. Counts are "
        "compared exactly."
    )

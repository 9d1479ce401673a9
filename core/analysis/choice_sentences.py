"""A choice in words: what to take, how sure that is, what it rests on, and what would decide it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

from core.analysis.choice import OPEN, Choice, Measure, Proposal, Why
from core.analysis.limits import limitable, name_of
from core.analysis.scorecard_sentences import (
    repeats_of,
    spoken,
    struck_by,
    what_does_not_surely_fit,
    with_interval,
)
from core.experiments import experiment_named
from core.formatting import counted, listed, shortened_list

MAX_NAMED = 6
"""The most variants that a sentence names; the others are counted."""


def choice_answer(choice: Choice) -> str:
    """The recommendation, and how sure it is."""
    return " ".join([recommendation(choice), *how_sure(choice)])


def recommendation(choice: Choice) -> str:
    """`Choose GRU: of the 2 variants that fit …, at hidden size 64, …`; or why none is chosen."""
    card = choice.card
    limits = listed([limit.in_words for limit in card.limits])
    at = f"at {card.terms.in_words}"
    is_open = any(map(card.that, OPEN))
    if not choice.fitting:
        none = "none yet: no variant surely fits" if is_open else "none: no variant fits"
        return f"Choose {none} {limits}, {at}."
    names = [spoken(kind) for kind in choice.recommended]
    if not names:
        fit = f"{_named(choice.fitting)} fit {limits}" if limits else "No limit rules anything out"
        return f"{fit}, {at}, but {_nothing_to_weigh(choice)}."
    number = len(choice.fitting)
    if number == 1 and limits:
        (only,) = names
        alone = "it alone surely fits" if is_open else "it alone fits"
        return f"Choose {only}: {alone} {limits}, {at}{_values(choice, choice.recommended[0])}."
    within = f"of the {number} variants that fit {limits}" if limits else "without a limit"
    if choice.not_compared:
        compared = len(choice.points)
        of_which = f"{compared} of which" if limits else f"of the {compared} variants that"
        within = f"{within}, {of_which} can be compared"
    quality, cost = choice.quality, choice.cost
    assert quality is not None, "there is a frontier"
    assert cost is not None, "there is a frontier"
    both = f"both {name_of(quality.line.column)} and {name_of(cost.line.column)}"
    beats = "no other one beats it" if len(names) == 1 else "no other one beats any of these"
    values = "; ".join(
        f"{spoken(kind)} has {_value(quality, kind)} at {_value(cost, kind)}"
        for kind in choice.recommended
    )
    which = shortened_list(names, MAX_NAMED) if len(names) > MAX_NAMED else listed(names, "or")
    return f"Choose {which}: {within}, {at}, {beats} in {both}. {values}."


def _named(kinds: list[str]) -> str:
    return shortened_list([spoken(kind) for kind in kinds], MAX_NAMED)


def _nothing_to_weigh(choice: Choice) -> str:
    if choice.fixed:
        fixed = name_of(limitable()[choice.fixed])
        return f"in {fixed} all are equal on these terms: weigh them by another measure"
    if choice.quality is None or choice.cost is None:
        which = 0 if choice.quality is None else 1
        asked = choice.asked[which]
        lacking = name_of(limitable()[asked]) if asked else ("quality", "cost")[which]
        return f"no {lacking} is measured of two variants, so there is nothing to weigh them by"
    titles = f"{name_of(choice.quality.line.column)} and {name_of(choice.cost.line.column)}"
    if choice.points:
        (alone,) = choice.points
        return f"{spoken(alone)} alone has both {titles}, so there is nothing to compare it with"
    return f"none of them has both {titles}: weigh them by other measures"


def _values(choice: Choice, kind: str) -> str:
    measures = [m for m in (choice.quality, choice.cost) if m and m.value(kind) is not None]
    values = [f"{name_of(m.line.column)} {_value(m, kind)}" for m in measures]
    return f"; its {listed(values)}" if values else ""


def _value(measure: Measure, kind: str) -> str:
    return with_interval(measure.line, measure.line.cells[kind])


def how_sure(choice: Choice) -> Iterator[str]:
    """Which of the recommended may be beaten, and which of the others may not be."""
    quality, cost = choice.quality, choice.cost
    if quality is None or cost is None or not choice.frontier:
        return
    titles = [name_of(measure.line.column) for measure in (quality, cost)]
    if ties := [_named(tie) for tie in _ties(choice)]:
        yield f"{'; '.join(ties)} cannot be told apart on {listed(titles, 'or')}."
    for kind, rivals in choice.rivals.items():
        surely = [rival for rival in rivals if not choice.tied(kind, rival)]
        if surely:
            better = f"surely better in neither {listed(titles, 'nor')}"
            yield f"{_named(surely)} may beat {spoken(kind)}, which is {better}."
    unsure = [kind for kind in choice.beaten if not choice.surely_beaten(kind)]
    if unsure:
        verb = "seems" if len(unsure) == 1 else "seem"
        yield f"{_named(unsure)} {verb} to be beaten, but not surely."
    if not choice.doubtful:
        yield "These differences are statistically clear."


def _ties(choice: Choice) -> list[list[str]]:
    """Kinds that nothing tells apart, at least one of them on the frontier: several together if
    that is so of every two of them, else two at a time."""
    ties: list[list[str]] = []
    for kind, rivals in choice.rivals.items():
        together = [kind, *(rival for rival in rivals if choice.tied(kind, rival))]
        pairs = list(itertools.combinations(together, 2))
        whole = all(choice.tied(*pair) for pair in pairs)
        found = [together] if whole else [[kind, rival] for rival in together[1:]]
        ties += [tie for tie in found if len(tie) > 1 and not any({*tie} <= {*t} for t in ties)]
    return ties


def open_questions(choice: Choice) -> list[str]:
    """What is not decided and not measured; then who could not be weighed."""
    return [*what_does_not_surely_fit(choice.card, OPEN), *who_is_not_compared(choice)]


def who_is_not_compared(choice: Choice) -> Iterator[str]:
    """Who keeps the limits and could not be weighed."""
    if choice.quality is not None and choice.cost is not None and choice.not_compared:
        without: dict[str, list[str]] = {}
        for kind in choice.not_compared:
            missing = [
                name_of(measure.line.column)
                for measure in (choice.quality, choice.cost)
                if measure.value(kind) is None
            ]
            without.setdefault(listed(missing, "or"), []).append(kind)
        for titles, kinds in without.items():
            yield f"Not compared, without {titles}: {_named(kinds)}."


def place_of(choice: Choice, kind: str) -> str:
    """`recommended`, `recommended, not surely`, `beaten by GRU`, `does not fit: no p99 latency`."""
    fit = choice.card.fits[kind]
    if fit != "fits":
        return f"{fit}: {struck_by(choice.card, kind)}"
    if kind in choice.recommended:
        return f"recommended{'' if choice.is_sure(kind) else ', not surely'}"
    if kind in choice.beaten:
        surely = "" if choice.surely_beaten(kind) else ", not surely"
        return f"beaten by {listed([spoken(k) for k in choice.beaten[kind]])}{surely}"
    return "fits; not compared"


def value_with_repeats(choice: Choice, name: str, kind: str) -> str:
    """`20 steps [18–22] (8 seeds)`; empty where nothing is measured."""
    line = choice.card.lines[name]
    cell = line.cells.get(kind)
    if cell is None:
        return ""
    repeats = repeats_of(cell)
    return f"{with_interval(line, cell)}{f' ({repeats})' if repeats else ''}"


def rests_on(choice: Choice) -> str:
    """`Based on 24 runs: 6 of Throughput and 18 of Memory span. Every value …`: on which runs,
    and that nothing is interpolated between sizes."""
    runs = {experiment_named(name).title: len(ids) for name, ids in choice.evidence.items()}
    if not runs:
        return f"Based on {'exact counts; ' if choice.measures else ''}no runs."
    of = listed([f"{number:,} of {title}" for title, number in runs.items()])
    return (
        f"Based on {counted(sum(runs.values()), 'run')}: {of}. Every value is one that was "
        f"counted or measured at {choice.card.terms.in_words}; none is interpolated from other "
        "sizes, of which it says nothing."
    )


REASONS: Mapping[Why, str] = {
    "not measured": "a limit needs {measures}, which is not measured of {kinds}",
    "ended too early": "{measures} of {kinds} was not measured as far as the limit",
    "not decided": "{measures} of {kinds} is not surely on one side of the limit",
    "no quality": "{measures} is not measured of {kinds}",
    "too few": "there are too few repeats for a verdict on {measures}",
}


def proposal_in_words(choice: Choice) -> str:
    """Which launch would decide most and why, or why none would; then what only another computer
    can measure."""
    elsewhere = choice.measured_elsewhere
    proposal = choice.proposal
    if proposal is not None:
        said = [f"The launch that would decide most: {_launch(proposal)}; {_reason(proposal)}."]
    elif elsewhere:
        said = ["No launch is proposed here."]
    else:
        said = [_why_no_launch(choice)]
    there = (f"{title} was measured on another computer; repeat it there." for title in elsewhere)
    return " ".join([*said, *there])


def _why_no_launch(choice: Choice) -> str:
    if choice.card.that("not decided"):
        return (
            "No launch is proposed: no reasonable number of repeats would decide what is open, if "
            "the values are what they seem."
        )
    nothing_to_weigh = choice.fitting and not choice.recommended and not choice.fixed
    if choice.card.that("not measured") or nothing_to_weigh:
        return "No launch is proposed: no run with these settings would measure what is missing."
    if choice.doubtful:
        return "No launch is proposed: these measures have repeats enough, and no verdict is clear."
    return "No further run is needed."


def _launch(proposal: Proposal) -> str:
    runs = counted(len(proposal.plan), "run")
    title = proposal.experiment.title
    if not proposal.repeats:
        return f"{title} ({runs})"
    noun = "launch" if proposal.experiment.timed else "seed"
    return f"{counted(proposal.repeats, f'more {noun}')} of {title} ({runs})"


def _reason(proposal: Proposal) -> str:
    columns = {column.name: column for column in proposal.experiment.summary.columns()}
    return REASONS[proposal.why].format(
        measures=listed([name_of(columns[name]) for name in proposal.measures]),
        kinds=shortened_list([spoken(kind) for kind in proposal.kinds], MAX_NAMED),
    )

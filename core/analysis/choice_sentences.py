"""A choice in words: what to take, how sure that is, what it rests on, and what would decide it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from core.analysis.choice import Choice, Measure, Proposal, Why
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
    is_open = card.that("not decided") or card.that("not measured")
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
    if choice.quality is None or choice.cost is None:
        which = 0 if choice.quality is None else 1
        asked = choice.asked[which]
        lacking = name_of(limitable()[asked]) if asked else ("quality", "cost")[which]
        return f"no {lacking} is measured of two variants, so there is nothing to weigh them by"
    titles = f"{name_of(choice.quality.line.column)} and {name_of(choice.cost.line.column)}"
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
    if quality is None or cost is None or len(choice.points) < 2:
        return
    titles = f"{name_of(quality.line.column)} nor {name_of(cost.line.column)}"
    doubtful = {kind: rivals for kind, rivals in choice.rivals.items() if rivals}
    beside = [f"{spoken(kind)} beside {_named(rivals)}" for kind, rivals in doubtful.items()]
    if beside:
        places = "place" if len(beside) == 1 else "places"
        yield (
            f"The {places} of {'; '.join(beside)} may be noise: neither {titles} is surely better."
        )
    unsure = [kind for kind in choice.beaten if not choice.surely_beaten(kind)]
    if unsure:
        verb = "seems" if len(unsure) == 1 else "seem"
        yield f"{_named(unsure)} {verb} to be beaten, but not surely."
    if not doubtful and not unsure:
        yield "Each of these places is more than noise."


def open_questions(choice: Choice) -> list[str]:
    """What is not decided and not measured; then who could not be weighed."""
    sentences = [*what_does_not_surely_fit(choice.card, ("not decided", "not measured"))]
    if choice.quality is not None and choice.cost is not None and choice.not_compared:
        titles = f"{name_of(choice.quality.line.column)} or {name_of(choice.cost.line.column)}"
        sentences.append(f"Not compared, without {titles}: {_named(choice.not_compared)}.")
    return sentences


def place_of(choice: Choice, kind: str) -> str:
    """`recommended`, `recommended, not surely`, `beaten by GRU`, `does not fit: no p99 latency`."""
    fit = choice.card.fits[kind]
    if fit != "fits":
        return f"{fit}: {struck_by(choice.card, kind)}"
    if kind in choice.recommended:
        return f"recommended{', not surely' if choice.rivals.get(kind) else ''}"
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
    """`Rests on 24 runs: 6 of Throughput, 18 of Memory span. Every value …`; on which runs, and
    that nothing is interpolated."""
    runs = {experiment_named(name).title: len(ids) for name, ids in choice.evidence.items()}
    if not runs:
        what = "what is counted, and on no run" if choice.measures else "no run"
        return f"It rests on {what}."
    of = listed([f"{number:,} of {title}" for title, number in runs.items()])
    return (
        f"It rests on {counted(sum(runs.values()), 'run')}: {of}. Every value is one that was "
        f"counted or measured at {choice.card.terms.in_words}: nothing is interpolated, and of "
        "other sizes it says nothing."
    )


REASONS: Mapping[Why, str] = {
    "not measured": "a limit needs {measures}, which is not measured of {kinds}",
    "ended too early": "{measures} of {kinds} was not measured as far as the limit",
    "not decided": "{measures} of {kinds} is not surely on one side of the limit",
    "no quality": "{measures} is not measured of {kinds}",
    "too few": "there are too few repeats for a verdict on {measures}",
}


def proposal_in_words(choice: Choice) -> str:
    """Which launch would decide most and why; or that none would."""
    proposal = choice.proposal
    if proposal is not None:
        return f"The launch that would decide most: {_launch(proposal)}; {_reason(proposal)}."
    is_open = choice.card.that("not decided") or choice.card.that("not measured")
    doubtful = any(choice.rivals.values()) or any(
        not choice.surely_beaten(k) for k in choice.beaten
    )
    if is_open:
        return (
            "No launch is proposed: no reasonable number of repeats would decide what is open, if "
            "the values are what they seem."
        )
    if doubtful:
        return "No launch is proposed: there are repeats enough for a verdict, and none is clear."
    return "Nothing is open that a launch would decide."


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

"""Claims about sequences: two directions (12), one vector for a sentence (13), and shapes (15)."""

from __future__ import annotations

from core.analysis.comparison import Comparison
from core.chapter.claim import (
    EXACT,
    TO_COMPUTE,
    TRUTHS,
    Claim,
    Measurement,
    Question,
    Results,
    Truth,
    Verdict,
    combined,
    compare_matched,
    computing,
    evidence,
    exactly,
    finding_of,
    not_measured,
    number_of,
    of_parts,
)
from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.two_sided_context import TWO_SIDED_CONTEXT
from core.experiments.two_sided_context.declaration import TwoSidedContextConfig
from core.formatting import listed, number, quantity, spread
from core.models.architecture import variant_title
from core.models.registry import usual_variants
from core.stats.aggregation import MEAN
from core.stats.estimates import AtLeast, Estimate

BOTH_SIDES = Measurement(
    "one direction and two", TWO_SIDED_CONTEXT, tuple(usual_variants()), headline=True
)
GENERATES = ("It generates token by token", "It cannot be built")


def sides_rule(results: Results) -> Verdict:
    """Compare two directions with one of as many parameters; is a decoder of two refused?"""
    facts = results.computed.get(12)
    matched = {m.config.architecture.variant: m for m in results.of(BOTH_SIDES)}
    cells = [cell for cell in matched if f"bi-{cell}" in matched]
    answer = None if facts is None else GENERATES[bool(facts["refusal"])]
    if facts is None or not cells:
        missing = "one direction beside two, for at least one cell" if facts else TO_COMPUTE
        return not_measured(missing, answer=answer)
    comparison = compare_matched(matched)
    ahead, wider = (comparison.result(f"{name}_accuracy") for name in ("ahead", "wider"))
    samples = {
        (f"bi-{cell}", cell): (
            ahead.values[f"bi-{cell}"] if ahead else (),
            wider.values[cell] if wider else (),
        )
        for cell in cells
    }
    aggregation = ahead.column.aggregation if ahead else MEAN
    verdicts = {v.second: v.finding for v in comparison.contrasts(samples, aggregation)}
    one_way, both_ways = facts["widths"]
    parts: dict[str, Truth] = {
        f"a bidirectional {variant_title(cell)} sees both sides": TRUTHS.get(verdicts[cell])
        for cell in cells
    }
    parts["its output is twice as wide"] = both_ways == 2 * one_way
    parts["it cannot generate token by token"] = bool(facts["refusal"])
    two_sided = {cell: comparison.estimate(f"bi-{cell}", "ahead_accuracy") for cell in cells}
    one_sided = {cell: comparison.estimate(cell, "wider_accuracy") for cell in cells}
    late = {cell: comparison.estimate(cell, "delayed_accuracy") for cell in cells}
    accuracies = [
        f"{_percent(two_sided[cell])} in {matched[f'bi-{cell}'].name} and "
        f"{_percent(one_sided[cell])} in one direction"
        for cell in cells
    ]
    delayed = [
        f"{_percent(late[cell])} in {matched[cell].name}"
        for cell in cells
        if late[cell].value is not None
    ]
    later = (
        f"One direction that answers as many steps later as the token it needs has "
        f"{listed(delayed)}. "
        if delayed
        else ""
    )
    refusal = (
        "is not possible: the backward half needs tokens that have not been generated yet"
        if facts["refusal"]
        else "is built"
    )
    first = cells[0]
    return of_parts(
        parts,
        f"Where a token ahead is needed, accuracy at equal parameters is {listed(accuracies)}. "
        f"{later}The output has {both_ways} numbers against {one_way}. A bidirectional decoder "
        f"{refusal}.",
        measured=f"{_short(two_sided[first])} against {_short(one_sided[first])}",
        spread=f"{matched[f'bi-{first}'].name}: {spread(two_sided[first])}",
        answer=answer,
        evidence=evidence(*(matched[name] for cell in cells for name in (f"bi-{cell}", cell))),
        numbers={
            **{f"bi-{cell}": estimate for cell, estimate in two_sided.items()},
            **one_sided,
            **{f"{cell}, answering later": late[cell] for cell in cells},
            "refused": exactly(float(bool(facts["refusal"]))),
        },
    )


def _short(accuracy: Estimate) -> str:
    return "–" if accuracy.value is None else f"{number(accuracy.value)}%"


def _percent(accuracy: Estimate) -> str:
    return f"{number(accuracy.value or 0.0)}% ({spread(accuracy)})"


SIDES = Claim(
    12,
    "Bidirectional networks see both sides and cannot generate",
    "A bidirectional RNN sees both sides, its output is twice as wide, and it cannot generate "
    "token by token.",
    "Tagging each step with its token and the token some steps ahead, up to "
    f"{TwoSidedContextConfig().furthest}, against one direction with the same number of parameters "
    "and one that answers that many steps later; the output of a real network; an attempt to build "
    "a bidirectional decoder.",
    Question("A decoder is to be bidirectional. What happens?", GENERATES),
    sides_rule,
    (BOTH_SIDES,),
    computing("bidirectional"),
    section="Depth and direction",
    quantity="Accuracy where later tokens are needed, two directions against one",
    textbook="higher",
    formula=r"y_t = \bigl[\,\overrightarrow{h}_t \,;\, \overleftarrow{h}_t\,\bigr]",
    why="The backward half has read the tokens after t, which a generator has not written yet.",
)

ATTENTION = Measurement(
    "with and without attention",
    LENGTH_QUALITY,
    ("lstm",),
    {"attention": ("none", "dot"), "seeds": (5,)},
    headline=True,
)
CHAPTER_WORDS = 20
"""Beyond about so many, translation falls."""
CHAPTER_SHAPES = [[1, 3, 128], [1, 1, 128]]
RECEIVES = ("One vector", "Three vectors")


def attention_rule(results: Results) -> Verdict:
    """Does accuracy above a blind guess halve without attention, later or never with it?"""
    matched = {str(m.config.flat()["attention"]): m for m in results.of(ATTENTION)}
    if len(matched) < 2:
        return not_measured("the translator with attention and without")
    without, attending = matched["none"], matched["dot"]
    comparison = compare_matched(matched)
    lengths = {name: comparison.estimate(name, "bottleneck") for name in matched}
    if any(length.value is None for length in lengths.values()):
        return not_measured("the length at which quality above a blind guess has fallen by half")
    settings = without.config.flat()
    trained, tested = settings["longest_trained"], settings["longest_tested"]
    falls = {name: _falls(comparison, name) for name in matched}
    moves = finding_of(comparison, "bottleneck", "dot", "none")
    always: Truth = True if all(falls["none"]) else None if any(falls["none"]) else False
    parts: dict[str, Truth] = {
        "quality falls with length without attention": always,
        "attention delays the fall": TRUTHS.get(moves),
        f"attention keeps quality above half up to {tested} words": not _mostly(falls["dot"]),
    }
    places = [
        f"{quantity(lengths[name].value, 'words')} ({spread(lengths[name])})"
        for name in ("none", "dot")
    ]
    parameters = [f"{number_of(m.run, 'parameters') or 0:,.0f}" for m in (without, attending)]
    return of_parts(
        parts,
        f"Trained on sentences of up to {trained} words, token accuracy without attention has lost "
        f"half of what it has above a blind guess at {places[0]}; with attention at {places[1]}. "
        f"Parameters: {' and '.join(parameters)}.",
        measured=quantity(lengths["none"].value, "words"),
        spread=spread(lengths["none"]),
        answer=lengths["none"].value,
        evidence=evidence(without, attending),
        numbers={"without attention": lengths["none"], "with attention": lengths["dot"]},
        findings={"with attention against without": moves},
    )


def _falls(comparison: Comparison, name: str) -> list[bool]:
    """Whether quality falls by half within the tested lengths, for each seed."""
    result = comparison.result("bottleneck")
    return [not isinstance(value, AtLeast) for value in (result.values[name] if result else ())]


def _mostly(truths: list[bool]) -> bool:
    return 2 * sum(truths) > len(truths)


def shapes_rule(results: Results) -> Verdict:
    """What the encoder yields, and what the decoder reads of it without attention."""
    facts = results.computed.get(15)
    if facts is None:
        return not_measured(TO_COMPUTE)
    states, reads = facts["none"]["encoder states"], facts["none"]["decoder reads"]
    return combined(
        [[states, reads] == CHAPTER_SHAPES],
        f"For three tokens the encoder yields {tuple(states)}; without attention the decoder "
        f"reads {tuple(reads)}, with attention {tuple(facts['dot']['decoder reads'])}.",
        f"The encoder yields {tuple(states)}, and the decoder without attention reads "
        f"{tuple(reads)}.",
        measured=str(tuple(reads)),
        spread=EXACT,
        answer={1: RECEIVES[0], 3: RECEIVES[1]}.get(reads[1]),
        numbers={"vectors read without attention": exactly(reads[1])},
    )


ATTENTION_REPAIRS = Claim(
    13,
    "One vector per sentence loses long sentences; attention repairs it",
    "Squeezing a sentence into one vector makes quality fall with length (translation beyond about "
    "20 words); looking back at all encoder states repairs it.",
    "A translator without and with attention, equal in parameters, trained on short sentences and "
    "judged by the length at which token accuracy above a blind guess is half of that of short "
    "sentences.",
    Question(
        "Without attention, trained on up to 14 words: at which length is token accuracy, less "
        "that of a blind guess, half of what it is for short sentences?",
        unit="words",
    ),
    attention_rule,
    (ATTENTION,),
    section="Sequence to sequence",
    quantity="Sentence length at which accuracy above a blind guess has halved, without attention",
    textbook="20 words",
    formula=r"c = h_S \quad\text{against}\quad c_t = \sum_{s=1}^{S} \alpha_{ts}\, h_s",
    why="One vector has the same size however long the sentence is; attention reads as many "
    "vectors as there are words.",
)

SHAPES = Claim(
    15,
    "A decoder without attention receives one vector",
    "The encoder yields one state per position, (1, 3, 128) for three tokens; the decoder without "
    "attention receives only the last one, (1, 1, 128).",
    "Shapes in a real model with 128 hidden units, without and with attention.",
    Question("Three tokens are read. What does a decoder without attention receive?", RECEIVES),
    shapes_rule,
    compute=computing("what_the_decoder_receives"),
    section="Sequence to sequence",
    quantity="Shape of what the decoder reads of three tokens",
    textbook="(1, 1, 128)",
    formula=r"H = [h_1, h_2, h_3] \in \mathbb{R}^{1 \times 3 \times 128} \qquad "
    r"c = h_3 \in \mathbb{R}^{1 \times 1 \times 128}",
    why="The decoder starts from the encoder's last state and sees no other one.",
)

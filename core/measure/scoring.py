"""Files of hypotheses scored against references, overall and by length, and compared in pairs.

Every system has BLEU and chrF2 (sacrebleu) with jackknife intervals and exact match with Wilson's.
Two systems are compared on the same sentences: the difference has the jackknife's Student interval
and test (`core.measure.text_quality`). Beside it stands the share of a thousand paired resamples in
which the first system scores higher (Koehn 2004). That share does not decide: as a two-sided test
at 5% it finds a difference between equal systems in 6% of cases with 60 sentences, 11% with 12.

Two questions are asked of each score: which systems differ overall, and at which lengths. Each has
one family of tests, all pairs or all pairs at all lengths, corrected by Holm's method at 5%.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy
from sacrebleu.metrics.base import Metric

from core.formatting import counted, interval, listed, number, quantity, shortened, shortened_list
from core.measure.text_quality import (
    MIN_PAIRED,
    CorpusParts,
    bleu_metric,
    bucket_of,
    chrf_metric,
    paired_difference,
    resampled_scores,
    signature,
)
from core.measure.tokenisation import (
    DEFAULT_TOKENISATION,
    Tokenisation,
    require_tokenisation,
    tokenisation_of,
)
from core.settings import BadSetting
from core.stats.estimates import CONFIDENCE, Estimate, success_estimate
from core.stats.tests import holm
from core.tasks.parallel_text import count_words

MAX_FILES = 16
MAX_LINES = 200_000
MAX_LETTERS = 20_000
"""Of a line."""
MAX_ALL_LETTERS = 32_000_000
"""Of all hypotheses, and of the references once for each: counting their n-grams takes time. (Of
one megabyte it was seen to take four seconds; so many have not been tried.)"""
BLOCK_LETTERS = 200_000
"""Of the references whose n-grams are in memory at once; they take 60 MB."""
MAX_BUCKET_WIDTH = 1000
DEFAULT_BUCKET_WIDTH = 5
MAX_NAMED = 4

Score = Literal["bleu", "chrf"]
By = Literal["all", "source", "reference"]
Outcome = Literal["better", "worse", "not distinguishable", "too few sentences"]


@dataclass(frozen=True)
class Options:
    """How texts are scored."""

    bucket_width: int = DEFAULT_BUCKET_WIDTH
    cased: bool = False
    tokenise: Tokenisation = DEFAULT_TOKENISATION

    def __post_init__(self) -> None:
        if not 1 <= self.bucket_width <= MAX_BUCKET_WIDTH:
            raise BadSetting(
                f"bucket_width is {self.bucket_width}; give a whole number from 1 to "
                f"{MAX_BUCKET_WIDTH:,}"
            )
        require_tokenisation(self.tokenise)

    @property
    def titles(self) -> Mapping[Score, str]:
        """`BLEU (lowercased, 13a tokens)`."""
        case = "cased" if self.cased else "lowercased"
        return {"bleu": f"BLEU ({case}, {self.tokenise} tokens)", "chrf": f"chrF2 ({case})"}


@dataclass(frozen=True)
class SystemScores:
    """What one system reaches on some sentences."""

    name: str
    bleu: Estimate
    chrf: Estimate
    exact_match: Estimate
    """Percent of the sentences that equal their reference, case as scored."""

    def of(self, score: Score) -> Estimate:
        """BLEU or chrF."""
        return self.bleu if score == "bleu" else self.chrf


@dataclass(frozen=True)
class PairScores:
    """A first system against a second on the same sentences."""

    first: str
    second: str
    score: Score
    difference: Estimate
    wins: float | None
    """Percent of paired resamples in which the first scores higher; half of the ties. None where
    the sentences are too few."""
    p_value: float | None
    corrected_p: float | None = None

    @property
    def outcome(self) -> Outcome:
        """The verdict on the first, at 5% after Holm's correction."""
        if self.corrected_p is None:
            return "too few sentences"
        if self.corrected_p > 1 - CONFIDENCE:
            return "not distinguishable"
        return "better" if (self.difference.value or 0.0) > 0 else "worse"


@dataclass(frozen=True)
class Place:
    """All sentences, or those of one length."""

    by: By
    length: int | None
    """The longest of its bucket, in words; None for all sentences."""
    sentences: int
    systems: tuple[SystemScores, ...]
    pairs: tuple[PairScores, ...]

    def pairs_of(self, score: Score) -> list[PairScores]:
        """The comparisons of one score."""
        return [pair for pair in self.pairs if pair.score == score]


@dataclass(frozen=True)
class Scores:
    """Systems scored overall and by length."""

    options: Options
    signatures: Mapping[Score, str]
    overall: Place
    lengths: tuple[Place, ...]

    def by(self, side: By) -> list[Place]:
        """The buckets by length of one side."""
        return [place for place in self.lengths if place.by == side]

    @property
    def sides(self) -> list[By]:
        """By which lengths there are buckets."""
        return list(dict.fromkeys(place.by for place in self.lengths))


Report = Callable[[float, str], None]
"""(share that is done, what is done now)."""


def score_texts(
    systems: Mapping[str, Sequence[str]],
    references: Sequence[str],
    sources: Sequence[str] | None = None,
    options: Options | None = None,
    report: Report = lambda share, message: None,
) -> Scores:
    """Score every system; line n of each text belongs to line n of the references.

    Raises `BadSetting` where numbers of lines differ, or there is nothing to score.
    """
    options = options or Options()
    _require_aligned(systems, references, sources)
    if options.tokenise == "auto":
        options = replace(options, tokenise=tokenisation_of(references))
    metrics = {
        "bleu": bleu_metric(cased=options.cased, tokenise=options.tokenise),
        "chrf": chrf_metric(cased=options.cased),
    }
    parts: dict[Score, list[CorpusParts]] = {"bleu": [], "chrf": []}
    for done, (name, outputs) in enumerate(systems.items()):
        for share, (score, metric) in zip((0.0, 0.4), metrics.items(), strict=True):
            report(0.7 * (done + share) / len(systems), f"counting n-grams of {name}")
            parts[score].append(_counted(metric, outputs, references))  # type: ignore[index]
    groups = [(side, length, list(members)) for side, length, members in _buckets(
        {"source": sources, "reference": references}, options.bucket_width
    )]  # fmt: skip
    report(0.7, "comparing over all sentences")
    names = list(systems)
    overall = _place(names, parts, "all", None, list(range(len(references))))
    lengths = []
    for done, (side, length, members) in enumerate(groups):
        report(0.85 + 0.15 * done / len(groups), f"comparing by length of the {side}")
        lengths.append(_place(names, parts, side, length, members))
    report(1.0, "done")
    (overall,) = _corrected([overall])
    signatures = {name: signature(metric) for name, metric in metrics.items()}
    return Scores(options, signatures, overall, tuple(_corrected(lengths)))  # type: ignore[arg-type]


def _require_aligned(
    systems: Mapping[str, Sequence[str]],
    references: Sequence[str],
    sources: Sequence[str] | None,
) -> None:
    if not 1 <= len(systems) <= MAX_FILES:
        raise BadSetting(f"hypotheses has {len(systems)} files; give 1 to {MAX_FILES}")
    if not 1 <= len(references) <= MAX_LINES:
        raise BadSetting(
            f"references has {counted(len(references), 'line')}; give 1 to {MAX_LINES:,}"
        )
    letters = sum(len(line) for lines in systems.values() for line in lines)
    letters += len(systems) * sum(map(len, references))
    if letters > MAX_ALL_LETTERS:
        raise BadSetting(
            f"hypotheses has {counted(len(systems), 'file')}, which with the references for each "
            f"have {letters:,} letters; give at most {MAX_ALL_LETTERS:,}"
        )
    for title, lines in {"hypotheses": itertools.chain(*systems.values()), "references": references,
                         "sources": sources or ()}.items():  # fmt: skip
        longest = max(map(len, lines), default=0)
        if longest > MAX_LETTERS:
            raise BadSetting(
                f"{title} has a line of {longest:,} letters; give at most {MAX_LETTERS:,}"
            )
    texts = {f"hypotheses {shortened(name)}": lines for name, lines in systems.items()}
    for title, lines in {**texts, **({} if sources is None else {"sources": sources})}.items():
        if len(lines) != len(references):
            raise BadSetting(
                f"{title} has {counted(len(lines), 'line')}, but references has "
                f"{len(references):,}; line n of one must belong to line n of the other"
            )


def _counted(metric: Metric, outputs: Sequence[str], references: Sequence[str]) -> CorpusParts:
    """The counts of all sentences, a block after the other: the n-grams of a megabyte of references
    take 300 MB."""
    starts, letters = [0], 0
    for index, reference in enumerate(references):
        letters += len(reference)
        if letters > BLOCK_LETTERS:
            starts.append(index)
            letters = len(reference)
    blocks = [
        CorpusParts.of(metric, outputs[start:end], references[start:end])
        for start, end in itertools.pairwise([*starts, len(references)])
    ]
    return CorpusParts(
        metric,
        numpy.concatenate([block.counts for block in blocks]),
        numpy.concatenate([block.perfect for block in blocks]),
    )


def _buckets(
    sides: Mapping[By, Sequence[str] | None], width: int
) -> Iterator[tuple[By, int, list[int]]]:
    for side, lines in sides.items():
        members: dict[int, list[int]] = {}
        for index, line in enumerate(lines or ()):
            members.setdefault(bucket_of(count_words(line), width), []).append(index)
        for length in sorted(members):
            yield side, length, members[length]


def _place(
    names: Sequence[str],
    parts: Mapping[Score, Sequence[CorpusParts]],
    by: By,
    length: int | None,
    members: Sequence[int],
) -> Place:
    """Scores and uncorrected comparisons on some of the sentences."""
    here = {score: [one.of_sentences(members) for one in of] for score, of in parts.items()}
    without = {score: [one.without_each() for one in of] for score, of in here.items()}
    systems = tuple(
        SystemScores(
            name,
            here["bleu"][index].estimate(without["bleu"][index]),
            here["chrf"][index].estimate(without["chrf"][index]),
            success_estimate(int(here["chrf"][index].perfect.sum()), len(members)),
        )
        for index, name in enumerate(names)
    )
    pairs = []
    for score, of in here.items():
        many = len(names) > 1 and len(members) >= MIN_PAIRED
        resamples = resampled_scores(of) if many else None
        for i, j in itertools.combinations(range(len(names)), 2):
            found = paired_difference(of[i], of[j], (without[score][i], without[score][j]))
            wins = None
            if resamples is not None and found.p_value is not None:
                one, other = resamples[i], resamples[j]
                wins = 100 * float((one > other).mean() + (one == other).mean() / 2)
            pairs.append(PairScores(names[i], names[j], score, found.estimate, wins, found.p_value))
    return Place(by, length, len(members), systems, tuple(pairs))


def _corrected(places: Sequence[Place]) -> list[Place]:
    """The places with p corrected by Holm's method over all their pairs, for each score."""
    tested: dict[Score, list[float]] = {"bleu": [], "chrf": []}
    for pair in (pair for place in places for pair in place.pairs):
        if pair.p_value is not None:
            tested[pair.score].append(pair.p_value)
    corrected = {score: iter(holm(values)) for score, values in tested.items()}
    return [
        replace(
            place,
            pairs=tuple(
                pair if pair.p_value is None
                else replace(pair, corrected_p=next(corrected[pair.score]))
                for pair in place.pairs
            ),
        )
        for place in places
    ]  # fmt: skip


def answer(scores: Scores, score: Score = "bleu") -> str:
    """Who is better overall and by how much, then at which lengths."""
    place, title = scores.overall, scores.options.titles[score]
    order = sorted(place.systems, key=lambda one: one.of(score).value or 0.0, reverse=True)
    top = order[0]
    if len(order) == 1:
        return f"{top.name}: {title} {estimate_in_words(top.of(score))}."
    return " ".join([*_overall(place, top.name, order, title, score), *_by_length(scores, score)])


def _overall(
    place: Place, top: str, order: Sequence[SystemScores], title: str, score: Score
) -> Iterator[str]:
    against = dict(_against(place, top, score))
    values = {one.name: number(one.of(score).value or 0.0) for one in order}
    if len(order) == 2:
        second, pair = next(iter(against.items()))
        found = {
            "better": f"{top} is better than {second}",
            "not distinguishable": f"{top} and {second} are not distinguishable",
        }.get(pair.outcome, f"{top} and {second} differ on too few sentences for a verdict")
        yield (
            f"Overall {found}: {title} {values[top]} against {values[second]}"
            f"{_difference(pair)}, {counted(place.sentences, 'sentence')}."
        )
        return
    last = order[-1].name
    yield f"Overall {top} has the highest {title}: {values[top]}; {last} has {values[last]}."
    better = [name for name, pair in against.items() if pair.outcome == "better"]
    level = [name for name, pair in against.items() if pair.outcome != "better"]
    if better:
        yield f"It is better than {shortened_list(better, MAX_NAMED)}."
    if level:
        yield f"It is not distinguishable from {shortened_list(level, MAX_NAMED)}."


def _against(place: Place, name: str, score: Score) -> Iterator[tuple[str, PairScores]]:
    """The comparisons of one system with each other, as the first."""
    for pair in place.pairs_of(score):
        if pair.first == name:
            yield pair.second, pair
        elif pair.second == name:
            yield pair.first, reversed_pair(pair)


def reversed_pair(pair: PairScores) -> PairScores:
    """The same comparison with the second system first."""
    turned = pair.difference
    value, low, high = (
        None if x is None else -x for x in (turned.value, turned.high, turned.low)
    )  # fmt: skip
    difference = Estimate(value, low, high, turned.n)
    wins = None if pair.wins is None else 100 - pair.wins
    return replace(pair, first=pair.second, second=pair.first, difference=difference, wins=wins)


def wins_in_words(pair: PairScores) -> str:
    """`97.3%`."""
    return "–" if pair.wins is None else f"{pair.wins:.1f}%"


def _difference(pair: PairScores) -> str:
    ends = interval(pair.difference)
    if not ends or pair.corrected_p is None:
        return ""
    value = number(pair.difference.value or 0.0)
    return f", a difference of {value} (95% CI {ends}, {p_in_words(pair.corrected_p)})"


def _by_length(scores: Scores, score: Score) -> Iterator[str]:
    """At which lengths which system is better."""
    for side in scores.sides:
        places = scores.by(side)
        found: dict[tuple[str, str], list[str]] = {}
        tested = 0
        for place in places:
            for pair in place.pairs_of(score):
                tested += pair.corrected_p is not None
                if pair.outcome in ("better", "worse"):
                    names = pair.first, pair.second
                    order = names if pair.outcome == "better" else names[::-1]
                    found.setdefault(order, []).append(bucket_in_words(place, scores.options))
        sentences = [
            f"{better} is better than {worse} at {listed(lengths)} words"
            for (better, worse), lengths in found.items()
        ]
        if not tested:
            yield f"By length of the {side} there are too few sentences in every bucket."
        elif sentences:
            yield f"By length of the {side}, {'; '.join(sentences[:MAX_NAMED])}."
        else:
            yield f"By length of the {side} no difference is distinguishable."


def bucket_in_words(place: Place, options: Options) -> str:
    """`6–10`: the lengths of a bucket, in words."""
    if place.length is None:
        return "all"
    first = max(0, place.length - options.bucket_width + 1)
    return f"{place.length}" if first == place.length else f"{first}–{place.length}"


def estimate_in_words(estimate: Estimate) -> str:
    """`27.6 (95% CI 26.1–29.1, 1,000 sentences)`."""
    ends, over = interval(estimate), counted(estimate.n, "sentence")
    value = quantity(estimate.value, "")
    return f"{value} (95% CI {ends}, {over})" if ends else f"{value} ({over}, no interval)"


def p_in_words(p_value: float) -> str:
    """`p = 0.032`, `p < 0.001`."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def method(scores: Scores) -> str:
    """How the scores, intervals and verdicts are computed, in a paragraph."""
    pairs = len(scores.overall.pairs_of("bleu"))
    return (
        "BLEU and chrF2 by sacrebleu over all sentences of a bucket together. 95% intervals by the "
        "jackknife over sentences (none below 30, or where hardly any sentence is wrong or right), "
        "Wilson's for exact match. Systems are compared on the same sentences: the difference has "
        "the jackknife's Student interval and two-sided test. Two families for each score: "
        f"{counted(pairs, 'pair')} overall, and all pairs at all lengths; within each, p is "
        "corrected by Holm's method at 5%. Wins: the share of 1,000 paired bootstrap resamples "
        "(Koehn 2004) in which the first scores higher."
    )

"""Papers on translators with one vector for a sentence, and with attention."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from core.analysis.comparison import PairOutcome, contrasts
from core.analysis.sentences import p_value
from core.chapter.claim import TRUTHS, MatchedRuns, Measurement
from core.chapter.sequences import ATTENTION
from core.experiments.length_quality import LENGTH_QUALITY
from core.formatting import number, spread
from core.papers.paper import Expectation, Judge, Judgement, Networks, Paper, better
from core.stats.aggregation import MEAN, Aggregation


def translator(title: str, attention: str, *, reverse: bool = False) -> Measurement:
    """The translator of the chapter's claim on attention, with as many seeds."""
    settings = {**ATTENTION.settings, "attention": (attention,)}
    if reverse:
        settings["source_reversed"] = (True,)
    return Measurement(title, LENGTH_QUALITY, ATTENTION.variants, settings)


ONE_VECTOR = translator("a translator with one vector", "none")
ATTENDING = translator("a translator with additive attention", "additive")
REVERSED = translator("a translator that reads from the end", "none", reverse=True)
METHOD = (
    "An LSTM encoder-decoder of 64 units translates sentences of a small English-German grammar, "
    "trained on 4 to 14 words for 1,500 steps. Token accuracy of what it writes by itself; short "
    "and long are the lowest and the highest third of the trained lengths."
)


@dataclass(frozen=True)
class ByLength:
    """Token accuracy of one seed, in percent, over the shortest and the longest sentences that
    were trained: thirds of the range of lengths."""

    short: float
    long: float


def by_length(matched: MatchedRuns) -> Mapping[int, ByLength]:
    """Seed → its accuracies, from the newest run of each seed and its table `lengths`."""
    seeds: dict[int, ByLength] = {}
    for run in matched.runs:
        table = matched.table(str(run["run_id"]), "lengths")
        if table is None:
            continue
        rows = table[
            (table["by"] == "source") & (table["decoding"] == "free") & (table["trained"] == 1)
        ].dropna(subset=["token_accuracy"])
        if rows.empty:
            continue
        first, last = rows["length"].min(), rows["length"].max()
        third = (last - first) / 3
        ends = []
        for part in (rows[rows["length"] <= first + third], rows[rows["length"] >= last - third]):
            weights = part["sentences"]
            ends.append(float((part["token_accuracy"] * weights).sum() / weights.sum()))
        seeds[int(run["seed"])] = ByLength(*ends)
    return seeds


ACCURACY: Aggregation = next(
    column.aggregation
    for column in LENGTH_QUALITY.summary.columns()
    if column.name == "within_accuracy"
)
"""How accuracies of single seeds are pooled and compared, as in any comparison."""
Value = Callable[[ByLength], float]
FOUND: Mapping[PairOutcome, str] = {
    "better": "the first is higher",
    "worse": "the first is lower",
}


def ahead(
    networks: Networks,
    what: str,
    unit: str,
    samples: tuple[tuple[str, str, Value], tuple[str, str, Value]],
    aggregation: Aggregation,
) -> Judgement:
    """Whether the first (description, network, value of a seed) is significantly higher than the
    second; false if it is lower."""
    values = [
        [value(seed) for seed in by_length(networks.matched[name]).values()]
        for _, name, value in samples
    ]
    (difference,) = contrasts({("first", "second"): (values[0], values[1])}, aggregation, "higher")
    words = []
    for (description, _, _), numbers in zip(samples, values, strict=True):
        estimate = aggregation.estimate(numbers)
        if estimate.value is None:
            return f"{what} is not known {description}", None
        words.append(f"{number(estimate.value)}{unit} ({spread(estimate)}) {description}")
    p = difference.corrected_p
    tested = f" ({difference.test}, {p_value(p)})" if p is not None else ""
    found = FOUND.get(difference.finding, difference.finding)
    return f"{what} {words[0]}, {words[1]}; {found}{tested}", TRUTHS.get(difference.finding)


def falls(name: str) -> Judge:
    """Short sentences are translated better than long ones, both of trained lengths."""

    def judge(networks: Networks) -> Judgement:
        return ahead(
            networks,
            "Token accuracy",
            "%",
            (
                ("of short sentences", name, lambda seed: seed.short),
                ("of long ones", name, lambda seed: seed.long),
            ),
            ACCURACY,
        )

    return judge


def long_sentences(first: str, second: str) -> Judge:
    """The first network translates long sentences of trained lengths better than the second."""

    def judge(networks: Networks) -> Judgement:
        return ahead(
            networks,
            "Token accuracy of long sentences",
            "%",
            (
                (f"in the {first}", first, lambda seed: seed.long),
                (f"in the {second}", second, lambda seed: seed.long),
            ),
            ACCURACY,
        )

    return judge


def loses_less_than_half(first: str, second: str) -> Judge:
    """From short to long sentences the first loses less than half of what the second loses."""

    def judge(networks: Networks) -> Judgement:
        return ahead(
            networks,
            "From short to long sentences",
            " points",
            (
                (f"is half of what the {second} loses", second, lambda s: (s.short - s.long) / 2),
                (f"all that the {first} loses", first, lambda s: s.short - s.long),
            ),
            MEAN,
        )

    return judge


CHO = Paper(
    name="cho-2014",
    title="With one vector, quality falls with sentence length",
    authors="Cho, van Merriënboer, Bahdanau & Bengio",
    year=2014,
    source=(
        "On the properties of neural machine translation: encoder-decoder approaches. SSST-8, "
        "103–111."
    ),
    link="https://arxiv.org/abs/1409.1259",
    place="Abstract and the figures of BLEU by sentence length",
    setup=(
        "English to French, an encoder-decoder of gated units and a gated convolutional one, which "
        "hold a sentence in one vector of fixed size."
    ),
    published=(
        "They do well on short sentences without unknown words; performance degrades rapidly as "
        "sentences get longer."
    ),
    method=METHOD,
    differences=(
        "An artificial language of 4 to 14 words instead of French, an LSTM instead of gated "
        "units, token accuracy instead of BLEU."
    ),
    networks={"translator with one vector": ONE_VECTOR},
    expectations=(
        Expectation(
            "Long sentences are translated worse than short ones, though both were trained.",
            falls("translator with one vector"),
        ),
    ),
)

BAHDANAU = Paper(
    name="bahdanau-2015",
    title="Attention repairs long sentences",
    authors="Bahdanau, Cho & Bengio",
    year=2015,
    source="Neural machine translation by jointly learning to align and translate. ICLR.",
    link="https://arxiv.org/abs/1409.0473",
    place="Table 1 and Figure 2",
    setup=(
        "English to French (WMT 2014), encoder-decoders of 1,000 gated units, with one vector "
        "(RNNencdec) and with attention over a bidirectional encoder (RNNsearch), trained on "
        "sentences of up to 30 or 50 words."
    ),
    published=(
        "BLEU on all sentences, up to 50 words in training: RNNencdec 17.82, RNNsearch 26.75 (up "
        "to 30 words: 13.93 and 21.50). RNNencdec drops as sentences get longer; RNNsearch-50 "
        "shows no deterioration even at 50 words and more."
    ),
    method=(
        f"{METHOD} With attention, robust means that it loses less than half of what the other "
        "loses from short to long sentences."
    ),
    differences=(
        "An artificial language of 4 to 14 words instead of French, LSTM in one direction instead "
        "of gated units in two; the attention is the paper's, additive."
    ),
    networks={
        "translator with attention": ATTENDING,
        "translator with one vector": ONE_VECTOR,
    },
    expectations=(
        Expectation(
            "BLEU over all sentences is higher with attention.",
            better("bleu", "translator with attention", "translator with one vector"),
        ),
        Expectation(
            "Long sentences are translated better with attention.",
            long_sentences("translator with attention", "translator with one vector"),
        ),
        Expectation(
            "With attention, quality is robust to length: it loses less than half as much.",
            loses_less_than_half("translator with attention", "translator with one vector"),
        ),
    ),
)

SUTSKEVER = Paper(
    name="sutskever-2014",
    title="Reversing the source helps",
    authors="Sutskever, Vinyals & Le",
    year=2014,
    source="Sequence to sequence learning with neural networks. NIPS 27, 3104–3112.",
    link="https://arxiv.org/abs/1409.3215",
    place="Section 3.3",
    setup=(
        "English to French (WMT 2014), deep LSTMs with one vector, the source read forwards or "
        "from its end."
    ),
    published=(
        "With reversed sources test perplexity falls from 5.8 to 4.7 and BLEU rises from 25.9 to "
        "30.6; long sentences are translated much better. The paper puts it down to many "
        "short-term dependencies."
    ),
    method=METHOD,
    differences=(
        "An artificial language of 4 to 14 words instead of French, one layer of 64 units instead "
        "of four of 1,000. BLEU is over all tested lengths, up to twice those trained."
    ),
    networks={
        "translator of reversed sources": REVERSED,
        "translator of sources as they are": ONE_VECTOR,
    },
    expectations=(
        Expectation(
            "BLEU over all sentences is higher with reversed sources.",
            better("bleu", "translator of reversed sources", "translator of sources as they are"),
        ),
        Expectation(
            "Long sentences are translated better with reversed sources.",
            long_sentences("translator of reversed sources", "translator of sources as they are"),
        ),
    ),
)

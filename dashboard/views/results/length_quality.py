"""How does seq2seq quality fall with length, and does attention save it?"""

from __future__ import annotations

from core.experiments.length_quality import LENGTH_QUALITY
from core.formatting import listed
from core.store.records import RunRecord
from dashboard.figures.base import Measure, Shown, measures
from dashboard.figures.dots import Dots
from dashboard.figures.heatmap import AttentionMaps
from dashboard.figures.leading import PERCENT, POSITIVE, TRAINING, leading
from dashboard.figures.lines import BySetting, Curves
from dashboard.figures.samples import Samples
from dashboard.views.results.frame import numbers_set, results_page
from dashboard.views.results.score_files import score_files

METHOD = """
An encoder reads the source, a decoder writes the target, both are trained together (Adam, teacher
forcing) on sources up to the longest trained length, and judged on other sentences, longer ones
too. With patience set, the weights of the best validation are the ones judged. *Free* is what a
user gets: the decoder reads the tokens that it wrote itself, greedily or with the beam that was
set. *Forced*: it reads the reference's tokens, and each next one is judged by itself; BLEU and chrF
are not computed for it.

**Attention off** does not mean a smaller model. At every step the decoder's output is computed from
its own state and one context vector, through one and the same map. Without attention that context
is the encoder's last state (of both directions, where it has two), with attention a weighted mean
of all of its states. With dot attention both have the same number of parameters; additive and
general attention add the weights of their scores and are larger at the same hidden size. At a
parameter budget each of the four gets the hidden size that brings its whole model (embeddings,
encoder, bridge, attention, decoder, output layer) closest to it. Either way the decoder starts from
the encoder's last state; without attention this is all that it ever gets of the source. A state
budget is of the decoder's first state (h, and an LSTM's c, of each layer): what is left of a
sentence once it is read. What attention reads besides grows with the sentence and is not counted.

A generated task (grammar, copy, reverse) is tested on equally many sentences of every length, as
far as there are enough that training has not seen, in buckets of one word. A text is tested on the
sentences that it has, in buckets of three words named by their longest length. Token accuracy
counts the tokens of the reference that stand at their own position in the output. BLEU and chrF are
sacrebleu's, of all sentences of a bucket together, on lowercased text unless *Cased* is set; their
titles say the case and the tokenisation, and the results have BLEU's signature.

One seed has a 95% interval over its sentences, which says nothing about other seeds: Wilson's for
exact match and for the accuracy at one position; Wilson's with the effective number of tokens for
token accuracy, since the tokens of a sentence err together; the jackknife's for BLEU and chrF,
where at least ten sentences are not perfect. In simulations they cover 93 to 98%; fewer than 60
sentences have none, because of so few none covers. Several seeds of a model are pooled.

The bottleneck length is the source length at which free-running quality *above a blind guess* first
falls below half of its value in the shortest bucket, interpolated linearly between buckets of at
least ten sentences. The blind guess is the best output that is the same for all sentences of a
bucket (at each position the token that most of their references have there); no model that ignores
its source can beat it. The quality is token accuracy, or BLEU for a text (where one extra word
shifts all that follow, and then no token is at its own position). A model whose shortest sentences
are not clearly above the guess (the whole interval of the difference above zero) has no such
length. Where quality stays above half up to the longest sentences, the length is a lower bound (≥).
It varies over seeds: a single model has no interval, several have the median with its distribution-
free interval, and are compared by exact ranks.
Samples are spaced evenly over all tested sentences in order of length; their score is the log
probability per token, 0 being certain.
"""

TASKS = {
    "grammar": "sentences of a small grammar, English → German",
    "copy": "digits, to be copied",
    "reverse": "digits, to be written backwards",
}

FIGURES = (
    leading(LENGTH_QUALITY),
    Samples("Samples", "samples"),
    AttentionMaps("Attention", "attention", "samples"),
    Curves("By position", "positions", (Measure("token_accuracy", bounds=PERCENT),)),
    TRAINING[LENGTH_QUALITY.name],
    Dots(
        "By variant",
        measures(
            "bottleneck",
            "token_accuracy",
            "bleu",
            "cased_bleu",
            "within_accuracy",
            "beyond_accuracy",
        ),
    ),
    BySetting(
        "Capacity",
        "hidden_size",
        measures("bottleneck", "token_accuracy", "bleu", "cased_bleu", bounds=POSITIVE),
        note=(
            "The bottleneck length is relative to what the same model has above a blind guess on "
            "the shortest sentences: where that is little, a large value means little, and where "
            "it is not clearly above, there is none."
        ),
    ),
)


def setup(shown: Shown) -> str:
    """The task, the trained and tested lengths, and the signature of BLEU."""
    tasks = listed(list(dict.fromkeys(map(task_in_words, shown.runs))))
    trained, tested = (numbers_set(shown, name) for name in ("longest_trained", "longest_tested"))
    sentences = [f"Task: {tasks}. Trained up to {trained} words of source, tested up to {tested}."]
    attention = sorted({str(kind) for kind in shown.setting_of_runs("attention").values()})
    if len(attention) == 1:  # otherwise the labels say it
        sentences.append(f"Attention: {attention[0]}.")
    signatures = sorted({s for s in shown.results["signature"] if isinstance(s, str) and s})
    return " ".join([*sentences, *(f"BLEU: {signature}." for signature in signatures)])


def task_in_words(run: RunRecord) -> str:
    """What a run's model translates."""
    settings = run.settings
    if settings["task"] == "multi30k":
        languages = f"{settings['source_language']} → {settings['target_language']}"
        return f"Multi30k captions, {languages}"
    if settings["task"] == "tsv":
        return f"the text of {settings['file']}"
    return TASKS[str(settings["task"])]


results_page(LENGTH_QUALITY, FIGURES, METHOD, setup=setup, below=score_files)

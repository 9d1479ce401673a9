"""How does seq2seq quality fall with length, and does attention save it?"""

from __future__ import annotations

import math

import streamlit as st

from core.experiments.length_quality import LENGTH_QUALITY
from dashboard import trained
from dashboard.curve_figures import Curves, Measure
from dashboard.dot_figures import Dots
from dashboard.figures import tabs
from dashboard.frame import close_page, open_page
from dashboard.leading import PERCENT, TRAINING, leading
from dashboard.sample_figures import Looks, Samples
from dashboard.setting_figures import BySetting

METHOD = """
An encoder reads the source, a decoder writes the target, both are trained together (Adam, teacher
forcing) on sources up to the longest trained length, and judged on other sentences, longer ones
too. With patience set, the weights of the best validation are the ones judged. *Free* is what a
user gets: the decoder reads the tokens that it wrote itself, greedily or with the beam that was
set. *Forced*: it reads the reference's tokens, and each next one is judged by itself; BLEU and chrF
are not computed of that.

**Attention off** does not mean a smaller model. At every step the decoder's output is computed from
its own state and one context vector, through one and the same map. Without attention that context
is the encoder's last state, with attention a weighted mean of all of the encoder's states. With dot
attention both have exactly equally many parameters; additive and general attention add the weights
of their scores. Either way the decoder starts from the encoder's last state; without attention this
is all that it ever gets of the source.

A drawn task (grammar, copy, reverse) is tested on equally many sentences of every length, as far as
there are so many that training has not seen, a bucket per word. A text is tested on the sentences
that it has, a bucket per three words, by its longest length. Token accuracy counts the tokens of
the reference that stand at their own position in the output. BLEU and chrF are sacrebleu's, of all
sentences of a bucket together, lowercased.

One seed has the bootstrap's 95% interval: its sentences are drawn a thousand times, as many as
there are, with replacement. It says nothing of other seeds. Several seeds of a model are pooled:
mean, and Student's 95% interval over the seeds, cut off at what is possible (0 and 100%).

The bottleneck length is where free-running token accuracy by source length first falls below half
of what the shortest bucket has, on the straight line between two buckets. Samples are spaced evenly
over all tested sentences in order of length; their score is the log probability per token, 0 being
certain.
"""

FIGURES = (
    leading(LENGTH_QUALITY),
    Samples("Samples", "samples"),
    Looks("Attention", "attention", "samples"),
    Curves("By position", "positions", (Measure("token_accuracy", bounds=PERCENT),)),
    TRAINING[LENGTH_QUALITY.name],
    Dots(
        "By variant",
        ("bottleneck_length", "token_accuracy", "bleu", "within_accuracy", "beyond_accuracy"),
    ),
    BySetting(
        "Capacity",
        "hidden_size",
        ("bottleneck_length", "token_accuracy", "bleu"),
        bounds=(0.0, math.inf),
        note=(
            "The bottleneck is measured against what the same model reaches on the shortest "
            "sentences: where that is little, a long one says little."
        ),
    ),
)

shown = open_page(LENGTH_QUALITY)
if shown is not None:
    st.caption(trained.line(shown))
    tabs(shown, FIGURES)
    close_page(shown, METHOD)

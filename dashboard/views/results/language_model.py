"""How much does context help on real text?"""

from __future__ import annotations

from core.experiments.language_model import LANGUAGE_MODEL
from core.experiments.language_model.declaration import BLOCKS, MAX_ORDER, text_words
from core.formatting import inline_text, listed
from core.tasks.running_text import REPEATED
from dashboard.figures.base import Measure, Shown, measures
from dashboard.figures.dots import Dots
from dashboard.figures.leading import POSITIVE, TRAINING, leading, trained_windows
from dashboard.figures.lines import Curves
from dashboard.figures.scatter import Scatter
from dashboard.views.results.frame import numbers_set, results_page

METHOD = f"""
A network reads a text and predicts every next character. The *licence texts* that come along are
those of Debian (GPL, LGPL and GFDL to train on, MPL 1.1 to validate, MPL 2.0 and CC0 to test), word
for word, with one blank for every run of white space; whole families are held out, because the
versions of one family repeat each other. Of a *file* of one's own the last twentieth is the test
and the one before it validation, and a line that came before is left out. The most frequent
characters of training are told apart; one more symbol stands for all others.

Networks are an embedding of the characters, recurrent layers and a linear readout. They are trained
with Adam on windows that begin anywhere, from an empty state: a symbol for the beginning is read
first, then each character predicts the next. So the first character of a window is predicted
without any context, as it is tested. A seed is judged with its weights at the validation with the
fewest bits. Where no learning rate is set several are tried, and each seed is judged at the one
with which the *other* seeds need the fewest bits on validation text. A bidirectional network would
read the character that it is to predict: it answers after the last character of a window alone,
in training too, and so learns from one character a window.

**Bits** are the cross-entropy of the next character, −log₂ of the probability that it was given.
*By context* the same characters are predicted with more and more of what stands before them: only
the last so many are read, from an empty state. *By position* windows are read from their
beginning: after *t* characters the network has exactly *t* of context. Both have the same windows
at their ends. The **context that helps** is the longest one such that to it and to every shorter
one tried, each twice the one before, the bits fall by more than nothing: the whole 95% interval of
the fall, over {BLOCKS} stretches of the test text, lies above zero. It is what a majority of the
seeds reached, and has no interval: the seeds are named. All other intervals are over seeds, on this
one test text: they say how another seed may turn out, and not another text.

*Counts*, the dotted line, is what one gets without any network: how often each character followed
the last ones in training, smoothed by Witten & Bell's (1991) interpolation, up to
{MAX_ORDER} characters; by position with the number that is best on validation text. *Every
character alike* is log₂ of the vocabulary's size. *Repeated* says how much of the test stands in
training too: the share of tested characters that come there with the {REPEATED - 1} before them.
"""

FIGURES = (
    leading(LANGUAGE_MODEL),
    Curves(
        "By position",
        "positions",
        (Measure("bits", POSITIVE, baseline="counted", further_baselines=("uniform",)),),
        shaded=trained_windows,
    ),
    Scatter(
        "By parameters",
        x="parameters",
        y="bits",
        hovered=("context", "one_bits", "counted_bits", "carried"),
    ),
    TRAINING[LANGUAGE_MODEL.name],
    Dots(
        "By variant",
        (*measures("bits", "one_bits", "no_bits", bounds=POSITIVE), *measures("context")),
    ),
)


def setup(shown: Shown) -> str:
    """The text, the windows, the training steps and the seeds."""
    texts = {
        text_words(*(str(run.settings[name]) for name in ("text", "file", "side")))
        for run in shown.runs
    }
    named = listed(sorted(map(inline_text, texts)))
    seeds = numbers_set(shown, "seeds")
    return (
        f"{named[:1].upper()}{named[1:]}: trained on windows of {numbers_set(shown, 'window')} "
        f"characters, at most {numbers_set(shown, 'training_steps')} steps, tested with up to "
        f"{numbers_set(shown, 'longest_context')} characters of context, {seeds} "
        f"seed{'' if seeds == '1' else 's'}."
    )


results_page(LANGUAGE_MODEL, FIGURES, METHOD, setup=setup)

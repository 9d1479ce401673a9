"""Each model's translation of a source, side by side: output, warnings, alternatives, attention."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas
import streamlit as st

from core.experiments.length_quality.translation import Alternative, Translation
from core.formatting import counted, listed
from core.settings import BadSetting
from core.store.records import RunRecord
from dashboard.charts import heatmap, render
from dashboard.navigation import RUNS
from dashboard.store import cache
from dashboard.ui import controls
from dashboard.ui.controls import put
from dashboard.ui.text import number, plain
from dashboard.views.translate import models
from dashboard.views.translate.models import Sample

SAMPLE = "sample"

MIN_SHARE = 0.01
"""An output with less of the best one's probability is left out."""

MAX_OPTION = 90
"""Letters of a sample in the menu."""


def ask(samples: Mapping[str, Sample]) -> tuple[str, int]:
    """Ask for the sentence to translate and the beam width, both in the address.

    A sample can replace the sentence, and then its reference translation is shown.
    """
    offered = list(samples)
    # Most models can translate a shorter sample.
    default = offered[len(offered) // 3] if offered else ""
    text = controls.words("Source", "source", default=default, placeholder="Type a sentence")
    st.session_state[SAMPLE] = text if text in samples else None

    def option(source: str) -> str:
        cut = source if len(source) <= MAX_OPTION else source[: MAX_OPTION - 1] + "…"
        return f"{counted(samples[source].words, 'word')} · {cut}"

    menu, beam = st.columns([3, 1], vertical_alignment="bottom")
    menu.selectbox(
        "Or select a sentence that these models were tested on",
        offered,
        index=None,
        key=SAMPLE,
        on_change=lambda: put("source", st.session_state[SAMPLE] or "", default),
        format_func=option,
        placeholder="Your own sentence",
    )
    with beam:
        width = controls.number("Beam width", 1, 8, "beam", 4)
    if text in samples:
        st.caption("Reference")
        st.text(samples[text].reference, width="stretch")
    return text, width


def side_by_side(runs: Sequence[RunRecord], text: str, width: int) -> None:
    """Draw a box for each model."""
    names = models.unique_labels(runs)
    with st.grid(2, min_column_width=330):
        for run in runs:
            with st.container(border=True, key=f"translation-{run.run_id}"):
                st.markdown(f"**{plain(names[run.run_id])}**")
                _one(run, text, width)


def caveats(translation: Translation) -> Iterator[str]:
    """Sentences on why this output may be wrong."""
    if translation.unknown:
        yield (
            f"Unknown to this model: {listed(translation.unknown)}. All unknown words look the "
            "same to it."
        )
    if translation.too_long:
        yield (
            f"The source has {counted(translation.words, 'word')}; this model was trained up to "
            f"{translation.longest_trained:,}."
        )
    if not translation.alternatives[0].finished:
        yield "The output did not end and was cut off."


def likely(alternatives: Sequence[Alternative]) -> list[Alternative]:
    """The best output, and the others that are not negligible beside it."""
    best, *others = alternatives
    least = MIN_SHARE * best.probability
    return [best, *(one for one in others if one.probability >= least)]


def weights(translation: Translation) -> pandas.DataFrame:
    """The attention of the best output for its heatmap; empty without attention."""
    written = zip(translation.written, translation.weights or (), strict=False)
    return pandas.DataFrame(
        {
            "written": place,
            "read": index,
            "weight": weight,
            "written_token": token,
            "read_token": source,
        }
        for place, (token, row) in enumerate(written, start=1)
        for index, (source, weight) in enumerate(zip(translation.read, row, strict=True), start=1)
    )


def _one(run: RunRecord, text: str, width: int) -> None:
    try:
        translation = models.translate(run, text, width)
    except BadSetting as error:
        st.error(plain(str(error)), icon=":material/block:")
        st.page_link(
            RUNS.path, label="Open this run", icon=RUNS.icon, query_params={"run": run.run_id}
        )
        return
    best, *others = likely(translation.alternatives)
    st.text(best.text or "(nothing)", width="stretch")
    quality = models.quality_in_words(run, cache.reader().table)
    score = f"score {number(best.score)} nats per token"
    st.caption(plain(" · ".join(filter(None, [quality, score]))))
    warnings = [plain(caveat) for caveat in caveats(translation)]
    if warnings:
        st.warning("\n\n".join(warnings), icon=":material/help:")
    if others:
        lines = [
            {
                "Score": plain(number(one.score)),
                "Probability": plain(number(one.probability)),
                "Output": plain(one.text or "(nothing)"),
            }
            for one in (best, *others)
        ]
        table = pandas.DataFrame(lines)
        alt = "Beam alternatives, the best first"
        st.table(table, border="horizontal", hide_index=True, alt=alt)
    attention = weights(translation)
    if attention.empty:
        st.caption("No attention: the decoder reads only the encoder's last state.")
    else:
        render.show(heatmap.attention_heatmap(attention), heatmap.attention_in_words(attention))

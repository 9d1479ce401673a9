"""What each model makes of a source, side by side: output, doubts, other outputs, attention."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import pandas
import streamlit as st

from core.settings import BadSetting
from core.tracking import RunRecord
from core.words import counted, listed
from dashboard import controls, drawing, looks, translating
from dashboard.address import put
from dashboard.navigation import RUNS
from dashboard.translating import Sample
from dashboard.wording import number, plain

if TYPE_CHECKING:
    from core.experiments.length_quality_translating import Translation

SAMPLE = "take a sample"
LONGEST_OPTION = 90
"""Letters of a sample in the menu."""


def ask_source(samples: Mapping[str, Sample]) -> str:
    """What to translate, as it is typed; in the address."""
    return controls.words(
        "Source", "source", default=_usual(samples), placeholder="Type a sentence"
    )


def offer(samples: Mapping[str, Sample], text: str) -> None:
    """A menu of samples, each of which can take the place of what is typed."""
    st.session_state[SAMPLE] = text if text in samples else None

    def taken() -> None:
        put("source", st.session_state[SAMPLE] or "", _usual(samples))

    st.selectbox(
        "Or take a sample that these models were tested on",
        list(samples),
        index=None,
        key=SAMPLE,
        on_change=taken,
        format_func=lambda source: f"{counted(samples[source].words, 'word')} · {_short(source)}",
        placeholder="your own words",
    )


def reference(samples: Mapping[str, Sample], text: str) -> None:
    """What a sample should become."""
    if text in samples:
        st.caption("Reference")
        st.text(samples[text].reference, width="stretch")


def side_by_side(runs: Sequence[RunRecord], text: str, width: int) -> None:
    """A box for each model."""
    names = translating.named(runs)
    with st.grid(2, min_column_width=330):
        for run in runs:
            with st.container(border=True, key=f"translation-{run.run_id}"):
                st.markdown(f"**{plain(names[run.run_id])}**")
                _one(run, text, width)


def doubts(translation: Translation) -> Iterator[str]:
    """What speaks against this output, in sentences."""
    if translation.unknown:
        yield (
            f"Unknown to this model: {listed(translation.unknown)}. It cannot tell "
            "unknown words apart."
        )
    if translation.too_long:
        yield (
            f"The source has {counted(translation.words, 'word')}; this model was trained up to "
            f"{translation.longest_trained:,}."
        )
    if not translation.alternatives[0].finished:
        yield "The output did not come to an end and was cut off."


def weights(translation: Translation) -> pandas.DataFrame:
    """The attention of the best output as `looks` draws it; empty without attention."""
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
        translation = translating.translate(run, text, width)
    except BadSetting as error:
        st.error(plain(str(error)), icon=":material/block:")
        st.page_link(
            RUNS.path, label="Open this run", icon=RUNS.icon, query_params={"run": run.run_id}
        )
        return
    best = translation.alternatives[0]
    st.text(best.text or "(nothing)", width="stretch")
    st.caption(plain(f"Score {number(best.score)} nats per token"))
    said = [plain(doubt) for doubt in doubts(translation)]
    if said:
        st.warning("\n\n".join(said), icon=":material/help:")
    if len(translation.alternatives) > 1:
        _alternatives(translation)
    looked = weights(translation)
    if looked.empty:
        st.caption("No attention: its decoder reads the encoder's last state alone.")
    else:
        drawing.show(looks.looks(looked), looks.in_words(looked))


def _alternatives(translation: Translation) -> None:
    lines = [
        {
            "Score": plain(number(one.score)),
            "Probability": plain(number(one.probability)),
            "Output": plain(one.text or "(nothing)"),
        }
        for one in translation.alternatives
    ]
    table = pandas.DataFrame(lines)
    st.table(table, border="horizontal", hide_index=True, alt="Beam alternatives, the best first")


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_OPTION else text[: LONGEST_OPTION - 1] + "…"


def _usual(samples: Mapping[str, Sample]) -> str:
    """A sentence that most models can do something with: a shorter one."""
    offered = list(samples)
    return offered[len(offered) // 3] if offered else ""

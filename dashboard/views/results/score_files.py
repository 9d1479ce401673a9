"""Score one's own files of translations: uploads, the answer, tables and downloads.

Scoring files is not a run: nothing is recorded, the downloads are the result.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pandas
import streamlit as st

from core.formatting import interval
from core.measure.scoring import (
    DEFAULT_BUCKET_WIDTH,
    MAX_BUCKET_WIDTH,
    Options,
    Place,
    Scores,
    answer,
    bucket_in_words,
    method,
    p_in_words,
    score_texts,
    wins_in_words,
)
from core.measure.tokenisation import TOKENISATIONS, Tokenisation
from core.settings import BadSetting
from core.stats.estimates import Estimate
from dashboard.ui import downloads, states
from dashboard.ui.text import number, plain
from experiments import scoring

SCORED = "scored files"
"""Where the session keeps the last result."""

TURN_SECONDS = 60.0
"""How long somebody waits while others score files."""


def score_files() -> None:
    """Draw the expander with its form, and the last result."""
    with st.expander("Score your own files", icon=":material/compare_arrows:"):
        st.caption(
            "Translations of any systems, one sentence a line, against references: BLEU, chrF2 and "
            "exact match overall and by length, each pair of systems compared on the same "
            "sentences. Nothing is recorded: download what you need."
        )
        with st.form("score files", border=False):
            hypotheses = st.file_uploader(
                "Hypotheses, one file per system", accept_multiple_files=True, key="score hyp"
            )
            left, right = st.columns(2)
            references = left.file_uploader("References", key="score ref")
            sources = right.file_uploader("Sources (optional)", key="score src")
            line = st.columns(3, vertical_alignment="bottom")
            width = line[0].number_input(
                "Bucket width (words)", 1, MAX_BUCKET_WIDTH, DEFAULT_BUCKET_WIDTH
            )
            tokenise = line[1].selectbox(
                "Tokenisation of BLEU", TOKENISATIONS, help="auto: by the script of the references."
            )
            cased = line[2].toggle("Cased", help="Otherwise BLEU and chrF2 are lowercased.")
            if st.form_submit_button("Score", type="primary"):
                st.session_state.pop(SCORED, None)
                _score(hypotheses, references, sources, int(width), cased, tokenise)
        if SCORED in st.session_state:
            _show(st.session_state[SCORED])


_scoring = threading.Lock()


@contextlib.contextmanager
def _turn() -> Iterator[None]:
    """Files of one person at a time: the process serves everybody's pages meanwhile."""
    if not _scoring.acquire(timeout=TURN_SECONDS):
        raise BadSetting("others score large files just now; try again in a minute")
    try:
        yield
    finally:
        _scoring.release()


def _score(
    hypotheses: Any,
    references: Any,
    sources: Any,
    width: int,
    cased: bool,
    tokenise: Tokenisation,
) -> None:
    """Score the uploads; a fault in them is a sentence."""
    bar = st.progress(0.0)

    def report(share: float, message: str) -> None:
        bar.progress(share, plain(message))

    try:
        options = Options(width, cased, tokenise)
        if not hypotheses or references is None:
            missing = "references" if hypotheses else "hypotheses"
            raise BadSetting(f"{missing} is empty; upload a text file with one sentence a line")
        names = scoring.unique_names([file.name for file in hypotheses])
        systems = {
            name: scoring.decoded("hypotheses", name, file.getvalue())
            for name, file in zip(names, hypotheses, strict=True)
        }
        lines = {
            field: None if file is None else scoring.decoded(field, file.name, file.getvalue())
            for field, file in {"references": references, "sources": sources}.items()
        }
        report(0.0, "waiting for others who score files just now")
        with _turn():
            st.session_state[SCORED] = score_texts(
                systems,
                lines["references"] or [],
                lines["sources"],
                options,
                report,
            )
    except BadSetting as error:
        st.error(plain(str(error)), icon=":material/block:")
    finally:
        bar.empty()


def _show(scores: Scores) -> None:
    """The answer, then all sentences, then by length."""
    states.answer(answer(scores))
    st.caption(plain(answer(scores, "chrf")))
    sides = {"All sentences": [scores.overall]}
    sides |= {f"By length of the {side}": scores.by(side) for side in scores.sides}
    for title, places in sides.items():
        st.markdown(f"**{title}**")
        st.dataframe(
            _scores_table(scores, places), hide_index=True, placeholder="–", alt=f"Scores: {title}"
        )
        if places[0].pairs:
            table = _pairs_table(scores, places)
            st.dataframe(table, hide_index=True, placeholder="–", alt=f"Comparisons: {title}")
    st.caption(plain(" · ".join(scores.signatures.values())))
    st.caption(plain(method(scores)))
    with st.container(horizontal=True):
        downloads.offer("CSV", "scores.csv", lambda: scoring.csv(scores), "scores-csv")
        downloads.offer("JSON", "scores.json", lambda: scoring.as_json(scores), "scores-json")
        downloads.offer("LaTeX", "scores.tex", lambda: scoring.latex(scores), "scores-tex")
        downloads.offer("HTML", "scores.html", lambda: _html(scores), "scores-html")


def _html(scores: Scores) -> str:
    from experiments.reports.html import score_report  # loads Altair

    return score_report(scores)


def _scores_table(scores: Scores, places: list[Place]) -> pandas.DataFrame:
    titles = scores.options.titles
    return pandas.DataFrame(
        {
            "Words": bucket_in_words(place, scores.options),
            "Sentences": place.sentences,
            "System": one.name,
            titles["bleu"]: _cell(one.bleu),
            titles["chrf"]: _cell(one.chrf),
            "Exact match (%)": _cell(one.exact_match),
        }
        for place in places
        for one in place.systems
    )


def _pairs_table(scores: Scores, places: list[Place]) -> pandas.DataFrame:
    titles = scores.options.titles
    return pandas.DataFrame(
        {
            "Words": bucket_in_words(place, scores.options),
            "Score": titles[pair.score],
            "First": pair.first,
            "Second": pair.second,
            "Difference": _cell(pair.difference),
            "Wins": wins_in_words(pair),
            "p (Holm)": "–" if pair.corrected_p is None else p_in_words(pair.corrected_p),
            "First is": pair.outcome,
        }
        for place in places
        for pair in place.pairs
    )


def _cell(estimate: Estimate) -> str:
    """`27.6 (26.1–29.1)`."""
    ends = interval(estimate)
    value = "–" if estimate.value is None else number(estimate.value)
    return f"{value} ({ends})" if ends else value

"""Translating: the page says what the model says, and what speaks against it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pandas
import pytest

from core.analysis.runs import finished_run
from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.length_quality.translation import Alternative, Translation
from core.experiments.length_quality.translator import Translator
from core.store.records import RunRecord
from core.store.tracking import Store, open_store
from dashboard.ui.text import number, plain
from dashboard.views.translate import models, outputs
from tests.dashboard.conftest import Show, texts
from tests.dashboard.scenes import fill

PAGE = "views/translate/page.py"

KNOWN = "the dog has seen the king"


@pytest.fixture
def trained(trained_uri: str, monkeypatch: pytest.MonkeyPatch) -> tuple[RunRecord, RunRecord]:
    """Its runs: without attention, and with."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", trained_uri)
    blind, looking = open_store(trained_uri).runs()
    return blind, looking


def by_the_model(run: RunRecord, uri: str, text: str, width: int) -> Translation:
    with open_store(uri).artifact(run.run_id, "model") as folder:
        assert folder is not None
        return Translator.load(folder).translate(text, width)


def test_without_a_trained_model_it_leads_to_one(scene: Callable[[str], Store], show: Show) -> None:
    scene("empty")
    app = show(PAGE)
    assert "There is no trained model yet" in texts(app)
    assert app.get("page_link")


def test_a_model_that_is_being_trained_is_awaited(
    store: Store, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)
    fill(store, ("SCHEDULED",))
    app = show(PAGE)
    assert not app.exception
    assert "First results are coming" in texts(app)
    assert "There is no trained model yet" not in texts(app)
    for run in store.runs(LENGTH_QUALITY.name):
        store.end(run.run_id, "KILLED")
    assert "There is no trained model yet" in texts(app.run())


def test_a_run_that_has_kept_no_model_says_so(scene: Callable[[str], Store], show: Show) -> None:
    store = scene("single")
    app = show(PAGE, source=KNOWN)
    assert not app.exception
    assert plain("this run has no saved model") in app.error[0].value
    assert not store.runs(LENGTH_QUALITY.name)[0].error


def test_the_page_says_what_the_models_say(
    trained: tuple[RunRecord, RunRecord], trained_uri: str, show: Show
) -> None:
    app = show(PAGE, source=KNOWN, beam="3")
    assert not app.exception
    said = [text.value for text in app.text]
    for run, shown, table in zip(trained, said, app.table, strict=True):
        wanted = by_the_model(run, trained_uri, KNOWN, 3)
        assert shown == (wanted.alternatives[0].text or "(nothing)")
        assert plain(f"score {number(wanted.alternatives[0].score)} nats") in texts(app)
        likely = outputs.likely(wanted.alternatives)
        texts_there = [plain(one.text or "(nothing)") for one in likely]
        assert list(table.value["Output"]) == texts_there
    assert len(app.get("vega_lite_chart")) == 1
    assert "No attention" in texts(app)


def test_a_beam_of_one_has_no_alternatives(
    trained: tuple[RunRecord, RunRecord], show: Show
) -> None:
    assert not show(PAGE, source=KNOWN, beam="1").table


def test_unknown_words_and_too_many_of_them_are_explained(
    trained: tuple[RunRecord, RunRecord], show: Show
) -> None:
    app = show(PAGE, source="the *zebra* sees the quark and the dogs")
    for warning in app.warning:
        assert plain("Unknown to this model: *zebra* and quark.") in warning.value
        assert plain("The source has 8 words; this model was trained up to 6.") in warning.value
    app = show(PAGE, source="dog " * 201)
    assert [plain("source has 201 words; give 1 to 200")] * 2 == [e.value for e in app.error]


def test_an_empty_source_asks_for_one(trained: tuple[RunRecord, RunRecord], show: Show) -> None:
    app = show(PAGE, source=" ")
    assert "Type a sentence" in app.info[0].value


def test_what_is_typed_is_in_the_address_and_samples_are_offered(
    trained: tuple[RunRecord, RunRecord], show: Show
) -> None:
    app = show(PAGE)
    usual = app.text_input(key="control source").value
    assert usual
    app.text_input(key="control source").set_value(KNOWN).run()
    assert app.query_params["source"] == KNOWN
    menu = app.selectbox(key="sample")
    assert menu.value is None
    menu.set_value(menu.options[0]).run()
    assert not app.exception
    assert app.text_input(key="control source").value != KNOWN


def test_the_best_trained_model_of_each_kind_is_the_default() -> None:
    right = {"none 0": 65.0, "none 1": 71.0, "dot 0": 90.0, "dot 1": 5.0, "additive 0": 4.0}
    runs = [
        replace(run, metrics={"token_accuracy": right[name]})
        for place, name in enumerate(right)
        for attention, seed in [name.split()]
        for config in LENGTH_QUALITY.configs(
            ["lstm"], {"attention": [attention], "seed": [int(seed)], "seeds": [1]}
        )
        for run in [finished_run(name, LENGTH_QUALITY.name, config.flat(), order=place)]
    ]

    def table(run: RunRecord, name: str) -> pandas.DataFrame:
        values = {"token_accuracy": right[run.run_id], "within_accuracy": right[run.run_id]}
        return pandas.DataFrame(
            [{**values, "bottleneck": 9.0 if right[run.run_id] > 4.5 else None}]
        )

    assert [r.run_id for r in models.best_models(runs, table)] == ["none 1", "dot 0"]
    assert models.best_models(runs[-1:], table) == runs[-1:]
    assert models.quality_in_words(runs[1], table) == "71.0% of tokens right in its test"
    assert models.quality_in_words(runs[3], table) == "5.00% of tokens right: hardly trained"


def test_outputs_of_negligible_probability_are_left_out() -> None:
    made = [Alternative(str(p), -1.0, p, True) for p in (0.6, 0.3, 1e-14, 0.02)]
    assert [one.probability for one in outputs.likely(made)] == [0.6, 0.3, 0.02]


def test_models_of_the_same_label_have_their_seed_in_it() -> None:
    runs = [
        finished_run(str(place), LENGTH_QUALITY.name, config.flat(), order=place)
        for place, config in enumerate(LENGTH_QUALITY.configs(["lstm"], {"seeds": [2]}))
    ]
    assert set(models.unique_labels(runs).values()) == {"LSTM · seed 0", "LSTM · seed 1"}

"""The Cell explorer: what it shows is what was computed, and its address reopens the view."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pandas
import pyarrow
import pytest
import streamlit as st
import torch
from streamlit.testing.v1 import AppTest

from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.gradient_decay.declaration import GradientDecayConfig, GradientRow
from core.explorer.exploration import Exploration, ExplorerConfig
from core.formatting import number as significant
from core.models.cells import cell_of
from core.models.registry import cell_kind, cell_kinds
from core.store.records import RunRecord
from core.store.tracking import Store, open_store
from dashboard.charts import curves
from dashboard.ui.text import number, plain
from dashboard.views.cell_explorer import computed, explorer
from dashboard.views.cell_explorer.cells import POSITIONS, TYPED, USUAL_TEXT
from dashboard.views.cell_explorer.computed import Start, Subject
from dashboard.views.compare.picking import ID_LETTERS
from tests.dashboard.conftest import Show, texts

PAGE = "views/cell_explorer/page.py"

SMALL = {"hidden_size": "8", "length": "12"}

SETTINGS = {"hidden_size": 8, "sequence_length": 12}


@pytest.fixture
def explore(scene: Callable[[str], Store], show: Show) -> Show:
    """The page over a store without a trained model, with a small network."""
    scene("empty")

    def opened(**address: str) -> AppTest:
        app = show(PAGE, **{**SMALL, **address})
        assert not app.exception
        return app

    return opened


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[[], Any]]:
    """File name → what makes its content, of every download that the page offers."""
    offered: dict[str, Callable[[], Any]] = {}
    usual = st.download_button

    def kept(title: str, **asked: Any) -> bool:
        offered[asked["file_name"]] = asked["data"]
        return usual(title, **asked)

    monkeypatch.setattr(st, "download_button", kept)
    return offered


def fresh(**settings: Any) -> Subject:
    """A cell as the page describes it in the small network."""
    config = ExplorerConfig.from_flat({"cell": "lstm", **SETTINGS, **settings})
    return Subject(config.architecture.label, config.architecture.cell, Exploration(config))


def charts_of(app: AppTest) -> list[Any]:
    return [chart.proto for chart in app.get("vega_lite_chart")]


def drawn(app: AppTest) -> pandas.DataFrame:
    """The numbers of the gradient curve, the first figure of the page."""
    with pyarrow.ipc.open_stream(charts_of(app)[0].data.data) as stream:
        table: pandas.DataFrame = stream.read_pandas()
    return table


def warnings_of(app: AppTest) -> list[str]:
    return [warning.value for warning in app.warning]


@pytest.mark.parametrize("title", [kind.title for kind in cell_kinds().values()])
def test_each_cell_is_drawn_with_a_map_for_each_of_its_equations(title: str, explore: Show) -> None:
    app = explore(cell=title)
    name = next(name for name, kind in cell_kinds().items() if kind.title == title)
    found = cell_of(fresh(cell=name).exploration.config.architecture).equations
    curve, *maps = [chart.alt for chart in charts_of(app)]
    assert curve.startswith("Input gradient")
    assert title in curve
    assert len(maps) == len(found)
    for alt, equation in zip(maps, found, strict=True):
        assert alt.startswith(f"{title} 8: {equation.title} of 8 units over 12 steps. At step 10:")
    assert not warnings_of(app)


def test_the_answer_is_that_of_any_comparison_of_these_cells(explore: Show) -> None:
    app = explore(second_cell="GRU", second_update_bias="2")
    best = computed.curve(fresh(cell="gru", update_bias=2.0)).summary.half_distance_steps
    assert best.value is not None
    life = significant(best.value)
    first = (
        f"GRU 8 · update bias 2 keeps half of its gradient longest: halving distance {life} steps"
    )
    assert app.subheader[0].value.startswith(plain(first))
    assert "It differs from LSTM 8 by more than noise" in texts(app)


def test_the_curve_is_the_band_over_the_seeds_of_gradient_decay(explore: Show) -> None:
    found = drawn(explore(recurrent_gain="1.5", seed="4"))
    asked = {"cell": "lstm", **SETTINGS, "recurrent_gain": 1.5, "seed": 4}
    config = GradientDecayConfig.from_flat({**asked, "batch_size": 1, "spectrum": False})
    rows = [e for e in GRADIENT_DECAY.measure(config) if isinstance(e, GradientRow)]
    table = pandas.DataFrame([row.flat() for row in rows], columns=GradientRow.header())
    bands = curves.bands(table, ["steps_back"], "log10_input_gradient")
    for name in ("steps_back", "value", "low", "high", "n"):
        assert found[name].tolist() == pytest.approx(bands[name].tolist(), abs=1e-12)


def test_a_slider_moves_the_curve_and_the_address(explore: Show) -> None:
    app = explore()
    before = drawn(app)
    specification = charts_of(app)[0].spec
    app.select_slider(key="control recurrent_gain").set_value("2").run()
    assert not app.exception
    assert app.query_params["recurrent_gain"] == "2"
    after = drawn(app)
    assert before["value"].tolist() != after["value"].tolist()
    assert set(after["name"].dropna()) == {"LSTM 8 · gain 2"}
    assert charts_of(app)[0].spec == specification  # so that the browser keeps the figure
    app.select_slider(key="control recurrent_gain").set_value("1").run()
    assert "recurrent_gain" not in app.query_params
    assert drawn(app)["value"].tolist() == before["value"].tolist()


def test_an_address_reopens_the_view(explore: Show) -> None:
    app = explore(
        cell="GRU",
        update_bias="-1",
        initialisation="orthogonal",
        second_cell="RNN",
        second_nonlinearity="relu",
        second_recurrent_gain="0.5",
        gradient="State gradient",
        step="3",
        figure="Equations",
        unit="5",
    )
    assert not warnings_of(app)
    said = texts(app)
    assert plain("GRU 8 · orthogonal · update bias -1: unit 5 at step 3") in said
    assert plain("RNN 8 · relu · gain 0.5: unit 5 at step 3") in said
    assert json.loads(charts_of(app)[0].spec)["title"]["text"].startswith("State gradient")
    assert set(drawn(app)["name"].dropna()) == {
        "GRU 8 · orthogonal · update bias -1",
        "RNN 8 · relu · gain 0.5",
    }


def test_the_largest_singular_values_are_said(explore: Show) -> None:
    one = computed.stepped(fresh())
    at_4 = one.spectrum_rows(4)[0].singular_value
    top = max(one.largest_rows(4), key=lambda row: row.largest_singular_value)
    said = (
        f"LSTM 8: the largest singular value of the step Jacobian is {number(at_4)} at this step; "
        f"the largest of all 12 steps is {number(top.largest_singular_value)}, at step {top.step}."
    )
    assert plain(said) in texts(explore(figure="Jacobian", step="4"))


def test_of_many_steps_it_is_said_how_many_were_taken(explore: Show) -> None:
    said = texts(explore(figure="Jacobian", step="4", length="100"))
    assert plain("the largest of 51 of the 100 steps is") in said


@pytest.mark.parametrize("figure", explorer.FIGURES)
def test_every_tab_draws_for_one_cell_and_for_two(figure: str, explore: Show) -> None:
    one = explore(figure=figure)
    two = explore(figure=figure, second_cell="RNN", sequence=TYPED, text="a bb")
    for app, count in ((one, 1), (two, 2)):
        assert not warnings_of(app)
        assert (len(charts_of(app)) > 1) is (figure != "Equations")
        assert bool(app.latex) is (figure == "Equations")
        if figure == "Equations":
            assert len(app.latex) == (6 if count == 1 else 7)
    assert plain("unit 1 at step 4, which reads b") in texts(two) or figure != "Equations"


def test_the_same_cell_twice_has_two_names(explore: Show) -> None:
    app = explore(second_cell="LSTM")
    assert set(drawn(app)["name"].dropna()) == {"LSTM 8", "LSTM 8 (2)"}


NONSENSE = {
    "step": "9999",
    "cell": "foo",
    "second_cell": "bar",
    "length": "-1",
    "hidden_size": "1e9",
    "recurrent_gain": "abc",
    "forget_bias": "nan",
    "initialisation": "zero",
    "seed": "x",
    "gradient": "<b>",
    "start": "../../etc",
    "sequence": "all",
    "figure": "Gate",
}


def test_nonsense_in_the_address_is_explained(explore: Show) -> None:
    app = explore(**NONSENSE)
    said = warnings_of(app)
    assert len(said) == len(NONSENSE)
    for key, value in NONSENSE.items():
        assert any(plain(f"asks for {key} “{value}”") in warning for warning in said), key
    assert len(charts_of(app)) == 1 + 6


@pytest.mark.parametrize("seed", ["9" * 5000, "-3", "10000", "²", "1.5"])
def test_a_seed_that_is_none_is_explained(seed: str, explore: Show) -> None:
    (said,) = warnings_of(explore(seed=seed))
    assert "0 to 9,999 is possible" in said


def test_a_text_of_nonsense_is_read_and_shown_as_text(explore: Show) -> None:
    text = "<b>$x$ **"
    app = explore(sequence=TYPED, text=text, figure="Equations", step="2")
    assert app.text_input[0].value == text
    assert plain("LSTM 8: unit 1 at step 2, which reads b") in texts(app)
    app.select_slider(key="control step").set_value("1").run()
    assert plain("which reads <") in texts(app)
    assert "reads <" not in texts(app)


def test_a_text_has_as_many_steps_as_letters_and_a_cut_one_says_so(explore: Show) -> None:
    app = explore(sequence=TYPED)
    assert len(app.select_slider(key="control step").options) == len(USUAL_TEXT)
    app = explore(sequence=TYPED, text="ab" * 5000, letters="one-hot")
    assert plain("Only the first 200 letters are read.") in texts(app)
    assert len(app.select_slider(key="control step").options) == 200
    assert len(drawn(app)) == 200


@pytest.mark.parametrize("text", ["", "  "])
def test_while_nothing_is_typed_a_random_sequence_is_read(text: str, explore: Show) -> None:
    app = explore(sequence=TYPED, text=text)
    assert "No text: a random sequence of 100 steps is read." in texts(app)
    assert drawn(app)["value"].tolist() == drawn(explore(length="100"))["value"].tolist()


def test_one_letter_is_one_step(explore: Show) -> None:
    app = explore(sequence=TYPED, text="a")
    assert "control step" not in [slider.key for slider in app.select_slider]
    assert drawn(app)["steps_back"].tolist() == [0]
    assert len(charts_of(app)) == 1 + 6


def test_a_step_that_a_shorter_sequence_lacks_becomes_its_last(explore: Show) -> None:
    app = explore(step="12", figure="Equations", unit="8", hidden_size="16")
    app.select_slider(key="control length").set_value("7").run()
    assert app.select_slider(key="control step").value == "7"
    app.select_slider(key="control unit").set_value("16").run()
    app.select_slider(key="control hidden_size").set_value("8").run()
    assert plain("unit 8 at step 7") in texts(app)
    assert not app.exception
    assert not warnings_of(app)


def test_the_files_hold_the_numbers_that_are_shown(
    explore: Show, downloads: dict[str, Callable[[], Any]]
) -> None:
    subject = fresh(forget_bias=1.0)
    explore(forget_bias="1")
    explore(forget_bias="1", figure="Norms")
    explore(forget_bias="1", figure="Jacobian", step="4")

    def read(name: str) -> pandas.DataFrame:
        content = io.StringIO(downloads[f"cell-explorer-{name}.csv"]())
        return pandas.read_csv(content, keep_default_na=False)

    label = "LSTM-8-forget-bias-1"
    one = computed.stepped(subject)
    for name, rows in (
        (f"steps-{label}", list(one.value_rows())),
        (f"norms-{label}", one.norm_rows()),
        ("largest", one.largest_rows(4)),
        ("spectrum", one.spectrum_rows(4)),
    ):
        found = read(name).drop(columns="label", errors="ignore")
        expected = computed.table(rows)
        assert len(found) == len(rows)
        pandas.testing.assert_frame_equal(found, expected, check_dtype=False, check_exact=True)
    gradient = read("gradient")
    assert set(gradient["label"]) == {subject.label}
    pandas.testing.assert_frame_equal(
        gradient.drop(columns="label"),
        computed.curve(subject).rows,
        check_dtype=False,
        check_exact=True,
    )
    assert downloads["cell-explorer-gradient.svg"]().getvalue().startswith(b"<svg")


def test_a_gradient_of_exact_zeros_has_no_curve_and_says_so(explore: Show) -> None:
    app = explore(cell="RNN", nonlinearity="relu", recurrent_gain="0")
    found = drawn(app)
    assert found["zero"].iloc[-1] == "100%"
    assert found["value"].notna().sum() == 1  # at no distance alone


def test_without_a_trained_model_it_leads_to_one(explore: Show) -> None:
    app = explore()
    assert "No finished run has saved a model" in texts(app)
    links = [str(link.proto.query_string) for link in app.get("page_link")]
    assert any("experiment=length-quality" in link for link in links)


def test_a_run_that_has_kept_no_model_is_explained_and_linked(
    scene: Callable[[str], Store], show: Show
) -> None:
    (run, *_) = (r for r in scene("single").runs() if r.experiment == "length-quality")
    cell = cell_kind(str(run.settings["cell"])).title
    app = show(PAGE, **SMALL, cell=cell, start=run.run_id[:ID_LETTERS])
    assert not app.exception
    assert plain("this run has no saved model") in app.error[0].value
    links = [str(link.proto.query_string) for link in app.get("page_link")]
    assert f"run={run.run_id}" in links
    assert not charts_of(app)


@pytest.fixture
def run(trained_uri: str, monkeypatch: pytest.MonkeyPatch) -> RunRecord:
    """A GRU that was really trained, without attention."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", trained_uri)
    return open_store(trained_uri).runs()[0]


@pytest.mark.parametrize("part", ["encoder", "decoder"])
def test_a_finished_runs_weights_are_stepped_as_they_were_saved(
    part: Any, run: RunRecord, trained_uri: str, show: Show
) -> None:
    app = show(PAGE, cell="GRU", start=run.run_id[:ID_LETTERS], part=part, length="5")
    assert not app.exception
    assert not warnings_of(app)
    label = f"GRU · {part} {run.run_id[:ID_LETTERS]}"
    assert set(drawn(app)["name"].dropna()) == {label}
    keys = [slider.key for slider in app.select_slider]
    assert "control recurrent_gain" not in keys  # it would change nothing
    assert "not an estimate: a finished run's own." in texts(app)
    folder = open_store(trained_uri).artifact(run.run_id, "model")
    assert folder is not None
    saved = torch.load(folder / "weights.pt", weights_only=True)
    config = ExplorerConfig(sequence_length=5)
    start = Start(trained_uri, run.run_id, part)
    for name, mine in computed._networks(Exploration(config), start).model.named_parameters():
        assert torch.equal(mine, saved[f"{part}.{name}"].double().expand_as(mine))


def test_a_finished_run_reads_a_text_word_by_word(run: RunRecord, show: Show) -> None:
    address = {"cell": "GRU", "start": run.run_id[:ID_LETTERS], "sequence": TYPED}
    app = show(PAGE, **address, text="The dog sees", figure="Equations", step="2")
    assert not app.exception
    assert plain("unit 1 at step 2, which reads dog") in texts(app)
    assert len(app.select_slider(key="control step").options) == 3
    app = show(PAGE, **address, text="?!")
    assert plain("nothing of this text is read; type a word") in app.error[0].value


def test_another_cell_has_other_runs(run: RunRecord, show: Show) -> None:
    app = show(PAGE, **SMALL, cell="GRU", start=run.run_id[:ID_LETTERS], part="decoder")
    app.button_group(key="control cell").set_value("RNN").run()
    assert not app.exception
    assert not warnings_of(app)
    assert "start" not in app.query_params
    assert "part" not in app.query_params


def test_every_slider_stands_at_its_setting_when_nothing_is_asked() -> None:
    settings = ExplorerConfig().architecture.flat()
    for name, positions in POSITIONS.items():
        value = settings[name]
        assert ("as drawn" if value is None else f"{value:g}") in positions

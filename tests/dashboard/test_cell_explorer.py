"""The Cell explorer: what it shows is what was computed, and its address reopens the view."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest
import streamlit as st
import torch
from streamlit.testing.v1 import AppTest

from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.gradient_decay.declaration import GradientDecayConfig, GradientRow
from core.explorer.exploration import Exploration, ExplorerConfig, Start
from core.explorer.networks import fresh_networks
from core.explorer.results import Position, as_table
from core.explorer.stepping import SteppedCell
from core.models import own_cells
from core.models.registry import cell_kind, cell_kinds
from core.settings import BadSetting
from core.store.folder import StoreError
from core.store.records import RunRecord
from core.store.tracking import Store, open_store
from dashboard.charts import curves
from dashboard.ui.text import number, plain
from dashboard.views.cell_explorer import computed, explorer, playground
from dashboard.views.cell_explorer.cells import (
    POSITIONS,
    PRESETS,
    RANDOM,
    SHIFTS,
    TRAINING,
    USUAL_TEXT,
    extremes,
)
from dashboard.views.cell_explorer.computed import Subject
from dashboard.views.compare.picking import ID_LETTERS
from experiments import calculations
from experiments.calculations import blamed
from tests.core.made import every_cell
from tests.dashboard.conftest import Show, texts

PAGE = "views/cell_explorer/page.py"

SMALL = {"hidden_size": "8", "sequence": RANDOM, "length": "12"}

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


def stepped(subject: Subject) -> SteppedCell:
    return SteppedCell(fresh_networks(subject.exploration))


def charts_of(app: AppTest) -> list[Any]:
    return [chart.proto for chart in app.get("vega_lite_chart")]


def playgrounds(app: AppTest) -> list[Any]:
    name = "unroll_playground"
    return [c for c in app.get("bidi_component") if c.proto.component_name == name]


def shown(app: AppTest) -> dict[str, Any]:
    """What the browser gets to draw."""
    (component,) = playgrounds(app)
    data: dict[str, Any] = json.loads(component.proto.json)
    return data


def drawn(app: AppTest) -> dict[str, Any]:
    """The curve where the slider stands."""
    slider = shown(app)["slider"]
    position: dict[str, Any] = slider["positions"][slider["chosen"]]
    return position


def names(app: AppTest) -> list[str]:
    """The cells that have a curve."""
    return [drawn(app)["label"], *(other["label"] for other in shown(app)["others"])]


def warnings_of(app: AppTest) -> list[str]:
    return [warning.value for warning in app.warning]


@pytest.mark.parametrize("name", every_cell())
def test_each_cell_is_drawn_with_a_box_for_each_equation_and_a_map_for_each_part(
    name: str, explore: Show
) -> None:
    app = explore(cell=cell_kind(name).title)
    one = stepped(fresh(cell=name))
    (cell,) = shown(app)["cells"]
    assert [part["title"] for part in cell["parts"]] == [part.title for part in one.parts]
    boxes = cell["diagram"]["boxes"] if cell["diagram"] else []
    made = [box["name"] for box in boxes if box["text"]]
    assert sorted(made) == sorted(equation.makes for equation in one.equations)
    for part, expected in zip(cell["parts"], one.parts, strict=True):
        packed = numpy.frombuffer(base64.b64decode(part["packed"]), "<i2")
        values = packed.reshape(12, -1) / playground.LARGEST * part["limit"]
        assert values == pytest.approx(expected.values_TN, abs=1e-4 * part["limit"])
        means = values.mean(0)[part["order"]]
        assert expected.places or sorted(means, reverse=True) == pytest.approx(means, abs=1e-4)
    assert not warnings_of(app)
    slider = shown(app)["slider"]
    assert (len(slider["positions"]) > 1) is not slider["note"].startswith("No slider: ")


def test_a_bias_moves_the_curve_and_the_presets_are_the_ends_of_what_was_measured(
    explore: Show,
) -> None:
    app = explore(cell="minGRU", shift="-1")
    slider = shown(app)["slider"]
    assert slider["title"] == "Added to b_z"
    assert names(app) == ["minGRU 8 · b_z -1"]
    assert drawn(app)["at"] == -1
    left = [position["value"][-1] - position["value"][0] for position in slider["positions"]]
    assert left == sorted(left, reverse=True)  # what is written replaces what was kept
    app.button(key="preset Remembers").click().run()
    assert drawn(app)["at"] == min(SHIFTS)
    assert not app.exception
    assert not warnings_of(app)


def test_another_slider_of_a_cell_starts_as_drawn(explore: Show) -> None:
    app = explore(cell="minGRU", shift="-1")
    app.button_group(key="control slider").set_value("b_n").run()
    assert names(app) == ["minGRU 8"]
    assert "shift" not in app.query_params
    (said,) = warnings_of(explore(cell="minGRU", shift="1000"))
    assert "±20 is possible" in said


OWN = """
from core.models.layer import StepCell

class Mine(StepCell):
    name = "mine"
    title = "Mine"

    def parameters(self, inputs, width):
        return {"W": (width, inputs)}

    def step(self, x, state, p):
        (h,) = state
        return (BODY,)
"""


def added(body: str) -> str:
    """The title of a cell of one's own, whose file is taken for checked."""
    content = OWN.replace("BODY", body).encode()
    return own_cells.keep(content, "mine", "Mine", str(own_cells.folder() / "mine.py")).shown


@pytest.fixture
def mine(own: Path) -> Callable[[str], str]:
    """Adds a cell of one's own: what its step returns → its title."""
    (own / "mine.py").touch()
    return added


def test_a_cell_of_ones_own_that_names_no_gate_shows_its_state(
    explore: Show, mine: Callable[[str], str]
) -> None:
    app = explore(cell=mine("0.5 * h + x @ p.W.T"), second_cell="Transformer")
    first, second = shown(app)["cells"]
    assert [part["title"] for part in first["parts"]] == ["State h"]
    assert first["diagram"] is second["diagram"] is None
    assert not warnings_of(app)


@pytest.mark.parametrize("figure", explorer.FIGURES)
def test_states_that_are_not_finite_raise_nothing(
    figure: str, explore: Show, mine: Callable[[str], str]
) -> None:
    app = explore(cell=mine("1e200 * (h + x @ p.W.T)"), figure=figure)
    assert not app.error, "the page's own error, which would be blamed on the cell"
    (part,) = shown(app)["cells"][0]["parts"]
    assert "not finite" in part["alt"]
    packed = numpy.frombuffer(base64.b64decode(part["packed"]), "<i2")
    assert playground.NOT_FINITE in packed


@pytest.mark.parametrize("figure", explorer.FIGURES)
def test_of_nothing_but_nan_it_is_said_that_nothing_is_finite(
    figure: str, explore: Show, mine: Callable[[str], str]
) -> None:
    app = explore(cell=mine("float('nan') * (h + x @ p.W.T)"), figure=figure)
    assert not app.error
    assert "The gradient is not finite" in str(shown(app))
    figures = {"Norms": 1, "Kept": 1, "Jacobian": 2}
    captions = [c.value for c in app.caption if "none of these numbers is finite" in c.value]
    assert len(captions) == figures.get(figure, 0)


def test_what_is_wrong_with_the_page_or_the_store_is_not_blamed_on_a_cell(
    mine: Callable[[str], str], explore: Show, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    title = mine("0.5 * h")
    (name,) = (name for name, kind in cell_kinds().items() if kind.title == title)
    said = r"cannot be stepped at this size \(KeyError: 'x'\)"
    with pytest.raises(BadSetting, match=said), blamed(fresh(cell=name).exploration):
        raise KeyError("x")
    with pytest.raises(KeyError), blamed(fresh().exploration):
        raise KeyError("x")  # the cell is Unroll's own
    with pytest.raises(StoreError), blamed(fresh(cell=name).exploration):
        raise StoreError("no store")

    def broken(subjects: object) -> str:
        raise KeyError("a bug")

    monkeypatch.setattr(explorer.cells, "about", broken)
    assert show(PAGE, **{**SMALL, "cell": title}).exception


def test_what_explodes_is_not_offered_as_remembering() -> None:
    def at(left: float) -> Position:
        return Position(0.0, numpy.zeros((1, 2)), 0.0, left)

    assert extremes([at(x) for x in (numpy.inf, 5.0, 0.2, -3.0, -numpy.inf)]) == {
        "Remembers": 2,
        "Forgets": 4,
    }
    assert extremes([at(5.0), at(2.0)]) == extremes([at(-1.0), at(-1.0)]) == {}


def test_a_cell_that_cannot_be_stepped_or_is_gone_is_a_sentence(
    explore: Show, mine: Callable[[str], str], own: Path, caplog: pytest.LogCaptureFixture
) -> None:
    title = mine("h.expand(7, -1)")
    app = explore(cell=title)
    assert "Traceback" in caplog.text
    assert plain(f"{title} cannot be stepped at this size (") in app.error[0].value
    (changed,) = (own / "versions").glob("mine@*.py")
    title = mine("0.5 * h")
    (own / "versions" / changed.name).write_text("changed")
    (own / "mine.py").unlink()
    own_cells._listed.cache_clear()
    (said,) = warnings_of(explore(cell=title))
    assert plain(f"asks for cell “{title}”") in said


def test_the_answer_is_that_of_any_comparison_of_these_cells(explore: Show) -> None:
    app = explore(second_cell="GRU", second_update_bias="2")
    best = computed.curve(fresh(cell="gru", update_bias=2.0)).summary.percent_distance_steps
    assert best.value == SETTINGS["sequence_length"] - 1, "it does not fall to 1% within the curve"
    first = "GRU 8 · update bias 2 keeps 1% of its gradient longest: 1% distance ≥ 11 steps"
    assert plain(first) in texts(app)
    assert "GRU 8 · update bias 2 differs significantly from LSTM 8" in texts(app)


def test_the_curve_is_the_band_over_the_seeds_of_gradient_decay(explore: Show) -> None:
    found = drawn(explore(slider="recurrent_gain", recurrent_gain="1.5", seed="4"))
    asked = {"cell": "lstm", **SETTINGS, "recurrent_gain": 1.5, "seed": 4}
    config = GradientDecayConfig.from_flat({**asked, "batch_size": 1, "spectrum": False})
    rows = [e for e in GRADIENT_DECAY.measure(config) if isinstance(e, GradientRow)]
    table = pandas.DataFrame([row.flat() for row in rows], columns=GradientRow.header())
    bands = curves.bands(table, ["steps_back"], "log10_input_gradient")
    for name in ("value", "low", "high"):
        assert found[name] == pytest.approx(bands[name].tolist(), abs=1e-4)


def test_every_position_has_its_own_curve_and_words(explore: Show) -> None:
    slider = shown(explore())["slider"]
    positions = {position["at"]: position for position in slider["positions"]}
    assert list(positions) == [*POSITIONS["forget_bias"], None]
    assert slider["chosen"] == slider["reset"] == len(positions) - 1
    assert slider["positions"][slider["reset_at"]]["at"] == 0
    for value in (-2.0, None, 3.0):
        half = computed.curve(fresh(forget_bias=value)).summary.half_distance_steps.value
        assert half is not None
        said = f"Half of the gradient is gone after {number(half)} steps"
        if half == 11:
            said = "More than half of the gradient is left 11 steps back"
        assert positions[value]["half"] == said
        assert positions[value]["label"] == fresh(forget_bias=value).label


def test_an_address_puts_the_slider_anywhere_that_is_allowed(explore: Show) -> None:
    app = explore(forget_bias="0.4")
    assert not warnings_of(app)
    assert drawn(app)["at"] == 0.4
    assert names(app) == ["LSTM 8 · forget bias 0.4"]


def test_a_preset_does_what_its_name_says(explore: Show) -> None:
    """Measured on the page's own text, against the cell as PyTorch starts it."""

    def kept(**address: str) -> float:
        app = explore(**{**address, "sequence": "typed", "hidden_size": "64"})
        assert not warnings_of(app)
        value = drawn(app)["value"]
        return float(value[-1] - value[0])

    usual = kept(cell="LSTM")
    assert kept(**PRESETS["Forgets"]) < usual - 2
    assert kept(**PRESETS["Remembers"]) > usual + 2
    assert kept(**PRESETS["Explodes"]) > 1


def test_a_preset_is_one_click(explore: Show) -> None:
    app = explore(cell="GRU")
    app.button(key="preset The chapter's RNN").click().run()
    assert not app.exception
    assert app.selectbox(key="control cell").value == "RNN"
    assert len(drawn(app)["value"]) == 100
    config = GradientDecayConfig.from_flat(
        {"cell": "rnn", **GRADIENT_DECAY.presets["chapter"], "batch_size": 1, "spectrum": False}
    )
    rows = [e for e in GRADIENT_DECAY.measure(config) if isinstance(e, GradientRow)]
    last = [row.log10_input_gradient for row in rows if row.steps_back == 99]
    assert drawn(app)["value"][-1] == pytest.approx(sum(map(float, last)) / 8, abs=1e-4)  # type: ignore[arg-type]


def test_training_is_a_slider_over_its_steps(
    explore: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.explorer.exploration.TRAINING_STEPS", 4)
    monkeypatch.setattr("core.explorer.exploration.SNAPSHOTS", 3)
    app = explore(slider=TRAINING, training="4")
    assert [position["at"] for position in shown(app)["slider"]["positions"]] == [0, 2, 4]
    assert names(app) == ["LSTM 8 · trained 4 steps"]
    assert "Held-out loss" in drawn(app)["rest"]


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
        units="numbered",
    )
    assert not warnings_of(app)
    said = texts(app)
    assert plain("GRU 8 · orthogonal · update bias -1: unit 5 at step 3") in said
    assert plain("RNN 8 · relu · gain 0.5: unit 5 at step 3") in said
    data = shown(app)
    assert data["y_title"].startswith("State gradient")
    assert data["step"] == 3
    assert data["sorted"] is False
    assert names(app) == ["GRU 8 · orthogonal · update bias -1", "RNN 8 · relu · gain 0.5"]


def test_the_largest_singular_values_are_said(explore: Show) -> None:
    one = stepped(fresh())
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
    two = explore(figure=figure, second_cell="RNN", sequence="typed", text="a bb")
    for app, count in ((one, 1), (two, 2)):
        assert not warnings_of(app)
        assert bool(charts_of(app)) is (figure != "Equations")
        assert bool(app.latex) is (figure == "Equations")
        if figure == "Equations":
            assert len(app.latex) == (6 if count == 1 else 7)
    assert plain("unit 1 at step 4, which reads b") in texts(two) or figure != "Equations"


def test_the_same_cell_twice_has_two_names(explore: Show) -> None:
    assert names(explore(second_cell="LSTM")) == ["LSTM 8", "LSTM 8 (2)"]


NONSENSE = {
    "step": "9999",
    "cell": "foo",
    "second_cell": "bar",
    "hidden_size": "1e9",
    "recurrent_gain": "abc",
    "forget_bias": "nan",
    "initialisation": "zero",
    "seed": "x",
    "gradient": "<b>",
    "start": "../../etc",
    "slider": "warp",
    "sequence": "all",
    "figure": "Gate",
}


def test_nonsense_in_the_address_is_explained(explore: Show) -> None:
    app = explore(**NONSENSE)
    said = warnings_of(app)
    assert len(said) == len(NONSENSE)
    for key, value in NONSENSE.items():
        assert any(plain(f"asks for {key} “{value}”") in warning for warning in said), key
    assert len(shown(app)["cells"][0]["parts"]) == 6


@pytest.mark.parametrize("seed", ["9" * 5000, "-3", "10000", "²", "1.5"])
def test_a_seed_that_is_none_is_explained(seed: str, explore: Show) -> None:
    (said,) = warnings_of(explore(seed=seed))
    assert "0 to 9,999 is possible" in said


def test_a_length_that_is_none_is_explained(explore: Show) -> None:
    (said,) = warnings_of(explore(length="-1"))
    assert "1 to 200 is possible" in said


def test_a_text_of_nonsense_is_read_and_shown_as_text(explore: Show) -> None:
    text = "<b>$x$ **"
    app = explore(sequence="typed", text=text, figure="Equations", step="2")
    assert shown(app)["text"] == text
    assert plain("LSTM 8: unit 1 at step 2, which reads b") in texts(app)
    app = explore(sequence="typed", text=text, figure="Equations", step="1")
    assert plain("which reads <") in texts(app)
    assert "reads <" not in texts(app)


def test_a_text_has_as_many_steps_as_letters_and_a_cut_one_says_so(explore: Show) -> None:
    app = explore(sequence="typed")
    assert shown(app)["cells"][0]["tokens"] == list(USUAL_TEXT.replace(" ", "␣"))
    app = explore(sequence="typed", text="ab" * 5000, letters="one-hot")
    assert plain("Only the first 200 letters are read.") in texts(app)
    assert len(shown(app)["cells"][0]["tokens"]) == len(drawn(app)["value"]) == 200


@pytest.mark.parametrize("text", ["", "  "])
def test_while_nothing_is_typed_a_random_sequence_is_read(text: str, explore: Show) -> None:
    app = explore(sequence="typed", text=text)
    assert "No text: a random sequence of 100 steps is read." in texts(app)
    assert drawn(app)["value"] == drawn(explore(length="100"))["value"]


def test_one_letter_is_one_step(explore: Show) -> None:
    app = explore(sequence="typed", text="a")
    assert len(drawn(app)["value"]) == 1
    assert len(shown(app)["cells"][0]["tokens"]) == 1


def test_a_step_that_a_shorter_sequence_lacks_becomes_its_last(explore: Show) -> None:
    app = explore(step="12", figure="Equations", unit="8", hidden_size="16")
    app.number_input(key="control length").set_value(7).run()
    assert shown(app)["step"] == 7
    app.select_slider(key="control unit").set_value("16").run()
    app.number_input(key="control hidden_size").set_value(8).run()
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
    one = stepped(subject)
    for name, rows in (
        (f"steps-{label}", list(one.shown().value_rows())),
        (f"norms-{label}", one.shown().norm_rows()),
        ("largest", one.largest_rows(4)),
        ("spectrum", one.spectrum_rows(4)),
    ):
        found = read(name).drop(columns="label", errors="ignore")
        expected = as_table(rows)
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
    found = drawn(
        explore(cell="RNN", nonlinearity="relu", slider="recurrent_gain", recurrent_gain="0")
    )
    assert found["value"][0] is not None
    assert found["value"][1:] == [None] * 11  # at no distance alone
    assert "% of the gradients are exactly zero." in found["rest"]


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
    assert not playgrounds(app)


@pytest.fixture
def run(trained_uri: str, monkeypatch: pytest.MonkeyPatch) -> RunRecord:
    """A GRU that was really trained, without attention."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", trained_uri)
    return open_store(trained_uri).runs()[0]


@pytest.mark.parametrize("part", ["encoder", "decoder"])
def test_a_finished_runs_weights_are_stepped_as_they_were_saved(
    part: Any, run: RunRecord, trained_uri: str, show: Show
) -> None:
    address = {"start": run.run_id[:ID_LETTERS], "part": part, "sequence": RANDOM, "length": "5"}
    app = show(PAGE, cell="GRU", **address)
    assert not app.exception
    assert not warnings_of(app)
    label = f"Trained GRU · {part} of {run.run_id[:ID_LETTERS]}"
    assert names(app) == [label]
    assert "not an estimate: a finished run's own." in texts(app)
    with open_store(trained_uri).artifact(run.run_id, "model") as folder:
        assert folder is not None
        saved = torch.load(folder / "weights.pt", weights_only=True)
    config = ExplorerConfig(sequence_length=5)
    start = Start(trained_uri, run.run_id, part)
    for name, mine in calculations._networks(Exploration(config), start).model.named_parameters():
        assert torch.equal(mine, saved[f"{part}.{name}"].double().expand_as(mine))


def test_a_finished_run_reads_a_text_word_by_word(run: RunRecord, show: Show) -> None:
    address = {"cell": "GRU", "start": run.run_id[:ID_LETTERS], "sequence": "typed"}
    app = show(PAGE, **address, text="The dog sees", figure="Equations", step="2")
    assert not app.exception
    assert plain("unit 1 at step 2, which reads dog") in texts(app)
    assert shown(app)["cells"][0]["tokens"] == ["the", "dog", "sees"]
    app = show(PAGE, **address, text="?!")
    assert plain("nothing of this text is read; type a word") in app.error[0].value


def test_another_cell_has_other_runs(run: RunRecord, show: Show) -> None:
    app = show(PAGE, **SMALL, cell="GRU", start=run.run_id[:ID_LETTERS], part="decoder")
    app.selectbox(key="control cell").set_value("RNN").run()
    assert not app.exception
    assert not warnings_of(app)
    assert "start" not in app.query_params
    assert "part" not in app.query_params


def test_a_trained_model_is_the_default_and_reads_what_it_was_tested_on(
    run: RunRecord, show: Show
) -> None:
    app = show(PAGE)
    assert not app.exception
    assert not warnings_of(app)
    assert app.selectbox(key="control cell").value == "GRU"
    assert names(app)[0].startswith("Trained GRU · encoder of ")
    tokens = shown(app)["cells"][0]["tokens"]
    assert len(tokens) == len(shown(app)["text"].split()) > 1
    app = show(PAGE, start="fresh")
    assert names(app) == ["GRU 64"]


def test_every_slider_stands_at_its_setting_when_nothing_is_asked() -> None:
    settings = ExplorerConfig().architecture.flat()
    for name, positions in POSITIONS.items():
        value = settings[name]
        assert (0.0 if value is None else value) in positions
        assert list(positions) == sorted(positions)

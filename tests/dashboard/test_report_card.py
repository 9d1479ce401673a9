"""The page of one cell; and a cell that has nothing but its line in the registry, on every page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import pytest
from torch import Tensor

from core.experiments import all_experiments
from core.models import own_cells, registry
from core.models.layer import Parameters, State, StepCell
from core.runner import execute
from core.store.people import Person
from core.store.tracking import Store
from dashboard.navigation import PAGES
from experiments import cells
from tests.bench.copies import SMALL
from tests.core.models.test_cell_check import RIGHT
from tests.dashboard.conftest import Show, texts

PAGE = "views/report_card.py"


class OneMore(StepCell):
    """h' = tanh(W x + U h)."""

    name: ClassVar[str] = "one-more"
    title: ClassVar[str] = "One more"

    def parameters(self, inputs: int, width: int) -> Mapping[str, tuple[int, ...]]:
        return {"W": (width, inputs), "U": (width, width)}

    def step(self, x: Tensor, state: State, p: Parameters) -> State:
        return ((x @ p.W.T + state[0] @ p.U.T).tanh(),)


@pytest.fixture
def one_more(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The registry with one line more."""
    monkeypatch.setattr(registry, "STEP_CELLS", (*registry.STEP_CELLS, OneMore()))
    registry.built_in_cells.cache_clear()
    yield
    monkeypatch.undo()
    registry.built_in_cells.cache_clear()


@pytest.mark.slow
def test_one_line_of_the_registry_is_all_that_a_cell_needs_on_every_page(
    one_more: None, store: Store, show: Show
) -> None:
    for experiment in all_experiments():
        settings = {name: [value] for name, value in SMALL[experiment.name].items()}
        once = {experiment.replicate.name: [1]} if experiment.replicate else {}
        for config in experiment.configs(["rnn", "one-more"], settings | once):
            run_id = store.create(experiment, config, sweep=f"one {experiment.name}")
            assert execute(store, run_id) == "FINISHED", store.run(run_id).error
    named = []
    for page in PAGES:
        app = show(page.path)
        assert not app.exception, page.path
        named += [page.title] if "One more" in texts(app) else []
    results = {page.title for page in PAGES if page.experiment}
    assert results <= {*named}, "every results page names it"
    assert "One more" in texts(show(PAGE, cell="one-more"))


def test_nothing_measured_says_so_and_offers_to_measure(store: Store, show: Show) -> None:
    app = show(PAGE, cell="lru", budget="40k")
    assert not app.exception
    assert "LRU is not measured at a budget of 40,000 parameters yet" in texts(app)
    assert app.button(key="suite-card-lru-40000").label == "Measure"


@pytest.mark.parametrize("cell", ["no-such-cell", "../../etc", "leaky@12345678"])
def test_an_address_with_an_unknown_cell_says_so(cell: str, store: Store, show: Show) -> None:
    app = show(PAGE, cell=cell)
    assert not app.exception
    assert "The address asks for cell" in app.warning[0].value


def test_a_cell_of_ones_own_comes_first_and_an_earlier_version_by_its_address(
    own: Path, store: Store, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cells, "_check", lambda *_: {"name": "leaky", "title": "Leaky"})
    admin = Person("ana")
    first = cells.add_content("a.py", RIGHT.encode(), admin)
    second = cells.add_content("a.py", RIGHT.replace("0.5", "0.2").encode(), admin)
    assert show(PAGE).selectbox(key="control cell").value == second.name
    app = show(PAGE, cell=first.name)
    assert not app.exception
    assert app.selectbox(key="control cell").value == first.name
    own_cells.file_of(second.name).write_text("changed")
    own_cells._load.cache_clear()
    app = show(PAGE, cell=second.name)
    assert not app.exception
    assert "was changed after it was checked" in texts(app)


def test_only_an_admin_is_offered_to_add_one(
    own: Path, store: Store, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own / "mine.py").write_text(RIGHT)
    checks = "Check mine\\.py"
    app = show(PAGE)
    app.session_state["add-cell"] = True
    assert checks in [button.label for button in app.run().button]
    monkeypatch.setattr("dashboard.access.person", lambda: Person("bo", "runner"))
    app = show(PAGE)
    app.session_state["add-cell"] = True
    app = app.run()
    assert checks not in [button.label for button in app.button]
    assert "Only an admin adds a cell" in texts(app)

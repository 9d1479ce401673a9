"""Two people at one store: what one of them changes the other sees without a click."""

from __future__ import annotations

import pytest

from core.experiments import all_experiments
from core.store.tracking import Store
from experiments.housekeeping import apply, edit_of
from tests.browser.conftest import Visitor
from tests.dashboard.scenes import record

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SECONDS = 15
"""The page asks every four; a busy machine may take longer."""


def test_a_change_in_mlflow_reaches_an_open_page_and_one_here_the_other_person(
    served_store: Store, address: str, visitor: Visitor, phone: Visitor
) -> None:
    experiment = all_experiments()[0]
    (config,) = experiment.configs(["lstm"], {})
    run_id = record(served_store, experiment, config, "one")
    for one in (visitor, phone):
        one.open(f"{address}/runs?run={run_id}")
    served_store.client.update_run(run_id, name="Named in MLflow")
    for one in (visitor, phone):
        heading = one.page.get_by_role("heading", name="Named in MLflow")
        heading.wait_for(timeout=SECONDS * 1000)
    apply(served_store, {run_id: edit_of(comment="Said by a command.")})
    visitor.page.get_by_text("Said by a command.").first.wait_for(timeout=SECONDS * 1000)
    visitor.page.get_by_role("button", name="Delete", exact=True).click()
    visitor.page.get_by_role("button", name="Undo").wait_for()
    phone.page.get_by_role("button", name="Restore").wait_for(timeout=SECONDS * 1000)
    visitor.page.get_by_role("button", name="Undo").click()
    phone.page.get_by_role("button", name="Delete", exact=True).wait_for(timeout=SECONDS * 1000)
    assert not served_store.run(run_id).deleted

"""A team's dashboard as its people meet it: through TLS, a sign-in service and the proxy."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from core.store.tracking import open_store
from dashboard.navigation import LAUNCH, OVERVIEW, page_of
from experiments.hosting import PEOPLE
from tests.browser.conftest import Visitor
from tests.deploy.test_team import Team, team
from tests.experiments.processes import until

__all__ = ["team"]

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SignIn = Callable[[str], Visitor]


@pytest.fixture
def sign_in(chromium: Any, team: Team) -> Iterator[SignIn]:
    """A window of somebody who has just signed in; each has a browser of their own."""
    contexts = []

    def signed_in(address: str) -> Visitor:
        context = chromium.new_context(
            ignore_https_errors=True, viewport={"width": 1440, "height": 900}
        )
        contexts.append(context)
        visitor = Visitor(context.new_page())
        visitor.page.goto(team.at.url)
        visitor.page.get_by_role("button", name="Sign in").click(timeout=60_000)
        visitor.page.get_by_role("button", name=address).click()
        visitor.page.wait_for_url(f"{team.at.url}/")
        visitor.settle()
        return visitor

    yield signed_in
    for context in contexts:
        context.close()


def asked(visitor: Visitor, url: str, method: str = "GET", data: object = None) -> int:
    """How the server answers what this person's browser asks it, with all of its cookies."""
    body = {} if data is None else {"data": json.dumps(data)}
    headers = {"Content-Type": "application/json"}
    reply = visitor.page.request.fetch(url, method=method, headers=headers, max_redirects=0, **body)
    return int(reply.status)


def test_one_launches_another_reads_and_nobody_does_what_they_may_not(
    team: Team, sign_in: SignIn
) -> None:
    rui = sign_in(PEOPLE["runners"])
    marked = {c["name"]: (c["secure"], c["sameSite"]) for c in rui.page.context.cookies()}
    assert set(marked.values()) == {(True, "Lax")}
    scripts = {c["name"] for c in rui.page.context.cookies() if not c["httpOnly"]}
    assert scripts == {"_streamlit_xsrf"}, "which a page has to send back"

    rui.open(f"{team.at.url}/{LAUNCH.address}?experiment=parameter-count&name=Sizes+of+all")
    rui.page.get_by_role("button", name="Start", exact=True).click()
    store = open_store(team.uri)
    until(lambda: len(store.runs()) == 6 and not store.active(), 180)
    assert {(run.user, run.status) for run in store.runs()} == {(PEOPLE["runners"], "FINISHED")}

    vera = sign_in(PEOPLE["viewers"])
    page = page_of("parameter-count")
    assert page is not None
    vera.open(f"{team.at.url}/{page.address}")
    vera.page.get_by_text("Sizes of all").first.wait_for()
    # What stands between the parts of an address keeps it from becoming a link.
    by = re.compile("by " + PEOPLE["runners"].replace("@", ".?@"))
    vera.page.get_by_text(by).first.wait_for()
    run = store.runs()[0].run_id
    vera.open(f"{team.at.url}/runs?run={run}")
    for name in ("Star", "Archive", "Delete", "Run it again"):
        assert vera.page.get_by_role("button", name=name, exact=True).is_disabled(), name
    vera.open(f"{team.at.url}/{LAUNCH.address}?experiment=parameter-count&hidden_size=8")
    assert vera.page.get_by_role("button", name="Start", exact=True).is_disabled()

    # MLflow's own interface: all read, admins write, and nobody from elsewhere.
    mlflow = f"{team.at.url}/mlflow"
    api = f"{mlflow}/ajax-api/2.0/mlflow"
    ada = sign_in(PEOPLE["admins"])
    for reader in (vera, rui, ada):
        assert asked(reader, f"{mlflow}/") == 200
        assert asked(reader, f"{api}/runs/get?run_id={run}") == 200
        assert asked(reader, f"{api}/experiments/search", "POST", {"max_results": 1}) == 200
    writes = (
        (f"{api}/runs/set-tag", "POST", {"run_id": run, "key": "a", "value": "b"}),
        (f"{api}/runs/update", "POST", {"run_id": run, "run_name": "x"}),
        (f"{api}/runs/delete", "POST", {"run_id": run}),
        (f"{mlflow}/api/2.0/mlflow/runs/delete", "POST", {"run_id": run}),
        (f"{api}/runs/%64elete", "POST", {"run_id": run}),
        (f"{api}/runs/search/../delete", "POST", {"run_id": run}),
        (f"{api}/experiments/create", "POST", {"name": "theirs"}),
        (f"{mlflow}/ajax-api/2.0/mlflow-artifacts/artifacts/1/a", "PUT", {}),
    )
    for address, method, data in writes:
        for who in (vera, rui):
            assert asked(who, address, method, data) in (400, 403, 404), address
    assert store.run(run).name.startswith("RNN")
    assert asked(ada, *writes[0]) == 200
    assert store.run(run).tags["a"] == "b"
    for inside in ("/access/mlflow", "/metrics", "/api/2.0/mlflow/runs/search"):
        assert asked(vera, f"{team.at.url}{inside}") != 204
        assert "runs" not in vera.page.request.get(f"{team.at.url}{inside}").text()[:200]
    nobody = team.status("/mlflow/")
    assert nobody == 302, "to the sign-in"

    rui.page.get_by_role("button", name="Sign out").click()
    rui.page.get_by_role("button", name="End session").click()  # the sign-in service's own page
    rui.page.get_by_role("button", name="Sign in").wait_for()
    assert asked(rui, f"{mlflow}/") == 302
    rui.open(f"{team.at.url}/{OVERVIEW.address}")
    rui.page.get_by_role("button", name="Sign in").wait_for()

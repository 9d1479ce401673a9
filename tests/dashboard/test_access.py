"""Signing in to a team's dashboard, and what each role may do there."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit import config
from streamlit.testing.v1 import AppTest

from core.store.people import Person
from core.store.tracking import Store
from dashboard import access
from dashboard.navigation import LAUNCH, OVERVIEW
from dashboard.ui import actions
from experiments.queue import submit
from experiments.team import TEAM_VARIABLE
from tests.dashboard.conftest import Show, texts
from tests.dashboard.test_housekeeping import press
from tests.toy import TOY, ToyConfig

TEAM = """
[auth]
redirect_uri = "https://unroll.example.org/oauth2callback"
cookie_secret = "0123456789abcdef0123456789abcdef"
client_id = "unroll"
client_secret = "hush"
server_metadata_url = "https://id.example.org/.well-known/openid-configuration"

[access]
admins = ["ada@example.org"]
runners = ["ana@example.org"]
viewers = ["@example.org"]
hosts = ["unroll.example.org"]

[limits]
queued = 2
"""


def claims(address: str) -> dict[str, object]:
    known = {"email": address, "email_verified": True} if address else {}
    return {"is_logged_in": bool(address), **known}


def words(app: AppTest) -> str:
    """What a page says, without what keeps it from being read as Markdown."""
    return texts(app).replace("\\", "").replace("\u2060", "")


ADA, ANA, EVE = (claims(f"{name}@example.org") for name in ("ada", "ana", "eve"))


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Store) -> Store:
    """The store of a team's dashboard."""
    file = tmp_path / "team.toml"
    file.write_text(TEAM)
    monkeypatch.setenv(TEAM_VARIABLE, str(file))
    monkeypatch.setattr(access, "get_secrets_auth_section", lambda: {"client_id": "unroll"})
    return store


@pytest.mark.parametrize("path", [OVERVIEW.path, LAUNCH.path])
def test_who_has_not_signed_in_sees_nothing(shared: Store, show: Show, path: str) -> None:
    app = show(path, claims(""))
    assert [button.label for button in app.button] == ["Sign in"]
    assert "belongs to a team" in texts(app)


def test_who_is_not_listed_is_told_who_they_are_and_whom_to_ask(shared: Store, show: Show) -> None:
    app = show(OVERVIEW.path, claims("mallory@evil.org"))
    assert [button.label for button in app.button] == ["Sign out"]
    assert "mallory@evil.org, who has no access" in words(app)


@pytest.mark.parametrize(
    ("who", "role"), [(ADA, "admin"), (ANA, "runner"), (EVE, "viewer")], ids=lambda x: str(x)
)
def test_the_page_names_who_has_signed_in(shared: Store, show: Show, who, role: str) -> None:
    app = show(OVERVIEW.path, who)
    assert f"{who['email']}, {role}" in words(app)
    assert "Sign out" in [button.label for button in app.button]


def test_on_ones_own_machine_nobody_signs_in(store: Store, show: Show) -> None:
    assert not {"Sign in", "Sign out"} & {button.label for button in show(OVERVIEW.path).button}


@pytest.fixture
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions.worker, "ensure_worker", lambda store: None)


def test_a_launch_is_recorded_under_its_persons_name_and_within_their_limits(
    shared: Store, show: Show, no_worker: None
) -> None:
    press(show(LAUNCH.path, ANA, experiment="parameter-count", variants=["RNN", "LSTM"]), "start")
    assert [run.user for run in shared.runs()] == ["ana@example.org"] * 2
    app = show(LAUNCH.path, ANA, experiment="parameter-count", variants="GRU")
    press(app, "start")
    assert "one person may have 2" in texts(app)
    assert len(shared.runs()) == 2


def test_a_viewer_launches_nothing(shared: Store, show: Show, no_worker: None) -> None:
    app = show(LAUNCH.path, EVE, experiment="parameter-count", variants="RNN")
    assert "is a viewer here" in words(app)
    assert app.button("start").disabled
    forged(show(LAUNCH.path, ADA, experiment="parameter-count", variants="RNN"), "start", EVE)
    assert shared.runs() == []


def forged(app: AppTest, key: str, who: dict[str, object]) -> None:
    """Press a button that only others may press, as a client that sends what it likes does."""
    app.button(key).click()
    app.user = who
    assert not app.run().exception


@pytest.mark.parametrize("who", [EVE, claims("ben@example.org")], ids=["viewer", "another"])
def test_what_is_not_theirs_cannot_be_changed(
    shared: Store, toy, show: Show, no_worker: None, who
) -> None:
    (run,) = submit(shared.by(Person("ana@example.org", "runner")), TOY, [ToyConfig()])
    before = shared.run(run)
    for key in ("details-star", "details-archive", f"cancel-{run}"):
        assert show("views/runs.py", who, run=run).button(key).disabled
        forged(show("views/runs.py", ADA, run=run), key, who)
    assert shared.run(run) == before


@pytest.mark.parametrize(
    ("method", "path", "viewer", "admin"),
    [
        ("GET", "/mlflow/", 204, 204),
        ("GET", "/mlflow/ajax-api/2.0/mlflow/runs/get?run_id=1", 204, 204),
        ("POST", "/mlflow/ajax-api/2.0/mlflow/runs/search", 204, 204),
        ("POST", "/mlflow/graphql", 204, 204),
        ("POST", "/mlflow/ajax-api/2.0/mlflow/runs/delete", 403, 204),
        ("POST", "/mlflow/api/2.0/mlflow/runs/set-tag", 403, 204),
        ("PATCH", "/mlflow/ajax-api/3.0/mlflow/traces/1/tags", 403, 204),
        ("DELETE", "/mlflow/ajax-api/2.0/mlflow/experiments/1", 403, 204),
        ("PUT", "/mlflow/ajax-api/2.0/mlflow-artifacts/artifacts/1/a", 403, 204),
        ("POST", "/mlflow/ajax-api/2.0/mlflow/runs/delete?x=/mlflow/runs/search", 403, 204),
        ("POST", "/mlflow/ajax-api/2.0/mlflow/runs/delete#/mlflow/runs/search", 403, 204),
        ("POST", "/mlflow/ajax-api/2.0/mlflow/runs/search/../delete", 403, 204),
        ("POST", "/mlflow/ajax-api/2.0/mlflow/runs/delete/%2e%2e/search", 403, 204),
        ("GET", "/mlflow/ajax-api/2.0/mlflow/gateway-proxy?url=http://10.0.0.1", 403, 403),
        ("GET", "/mlflow/ajax-api/2.0/mlflow/%67ateway-proxy?url=http://10.0.0.1", 403, 403),
        ("POST", "/mlflow/ajax-api/3.0/jobs", 403, 403),
    ],
)
def test_mlflow_is_read_by_all_and_written_by_admins(
    method: str, path: str, viewer: int, admin: int
) -> None:
    def verdict(role, origin: str = "https://unroll.example.org") -> int:
        return access.mlflow_request(role, method, path, origin, "unroll.example.org")

    assert verdict(None) == 401
    assert (verdict("viewer"), verdict("runner")) == (viewer, viewer)
    assert verdict("admin") == admin
    assert verdict("admin", "") == admin
    elsewhere = verdict("admin", "https://evil.org")
    assert elsewhere == (403 if viewer == 403 else 204), "no other page writes in their name"


@pytest.mark.parametrize(
    ("address", "team", "opened", "sentence"),
    [
        ("127.0.0.1", False, False, ""),
        ("localhost", False, False, ""),
        ("0.0.0.0", True, False, ""),
        ("0.0.0.0", False, True, ""),
        ("0.0.0.0", False, False, "nobody would have to sign in"),
        ("", False, False, "nobody would have to sign in"),
        ("192.168.1.5", False, False, "nobody would have to sign in"),
    ],
)
def test_beyond_this_machine_people_sign_in_or_somebody_wants_it_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, team: bool, opened, sentence: str
) -> None:
    options: dict[str, object] = {"server.address": address, "server.trustedUserHeaders": {}}
    monkeypatch.setattr(config, "get_option", options.get)
    monkeypatch.setattr(config, "set_option", options.__setitem__)
    monkeypatch.setattr(access.secrets_singleton, "load_if_toml_exists", lambda: False)
    monkeypatch.delenv(TEAM_VARIABLE, raising=False)
    if team:
        (tmp_path / "team.toml").write_text(TEAM)
        monkeypatch.setenv(TEAM_VARIABLE, str(tmp_path / "team.toml"))
    if opened:
        monkeypatch.setenv(access.OPEN_VARIABLE, "yes")
    if sentence:
        with pytest.raises(SystemExit, match=sentence):
            access.configure()
        return
    access.configure()
    allowed = options["server.allowedHosts"]
    assert allowed == (["*"] if opened else [*access.LOCAL_HOSTS, *TEAM_HOSTS[team], *own(address)])


TEAM_HOSTS = {True: ["unroll.example.org"], False: []}


def own(address: str) -> list[str]:
    return [] if address in ("", "0.0.0.0") else [address]


def test_an_open_dashboard_gives_everybody_a_little(
    store: Store, show: Show, no_worker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(access.OPEN_VARIABLE, "yes")
    press(show(LAUNCH.path, experiment="parameter-count", variants="RNN"), "start")
    (run,) = store.runs()
    assert (run.user, run.settings["time_limit"]) == ("anyone", 30.0)

"""What stands before the pages: host names, headers, cookies, and what other programs ask."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, Response
from streamlit import config
from streamlit.testing.v1 import AppTest
from streamlit.web.server.starlette import starlette_auth_routes as streamlit_auth

from core.store.folder import StoreError
from core.store.tracking import Store
from dashboard import server
from dashboard.store import cache
from experiments.team import TEAM_VARIABLE
from tests.dashboard.test_access import TEAM

HOST = "unroll.example.org"


def _run(what: Coroutine[Any, Any, None]) -> None:
    """In a thread of its own: a browser test leaves a running loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, what).result()


def answer(
    path: str, headers: Mapping[str, str] | None = None, app: Any = None
) -> tuple[int, list[tuple[str, str]], str]:
    """Status, headers and text that the server answers a GET with."""
    received: list[dict[str, Any]] = []
    sent = {"host": HOST, **(headers or {})}
    scope = {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), text.encode()) for name, text in sent.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        received.append(message)

    whole = app or Starlette(routes=server.ROUTES, middleware=[Middleware(server.Protection)])
    _run(whole(scope, receive, send))
    start = received[0]
    text = b"".join(message.get("body", b"") for message in received[1:]).decode()
    return start["status"], [(n.decode(), v.decode()) for n, v in start["headers"]], text


@pytest.fixture(autouse=True)
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "team.toml").write_text(TEAM)
    monkeypatch.setenv(TEAM_VARIABLE, str(tmp_path / "team.toml"))
    options = {"server.allowedHosts": ["localhost", HOST]}
    real = config.get_option
    monkeypatch.setattr(config, "get_option", lambda name: options.get(name) or real(name))


@pytest.mark.parametrize("host", ["evil.org", "localhost.evil.org", "evil.org:8501", ""])
def test_a_page_on_a_foreign_name_cannot_reach_it(host: str, store: Store) -> None:
    assert answer("/healthz", {"host": host})[0] == 400


@pytest.mark.parametrize("host", [HOST, f"{HOST}:443", "localhost:8501"])
def test_every_answer_restricts_what_a_browser_does_with_it(host: str, store: Store) -> None:
    status, headers, _ = answer("/healthz", {"host": host})
    assert status == 200
    named = dict(headers)
    for name, text in server.HEADERS.items():
        assert named[name.lower()] == text
    policy = named["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    scripts = policy.partition("script-src")[2].partition(";")[0].split()
    assert not {"'unsafe-inline'", "'unsafe-eval'", "*"} & {*scripts}


def test_cookies_that_are_set_over_tls_are_never_sent_without_it() -> None:
    async def sets_cookies(scope: Any, receive: Any, send: Any) -> None:
        response = PlainTextResponse("")
        response.set_cookie("a", "1", httponly=True)
        response.set_cookie("b", "2", secure=True)
        await response(scope, receive, send)

    def cookies(headers: Mapping[str, str]) -> list[str]:
        found = answer("/", headers, server.Protection(sets_cookies))[1]
        return [text for name, text in found if name == "set-cookie"]

    assert [c.lower().count("secure") for c in cookies({"x-forwarded-proto": "https"})] == [1, 1]
    assert [c.lower().count("secure") for c in cookies({})] == [0, 1]


def test_health_says_whether_the_store_answers(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, _, text = answer("/healthz")
    assert (status, json.loads(text)) == (200, {"dashboard": "ok", "store": "ok"})

    def away() -> None:
        raise StoreError("postgresql://u:hush@db does not answer")

    monkeypatch.setattr(cache, "reader", away)
    status, _, text = answer("/healthz")
    assert (status, json.loads(text)["store"]) == (503, "away")
    assert "hush" not in text


def signed_in(address: str, *, origin: str = f"https://{HOST}") -> dict[str, str]:
    """The cookie that Streamlit gives somebody who has signed in."""
    response = Response()
    user = {"origin": origin, "is_logged_in": True, "email": address, "email_verified": True}
    _run(streamlit_auth._set_auth_cookie(response, user, {}))
    cookies = [v.decode().partition(";")[0] for n, v in response.raw_headers if n == b"set-cookie"]
    return {"cookie": "; ".join(cookies)}


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (streamlit_auth, server.streamlit_socket):
        monkeypatch.setattr(module, "get_cookie_secret", lambda: "0123456789abcdef0123456789abcdef")


DELETE = {
    "x-original-method": "POST",
    "x-original-uri": "/mlflow/ajax-api/2.0/mlflow/runs/delete",
}


@pytest.mark.parametrize(
    ("address", "reads", "deletes"),
    [
        ("ada@example.org", 204, 204),
        ("ana@example.org", 204, 403),
        ("eve@example.org", 204, 403),
        ("mallory@evil.org", 401, 401),
    ],
)
def test_the_proxy_before_mlflow_learns_what_somebody_may(
    secret: None, address: str, reads: int, deletes: int
) -> None:
    cookie = signed_in(address)
    assert answer("/access/mlflow", cookie)[0] == reads
    assert answer("/access/mlflow", {**cookie, **DELETE})[0] == deletes


def test_a_cookie_of_ones_own_making_opens_nothing(secret: None) -> None:
    assert answer("/access/mlflow")[0] == 401
    good = signed_in("ada@example.org")["cookie"].partition("; ")[0]
    for bad in (good[:-3] + "abc", good.replace("=", "=x", 1), "_streamlit_user=ada"):
        assert answer("/access/mlflow", {"cookie": bad})[0] == 401
    assert (
        answer("/access/mlflow", signed_in("ada@example.org", origin="https://evil.org"))[0] == 401
    )


def test_on_ones_own_machine_there_is_no_door_to_mlflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TEAM_VARIABLE)
    assert answer("/access/mlflow")[0] == 401


def test_people_see_a_number_and_the_log_has_the_reason(caplog: pytest.LogCaptureFixture) -> None:
    def page() -> None:
        from dashboard import server

        assert server.show_error_number(RuntimeError("the secret reason"))

    with caplog.at_level(logging.ERROR, "unroll.dashboard"):
        app = AppTest.from_function(page).run()
    (said,) = app.error
    number = said.value.partition("error ")[2][:8]
    assert [getattr(record, "error", "") for record in caplog.records] == [number]
    assert "the secret reason" in caplog.text
    assert "secret" not in said.value

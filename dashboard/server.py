"""What the dashboard's web server does besides drawing pages: it protects, and answers programs."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import ipaddress
import logging
import re
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.web.server.starlette import starlette_websocket as streamlit_socket
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from core.store.folder import StoreError
from core.store.people import Role
from dashboard import access
from dashboard.store import cache
from experiments import logs
from experiments.logs import log_failure
from experiments.operations import metrics_text
from experiments.team import team

LOG = logging.getLogger("unroll.dashboard")


def _inline_scripts() -> list[str]:
    """The hashes of the scripts that stand in Streamlit's own page, as a policy names them."""
    page = (Path(st.__file__).parent / "static" / "index.html").read_text()
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts]
    return [f"'sha256-{hash}'" for hash in hashes]


CONTENT_POLICY = "; ".join(
    (
        "default-src 'self'",
        # Streamlit's tables run WebAssembly; it has Vega interpret a chart's expressions.
        " ".join(["script-src 'self' 'wasm-unsafe-eval' blob:", *_inline_scripts()]),
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' ws: wss: data: blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Visit(NamedTuple):
    """A page that a browser has asked for."""

    path: str = "/"
    query: str = ""


FIRST_VISIT: deque[Visit] = deque(maxlen=1)
"""The page that was asked for first, once one was; before it is drawn its browser loads scripts."""

LAST_ASKED: deque[float] = deque(maxlen=1)
"""When a browser last asked for a page or for one of its scripts, by `time.monotonic`."""

ASKED_BY_PROGRAMS = ("/_stcore/", "/healthz", "/metrics", "/access/")
"""Paths for which nobody has opened a page: a browser first asks for the page itself."""


class Protection:
    """Refuses unknown host names, and adds headers that restrict what a browser does with a page.

    A page on a foreign name that is made to resolve to this machine (DNS rebinding) would else be
    of the same origin as the dashboard, and could drive it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        inside = scope["path"] == "/metrics"  # asked by a name of the inner network
        if not (inside or streamlit_socket.is_host_allowed(headers.get("host"))):
            refusal = PlainTextResponse("This dashboard is not known under that name.\n", 400)
            await refusal(scope, receive, send)
            return
        asked = scope["type"] == "http" and not scope["path"].startswith(ASKED_BY_PROGRAMS)
        if asked:
            LAST_ASKED.append(time.monotonic())
            if not FIRST_VISIT:
                FIRST_VISIT.append(Visit(scope["path"], scope["query_string"].decode("latin-1")))
        uploads = "/_stcore/upload_file" in scope["path"]
        if uploads and access.signs_in() and _role(Request(scope)) is None:
            await PlainTextResponse("Sign in first.\n", 403)(scope, receive, send)
            return
        secure = headers.get("x-forwarded-proto", scope["scheme"]) in ("https", "wss")

        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    answer.setdefault(name, value)
                if secure:
                    _secure_cookies(message)
            await send(message)

        await self._app(scope, receive, protected)


@contextlib.asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    """Once Streamlit has set up its loggers, they log as all parts of Unroll do."""
    logs.set_up("dashboard")
    logs.take_over("streamlit", "uvicorn", "websockets")
    yield


def _secure_cookies(message: Message) -> None:
    """Mark cookies that are set over TLS, so that they are never sent without it."""
    message["headers"] = [
        (name, value + b"; Secure")
        if name.lower() == b"set-cookie" and b"secure" not in value.lower()
        else (name, value)
        for name, value in message["headers"]
    ]


def show_error_number(error: Exception) -> bool:
    """Show people a sentence with a number, under which the log has the traceback."""
    number = log_failure("a page could not be drawn", error, log=LOG)
    st.error(
        f"This page could not be drawn to its end (error {number}). What is recorded is safe. "
        "Reload the page; if it happens again, tell whoever runs this dashboard the number: the "
        "log has the reason beside it.",
        icon=":material/error:",
    )
    return True


async def health(_: Request) -> Response:
    """200 if the store answers, else 503."""

    def look() -> dict[str, Any]:
        reader = cache.reader()
        reader.runs()
        return {"store": "ok"}

    try:
        return JSONResponse({"dashboard": "ok", **await run_in_threadpool(look)})
    except StoreError as error:
        LOG.warning("the store does not answer: %s", error)
        return JSONResponse({"dashboard": "ok", "store": "away"}, 503)


async def metrics(request: Request) -> Response:
    """What Prometheus asks for, from this machine or its own network; and the proxy, which is one
    of them, passes on nobody's request."""
    if request.client is None or not ipaddress.ip_address(request.client.host).is_private:
        return PlainTextResponse("Not found.\n", 404)

    def text() -> str:
        reader = cache.reader()
        return metrics_text(reader.store, reader.runs(archived=True))

    return PlainTextResponse(
        await run_in_threadpool(text), media_type="text/plain; version=0.0.4; charset=utf-8"
    )


async def mlflow_access(request: Request) -> Response:
    """What the proxy before MLflow asks for each request: 204 goes on, 401 and 403 do not."""
    headers = request.headers
    verdict = access.mlflow_request(
        _role(request),
        headers.get("x-original-method", "GET"),
        headers.get("x-original-uri", "/"),
        headers.get("origin", ""),
        headers.get("host", ""),
    )
    return Response(status_code=verdict)


def _role(request: Request) -> Role | None:
    """The role of who sends a request, by the cookie or the headers that Streamlit goes by."""
    settings, claims = team(), dict(streamlit_socket.gather_user_info(request.headers))
    if not any(claims.values()) and settings and settings.auth:
        cookie = streamlit_socket._get_signed_cookie_with_chunks(
            dict(request.cookies), USER_COOKIE_NAME
        )
        origin = str(settings.auth.get("redirect_uri", ""))
        if cookie is not None:
            claims = streamlit_socket._parse_decoded_user_cookie(cookie, origin)
        if not claims.get("is_logged_in"):
            return None
    return access.role_of(claims)


ROUTES = [
    Route("/healthz", health),
    Route("/metrics", metrics),
    Route("/access/mlflow", mlflow_access),
]

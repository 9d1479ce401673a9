"""The proxy's configuration in a real nginx, with stand-ins for dashboard and MLflow behind it."""

from __future__ import annotations

import http.client
import json
import shutil
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from experiments.hosting import main_conf, render, search_path
from experiments.parts import DEPLOY, Installation, proxy_variables
from experiments.probe import url_answers
from tests.experiments.processes import until
from tests.experiments.test_serve import free_port

NGINX = shutil.which("nginx", path=search_path())

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")


class StandIn(BaseHTTPRequestHandler):
    """Answers with what it was asked; as a dashboard, with the verdict that the cookie names."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        status = 200
        if self.path == "/access/mlflow" and "verdict=" in self.headers.get("Cookie", ""):
            status = int(self.headers["Cookie"].split("verdict=")[1][:3])
        asked = {"path": self.path, "method": self.command, **dict(self.headers.items())}
        if self.path == "/access/mlflow":
            self.server.verdicts.append(asked)
        body = b"" if status == 204 else json.dumps(asked).encode()
        self.send_response(status)
        for name in ("_streamlit_xsrf", "_streamlit_user"):
            self.send_header("Set-Cookie", f"{name}=x; Path=/")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


class Proxy:
    def __init__(self, at: Installation, dashboard: ThreadingHTTPServer) -> None:
        self.at = at
        self.dashboard = dashboard

    def connect(self) -> http.client.HTTPSConnection:
        context = ssl.create_default_context(cafile=self.at.secret("certificate.pem"))
        return http.client.HTTPSConnection("localhost", self.at.port, context=context, timeout=10)

    def ask(
        self, path: str, method: str = "GET", cookie: str = "", host: str = "", body: bytes = b""
    ) -> http.client.HTTPResponse:
        connection = self.connect()
        headers = {"Host": host or f"localhost:{self.at.port}", "Cookie": cookie}
        connection.request(method, path, body=body or None, headers=headers)
        return connection.getresponse()

    def status(self, path: str, **how: str) -> int:
        return self.ask(path, **how).status


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), StandIn) for _ in range(2)]
    for server in servers:
        server.verdicts = []
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    folder = Path(tempfile.mkdtemp(prefix="unroll-proxy-"))
    (folder / "logs").mkdir()
    (folder / "proxy" / "temporary").mkdir(parents=True)
    at = Installation(folder, free_port())
    subprocess.run([DEPLOY / "secrets.sh", at.secrets, "localhost"], check=True)
    variables = proxy_variables(at) | {
        "UNROLL_PLAIN_LISTEN": f"127.0.0.1:{free_port()}",
        "UNROLL_DASHBOARD": f"127.0.0.1:{servers[0].server_port}",
        "UNROLL_MLFLOW": f"127.0.0.1:{servers[1].server_port}",
        "UNROLL_HSTS_SECONDS": "31536000",
    }
    template = (DEPLOY / "nginx.conf").read_text()
    (folder / "proxy" / "http.conf").write_text(render(template, variables))
    main = folder / "proxy" / "main.conf"
    main.write_text(main_conf(folder / "proxy"))
    command = [NGINX, "-e", str(folder / "logs" / "proxy.log"), "-p", str(folder), "-c", str(main)]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    assert "warn" not in checked.stderr
    nginx = subprocess.Popen(command)
    try:
        until(lambda: url_answers(f"http://{variables['UNROLL_PLAIN_LISTEN']}/proxy-health"), 10)
        yield Proxy(at, servers[0])
    finally:
        nginx.terminate()
        nginx.wait(10)
        for server in servers:
            server.shutdown()
        shutil.rmtree(folder)


def test_the_dashboard_is_behind_tls_with_its_headers_and_marked_cookies(proxy: Proxy) -> None:
    reply = proxy.ask("/runs?run=1")
    asked = json.load(reply)
    assert asked["path"] == "/runs?run=1"
    assert asked["Host"] == f"localhost:{proxy.at.port}"
    assert asked["X-Forwarded-Proto"] == "https"
    assert reply.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert reply.headers["Server"] == "nginx"
    xsrf, user = reply.headers.get_all("Set-Cookie")
    assert xsrf.startswith("_streamlit_xsrf=x")
    assert "httponly" not in xsrf.lower(), "Streamlit's script reads it"
    assert "httponly" in user.lower()
    for cookie in (xsrf, user):
        assert "secure" in cookie.lower()
        assert "samesite=lax" in cookie.lower()


def test_only_tls_1_2_and_newer_are_spoken(proxy: Proxy) -> None:
    context = ssl.create_default_context(cafile=proxy.at.secret("certificate.pem"))
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    connection = http.client.HTTPSConnection("localhost", proxy.at.port, context=context)
    with pytest.raises(ssl.SSLError):
        connection.connect()


def test_a_foreign_name_is_served_nothing(proxy: Proxy) -> None:
    assert proxy.status("/", host="evil.example") == 421


@pytest.mark.parametrize(
    "path", ["/access/mlflow", "/metrics", "/access-mlflow", "/_stcore/agent/mcp"]
)
def test_what_parts_say_to_each_other_is_refused_from_outside(proxy: Proxy, path: str) -> None:
    assert proxy.status(path, cookie="verdict=204") == 404


def test_mlflow_is_asked_only_where_the_dashboard_says_204(proxy: Proxy) -> None:
    path = "/mlflow/ajax-api/2.0/mlflow/runs/search?a=1"
    reply = proxy.ask(path, "POST", "verdict=204", body=b"{}")
    asked = json.load(reply)
    assert reply.status == 200
    assert asked["path"] == path.removeprefix("/mlflow")
    assert "Cookie" not in asked, "the session is none of MLflow's business"
    verdict = proxy.dashboard.verdicts[-1]
    assert verdict["X-Original-URI"] == path
    assert verdict["X-Original-Method"] == "POST"
    assert "Content-Length" not in verdict
    refused = proxy.ask("/mlflow/", cookie="verdict=401")
    assert refused.status == 302
    assert refused.headers["Location"] == f"https://localhost:{proxy.at.port}/"
    assert proxy.status("/mlflow/", cookie="verdict=403") == 403
    assert proxy.status("/mlflow/", cookie="verdict=200") == 503, "a page is no verdict"
    assert proxy.status("/mlflow/", cookie="verdict=500") == 503, "nor is an error"


@pytest.mark.parametrize(
    "path",
    [
        "/mlflow//get-artifact",
        "/mlflow/a/../b",
        "/mlflow/a/%2e%2e/b",
        "/mlflow/a%2fb",
        "/mlflow/a;b",
        "/mlflow/a%0d%0ab",
        "/x/../mlflow/a",
    ],
)
def test_a_path_that_means_another_one_is_refused(proxy: Proxy, path: str) -> None:
    assert proxy.status(path, cookie="verdict=204") == 400


@pytest.mark.parametrize(
    "path", ["/mlflow/ajax-api/3.0/mlflow/assistant/config", "/mlflow/gateway/x"]
)
def test_what_acts_for_the_server_is_closed(proxy: Proxy, path: str) -> None:
    assert proxy.status(path, cookie="verdict=204") == 404


@pytest.mark.slow
def test_a_flood_is_refused_but_the_files_of_a_page_are_not_counted(proxy: Proxy) -> None:
    connection = proxy.connect()
    seen: dict[str, set[int]] = {}
    for path in ("/static/js/a.js", "/x"):
        for _ in range(800):
            connection.request("GET", path)
            reply = connection.getresponse()
            reply.read()
            seen.setdefault(path, set()).add(reply.status)
    assert seen == {"/static/js/a.js": {200}, "/x": {200, 429}}


def test_a_body_is_limited(proxy: Proxy) -> None:
    assert proxy.ask("/", "POST", body=b"x" * (20 * 2**20 + 1)).status == 413


def test_the_log_holds_no_query_and_no_cookie(proxy: Proxy) -> None:
    proxy.ask("/oauth2callback?code=sesame", cookie="session=sesame")
    log = proxy.at.folder / "logs" / "access.log"
    until(lambda: "/oauth2callback" in log.read_text(), 5)
    assert "sesame" not in log.read_text()

"""The parts of a team's installation, declared once.

`make team` starts them as processes on loopback (`experiments/hosting.py`); `deploy/compose.yaml`
starts the same ones in containers, and a test compares it with what is declared here.
"""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from core.store.folder import PROJECT
from core.store.records import DASHBOARD_VARIABLE
from experiments.services import Service, in_order_of_need
from experiments.worker import WORKER_VARIABLE

HOST = "127.0.0.1"

DEPLOY = PROJECT / "deploy"

BUCKET = "unroll"
"""Where the artifacts are on the artifact server."""

DATABASE_USER = "unroll"

ARTIFACTS_KEY = "unroll"
"""The name under which MLflow signs its requests to the artifact server."""

MLFLOW_WORKERS = 2
"""Processes that answer MLflow's requests, of some 300 MB each."""

PORTS = (
    "proxy",
    "plain",
    "dashboard",
    "mlflow",
    "artifacts",
    "database",
    "sign-in",
    *("weed-master", "weed-volume", "weed-filer"),
    *("weed-master-grpc", "weed-volume-grpc", "weed-filer-grpc", "weed-s3-grpc"),
)
"""What listens; the first is the one that people use, and the others follow it by one each."""


@dataclass(frozen=True)
class Installation:
    """Where the parts of an installation on this machine are."""

    folder: Path
    """Everything that is kept: databases, artifacts, logs, secrets."""
    port: int
    """The first of the ports; people use this one."""
    user: str = ""
    """The account that PostgreSQL runs as, which refuses to be root; empty: one's own."""
    sign_in: tuple[str, ...] = ()
    """Addresses of the invented people of a sign-in service of our own; empty: none is started."""

    def port_of(self, part: str) -> int:
        return self.port + PORTS.index(part)

    def address(self, part: str) -> str:
        return f"{HOST}:{self.port_of(part)}"

    @property
    def url(self) -> str:
        """What people type into their browser."""
        return f"https://localhost:{self.port}"

    @property
    def secrets(self) -> Path:
        return self.folder / "secrets"

    def secret(self, name: str) -> str:
        """The path of a secret."""
        return str(self.secrets / name)


def parts(at: Installation) -> list[Service]:
    """All of them, each after those that it needs."""
    shared = {
        "MLFLOW_TRACKING_URI": f"http://{at.address('mlflow')}",
        "MLFLOW_HTTP_POOL_MAXSIZE": "32",  # as many people ask for tables at once
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "UNROLL_TEAM": at.secret("team.toml"),
        DASHBOARD_VARIABLE: at.url,
    }
    database = {  # only MLflow writes to it; dashboard and worker read it without asking MLflow
        "MLFLOW_BACKEND_STORE_URI": f"postgresql+psycopg://{DATABASE_USER}@"
        f"{at.address('database')}/{DATABASE_USER}",
        "PGPASSWORD_FROM_FILE": at.secret("database_password"),
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    artifacts = {
        "AWS_ACCESS_KEY_ID": ARTIFACTS_KEY,
        "AWS_SECRET_ACCESS_KEY_FROM_FILE": at.secret("artifacts_secret_key"),
    }
    artifacts_client = {
        **artifacts,
        "AWS_DEFAULT_REGION": "us-east-1",
        "MLFLOW_S3_ENDPOINT_URL": f"http://{at.address('artifacts')}",
    }
    services = [
        _service(
            at,
            "database",
            [*_as(at.user), str(DEPLOY / "database.sh")],
            health=[
                *("pg_isready", "-h", HOST, "-p", str(at.port_of("database"))),
                *("-U", DATABASE_USER, "-d", DATABASE_USER),
            ],
            env={
                "POSTGRES_USER": DATABASE_USER,
                "POSTGRES_DB": DATABASE_USER,
                "POSTGRES_PASSWORD_FILE": at.secret("database_password"),
                "PGDATA": str(at.folder / "database" / "data"),
                "PGPORT": str(at.port_of("database")),
            },
            stop_signal=signal.SIGINT,  # SIGTERM would wait until the last client is gone
        ),
        _service(
            at,
            "artifacts",
            _with_secrets(
                str(Path(sys.executable).with_name("weed")),
                *("server", f"-dir={at.folder / 'artifacts'}", f"-s3.ip.bind={HOST}"),
                *WEED_OPTIONS,
                *_weed_ports(at),
            ),
            health=f"http://{at.address('artifacts')}/healthz",
            env=artifacts,
        ),
        _service(
            at,
            "bucket",
            _with_secrets(*_python("experiments.bucket", BUCKET)),
            env=artifacts_client,
            needs=("artifacts",),
            once=True,
        ),
        _service(
            at,
            "migration",  # of the database, by nobody else and not twice at once
            _with_secrets(
                *_python("mlflow", "db", "upgrade", database["MLFLOW_BACKEND_STORE_URI"])
            ),
            env=database,
            needs=("database",),
            once=True,
        ),
        _service(
            at,
            "mlflow",
            _with_secrets(
                *_python("mlflow", "server", "--host", HOST, "--port", str(at.port_of("mlflow"))),
                *("--workers", str(MLFLOW_WORKERS), "--serve-artifacts"),
                *("--artifacts-destination", f"s3://{BUCKET}/artifacts"),
            ),
            health=f"http://{at.address('mlflow')}/health",
            env={
                **database,
                **artifacts_client,
                "MLFLOW_SERVER_ALLOWED_HOSTS": f"localhost:{at.port},{at.address('mlflow')}",
                "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": at.url,
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            },
            needs=("migration", "bucket"),
        ),
        _service(
            at,
            "worker",
            _with_secrets(*_python("experiments", "worker")),
            health=_python("experiments.services"),
            env={**shared, **database},
            needs=("mlflow",),
        ),
        _service(
            at,
            "dashboard",
            _with_secrets(
                *_python("dashboard", "--server.port", str(at.port_of("dashboard"))),
                *("--server.address", HOST, "--server.headless", "true"),
            ),
            health=f"http://{at.address('dashboard')}/_stcore/health",
            env={
                **shared,
                **database,
                "UNROLL_MLFLOW_URL": f"{at.url}/mlflow",
                WORKER_VARIABLE: "elsewhere",
            },
            needs=("mlflow", *(["sign-in"] if at.sign_in else [])),
        ),
        _service(
            at,
            "proxy",
            [
                *("nginx", "-e", str(at.folder / "logs" / "proxy.log")),
                *("-p", str(at.folder / "proxy"), "-c", str(at.folder / "proxy" / "main.conf")),
            ],
            health=f"http://{at.address('plain')}/proxy-health",
            env=proxy_variables(at),
            needs=("dashboard", "mlflow"),
        ),
    ]
    if at.sign_in:
        services.append(
            _service(
                at,
                "sign-in",
                [
                    *_python("oidc_provider_mock", "--host", HOST),
                    *("--port", str(at.port_of("sign-in"))),
                    *(word for person in at.sign_in for word in ("--user", person)),
                ],
                health=f"http://{at.address('sign-in')}/.well-known/openid-configuration",
            )
        )
    return in_order_of_need(services)


def proxy_variables(at: Installation) -> dict[str, str]:
    """What `deploy/nginx.conf` is filled in with."""
    return {
        "UNROLL_URL": at.url,
        "UNROLL_HOST": "localhost",
        "UNROLL_TLS_LISTEN": at.address("proxy"),
        "UNROLL_PLAIN_LISTEN": at.address("plain"),
        "UNROLL_DASHBOARD": at.address("dashboard"),
        "UNROLL_MLFLOW": at.address("mlflow"),
        "UNROLL_CERTIFICATE": at.secret("certificate.pem"),
        "UNROLL_KEY": at.secret("key.pem"),
        # A browser would refuse every other server of this machine without TLS.
        "UNROLL_HSTS_SECONDS": "0",
        "UNROLL_RESOLVER": HOST,
        "UNROLL_ACCESS_LOG": str(at.folder / "logs" / "access.log"),
    }


WEED_OPTIONS = (
    *(f"-ip={HOST}", f"-ip.bind={HOST}", "-s3", "-s3.port.iceberg=0", "-s3.port.lance=0"),
    *("-master.volumeSizeLimitMB=1024", "-volume.max=0", "-master.telemetry=false"),
)
"""One SeaweedFS for all: what it consists of talks on loopback, it makes as many files of 1 GB as
there is room for, and it does not report home.
"""


def _service(
    at: Installation,
    name: str,
    command: list[str],
    *,
    env: dict[str, str] | None = None,
    health: str | list[str] = "",
    needs: tuple[str, ...] = (),
    once: bool = False,
    stop_signal: signal.Signals = signal.SIGTERM,
) -> Service:
    log = at.folder / "logs" / f"{name}.log"
    return Service(name, command, log, health, needs, env or {}, once, stop_signal)


def _python(module: str, *words: str) -> list[str]:
    return [sys.executable, "-m", module, *words]


def _with_secrets(*words: str) -> list[str]:
    return [str(DEPLOY / "with-secrets.sh"), *words]


def _as(user: str) -> list[str]:
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] if user else []


def _weed_ports(at: Installation) -> list[str]:
    flags = {"artifacts": "s3.port"}
    for name in PORTS:
        if name.startswith("weed-"):
            part, *grpc = name.removeprefix("weed-").split("-")
            flags[name] = ".".join([part, "port", *grpc])
    return [f"-{flag}={at.port_of(name)}" for name, flag in flags.items()]

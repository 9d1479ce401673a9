"""`make team`: every part of a team's installation as a process on this machine, to try it where no
Docker engine is at hand, and for tests.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import time
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout

from core.runner import stop_signals
from core.settings import BadSetting
from core.store.folder import PROJECT, StoreError
from experiments.databases import program_folders
from experiments.guard import Guard
from experiments.parts import DEPLOY, HOST, PORTS, Installation, parts, proxy_variables
from experiments.serve import require_free
from experiments.services import Supervisor

TEAM_FOLDER = PROJECT / "mlruns" / "team"

TEAM_PORT = 8443

PEOPLE = {
    "admins": "ada@example.org",
    "runners": "rui@example.org",
    "viewers": "vera@example.org",
}
"""Who can sign in where nobody has configured anything: one of each role."""

PROGRAMS = {
    "initdb": "postgresql",
    "postgres": "postgresql",
    "pg_isready": "postgresql-client",
    "nginx": "nginx-light",
    "openssl": "openssl",
    "setpriv": "util-linux",
}
"""Program → the package of Debian that has it."""

MIME_TYPES = "/etc/nginx/mime.types"

OWN_VARIABLES = ("MLFLOW_", "UNROLL_", "AWS_", "PG", "POSTGRES_")
"""Variables of whoever starts `make team` that mean their own store, and none of its parts."""

POLL_SECONDS = 0.1

SAY_AFTER_SECONDS = 120.0
"""When it is said which parts do not answer yet."""


def serve_team(say: Callable[[str], None], port: int, folder: Path) -> int:
    """Start all parts, print the address and who can sign in, wait for Ctrl-C; return the exit
    status.
    """
    if port + len(PORTS) > 65536:
        raise BadSetting(f"port is {port}; give one up to {65536 - len(PORTS)}")
    path = search_path()
    require_programs(path)
    folder = folder.absolute()
    for name in ("logs", "proxy/temporary", "artifacts", "database"):
        (folder / name).mkdir(parents=True, exist_ok=True, mode=0o700)
    stopping: list[int] = []
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(FileLock(folder / "team.lock", timeout=0))
        except Timeout:
            raise StoreError(
                f"another make team already uses {folder}; stop that one first (Ctrl-C where it "
                "runs)"
            ) from None
        stack.enter_context(stop_signals(lambda number, _: stopping.append(number)))
        for offset in range(len(PORTS)):
            require_free(port + offset, "port", f'make team ARGS="--port {port + 100}"')
        at = prepare(Installation(folder, port, database_account()))
        services = parts(at)
        guard = Guard()
        supervisor = Supervisor(services, {**base_environment(), "PATH": path}, guard, say)
        say(f"Starting {', '.join(service.name for service in services)} …")
        try:
            _wait_until_well(supervisor, say, stopping)
            if not stopping:
                _say_who(at, say)
            while not stopping:
                supervisor.step()
                time.sleep(POLL_SECONDS)
            return 0
        finally:
            say("Stopping.")
            supervisor.stop()
            guard.dismiss()
            for name in PORTS:  # SeaweedFS leaves its sockets behind
                for socket in Path("/tmp").glob(f"seaweedfs-*-{at.port_of(name)}.sock"):
                    with contextlib.suppress(OSError):  # another account's
                        socket.unlink()


def prepare(at: Installation) -> Installation:
    """Make what is missing of secrets and configuration; with our own sign-in, if none is given."""
    subprocess.run(
        [str(DEPLOY / "secrets.sh"), str(at.secrets), "localhost"],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    if at.user:
        at.secrets.chmod(0o711)
        shutil.chown(at.secrets / "database_password", at.user, at.user)
        shutil.chown(at.folder / "database", at.user, at.user)
        _require_reachable(at.folder / "database", at.user)
    given = os.environ.get("UNROLL_TEAM", "")
    text = _read(Path(given)) if given else ""
    configured = tomllib.loads(text)
    if "auth" in configured and "access" not in configured:
        raise BadSetting(
            f"UNROLL_TEAM is {given!r}, which has [auth] and no [access]; say who may do what"
        )
    if "auth" not in configured:
        at = replace(at, sign_in=tuple(PEOPLE.values()))
    _write_secret(at.secrets / "team.toml", text + _missing_configuration(at, configured))
    proxy = at.folder / "proxy"
    (proxy / "http.conf").write_text(
        render((DEPLOY / "nginx.conf").read_text(), proxy_variables(at))
    )
    (proxy / "main.conf").write_text(main_conf(proxy))
    return at


def render(template: str, variables: dict[str, str]) -> str:
    """The template with its `${UNROLL_…}` filled in, as `envsubst` does it in the container."""
    return re.sub(r"\$\{(UNROLL_\w+)\}", lambda name: variables[name[1]], template)


def main_conf(folder: Path) -> str:
    """What stands around the template outside a container: all that nginx writes is in `folder`."""
    temporary = "\n".join(
        f"    {kind}_temp_path {folder / 'temporary' / kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    # Its workers would else be an account that cannot reach the folder.
    user = "user root;\n" if os.geteuid() == 0 else ""
    return (
        f"{user}daemon off;\npid {folder / 'nginx.pid'};\nworker_processes 2;\n"
        f"error_log {folder.parent / 'logs' / 'proxy.log'} warn;\n"
        "events { worker_connections 4096; }\n"
        f"http {{\n{temporary}\n    include {MIME_TYPES};\n"
        "    default_type application/octet-stream;\n"
        f"    include {folder / 'http.conf'};\n}}\n"
    )


def search_path() -> str:
    """PATH with the folders where Debian keeps the programs of a server."""
    folders = [*program_folders(), "/usr/sbin", "/sbin"]
    return os.pathsep.join([os.environ.get("PATH", os.defpath), *folders])


def require_programs(path: str) -> None:
    """Raise `StoreError` with the command that installs what is missing."""
    missing = [program for program in PROGRAMS if shutil.which(program, path=path) is None]
    if missing:
        packages = " ".join(dict.fromkeys(PROGRAMS[program] for program in missing))
        raise StoreError(
            f"make team needs {', '.join(missing)}, which this machine lacks: on Debian, "
            f"apt install {packages}"
        )


def database_account() -> str:
    """The account that PostgreSQL runs as: empty for one's own, which must not be root."""
    return "postgres" if os.geteuid() == 0 else ""


def base_environment() -> dict[str, str]:
    """The environment that all parts share."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(OWN_VARIABLES)}
    return {**kept, "PYTHONUNBUFFERED": "1"}


def _require_reachable(folder: Path, user: str) -> None:
    """PostgreSQL refuses to be root, and its own account may not come into root's folders."""
    done = subprocess.run(
        ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "test", "-w", folder],
        check=False,
    )
    if done.returncode:
        raise StoreError(
            f"PostgreSQL does not run as root, and the account {user} cannot reach {folder}; name "
            'another folder (make team ARGS="--folder /var/lib/unroll"), or do not be root'
        )


def _missing_configuration(at: Installation, configured: dict[str, object]) -> str:
    """TOML for what the configuration lacks, so that the installation can be tried at once."""
    cookie = _read(at.secrets / "cookie_secret").strip()
    provider = f"http://{at.address('sign-in')}"
    auth = f"""
[auth]
redirect_uri = "{at.url}/oauth2callback"
cookie_secret = "{cookie}"
client_id = "unroll"
client_secret = "the provider of make team takes any"
server_metadata_url = "{provider}/.well-known/openid-configuration"
"""
    access = f"""
[access]
admins = ["{PEOPLE["admins"]}"]
runners = ["{PEOPLE["runners"]}"]
viewers = ["{PEOPLE["viewers"]}"]
trust_unverified = true
hosts = ["localhost", "{HOST}"]
"""
    sections = {"auth": auth, "access": access}
    return "".join(text for name, text in sections.items() if name not in configured)


def _write_secret(path: Path, text: str) -> None:
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    temporary.replace(path)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise StoreError(f"{path} cannot be read ({error.strerror})") from error


def _wait_until_well(
    supervisor: Supervisor, say: Callable[[str], None], stopping: list[int]
) -> None:
    deadline = time.monotonic() + SAY_AFTER_SECONDS
    while supervisor.waiting and not stopping:
        supervisor.step()
        if time.monotonic() > deadline:
            deadline = float("inf")
            logs = (f"{service.name} ({service.log})" for service in supervisor.waiting)
            say(f"These do not answer yet: {', '.join(logs)}")
        time.sleep(POLL_SECONDS)


def _say_who(at: Installation, say: Callable[[str], None]) -> None:
    say(f"Dashboard  {at.url}  (its certificate is self-signed: the browser will ask)")
    say(f"MLflow UI  {at.url}/mlflow/")
    for person, role in zip(at.sign_in, _singular(PEOPLE), strict=False):
        say(f"{role:9}  {person}")
    if at.sign_in:
        say("Any of these can sign in, without a password: the provider of make team is for trying")
    say("Ctrl-C stops everything.")


def _singular(roles: Iterable[str]) -> list[str]:
    return [role.removesuffix("s").capitalize() for role in roles]

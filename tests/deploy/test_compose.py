"""`compose.yaml` is valid, and starts what `make team` starts."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.store.folder import PROJECT
from experiments.parts import DEPLOY, HOST, PORTS, Installation, parts
from experiments.services import Service

AT = Installation(Path("/installation"), 8443)

PLACES = {
    "database": "database:5432",
    "artifacts": "artifacts:8333",
    "mlflow": "mlflow:5000",
    "dashboard": "dashboard:8501",
}
"""Part → its address among the containers."""

HOST_NAME = "unroll.example.org"

ONLY_HERE = {"weed-", "sign-in"}
"""Ports of `make team` that have no counterpart: SeaweedFS's own, and a provider to try it with."""

DIFFERS = {
    "PGDATA",
    "UNROLL_TLS_LISTEN",
    "UNROLL_PLAIN_LISTEN",
    "UNROLL_HSTS_SECONDS",
    "UNROLL_RESOLVER",
    "UNROLL_ACCESS_LOG",
}
"""Variables whose values depend on being in a container; the names are the same."""


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return loaded


SERVICES = {n: s for n, s in compose()["services"].items() if "profiles" not in s}
"""Those that are started; a backup is made when somebody asks for one."""

PARTS = {part.name: part for part in parts(AT)}
PAIRS = [pytest.param(SERVICES[name], part, id=name) for name, part in PARTS.items()]


def in_a_container(text: str) -> str:
    """What `make team` says, as it is said among containers."""
    text = text.replace(f"localhost:{AT.port}", HOST_NAME).replace("localhost", HOST_NAME)
    for part, place in PLACES.items():
        text = text.replace(AT.address(part), place)
    text = text.replace(f"{AT.secrets}/", "/run/secrets/").replace(str(AT.folder), "/data")
    return text.replace(sys.executable, "python")


def filled_in(value: object) -> str:
    """A value of the compose file, with its variables as `deploy/.env` sets them."""
    return re.sub(r"\$\{UNROLL_HOST[^}]*\}", HOST_NAME, str(value))


@pytest.mark.parametrize("name", ["compose.yaml", "compose.cuda.yaml"])
def test_the_compose_file_is_valid_by_the_specification(name: str) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, str(DEPLOY / name)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_both_start_the_same_parts() -> None:
    assert sorted(SERVICES) == sorted(PARTS)
    assert {"proxy", "dashboard", "mlflow", "artifacts", "database"} <= set(PORTS)


@pytest.mark.parametrize(("service", "part"), PAIRS)
def test_a_part_has_the_same_variables(service: dict[str, Any], part: Service) -> None:
    given = {k: filled_in(v) for k, v in service["environment"].items() if "ENVSUBST" not in k}
    assert sorted(given) == sorted(part.env)
    values = {name: in_a_container(value) for name, value in part.env.items()}
    values["PGPORT"] = values.get("PGPORT", "").replace(str(AT.port_of("database")), "5432")
    different = {name for name in given if given[name] != values[name]}
    assert different <= DIFFERS


@pytest.mark.parametrize(("service", "part"), PAIRS)
def test_a_part_needs_the_same_parts(service: dict[str, Any], part: Service) -> None:
    needs = service.get("depends_on", {})
    assert sorted(needs) == sorted(part.needs)
    for name, how in needs.items():
        done = "service_completed_successfully" if PARTS[name].once else "service_healthy"
        assert how["condition"] == done


@pytest.mark.parametrize(("service", "part"), PAIRS)
def test_a_part_has_the_same_health_check(service: dict[str, Any], part: Service) -> None:
    if part.once:
        assert "healthcheck" not in service
        return
    test = service["healthcheck"]["test"]
    assert test[0] == "CMD"
    if isinstance(part.health, str):
        asked, here = test[-1], part.health
        assert test[1:4] == ["python", "-m", "experiments.probe"] or test[1] == "wget"
        assert re.sub(r":\d+/", "/", asked) == re.sub(r":\d+/", "/", here)
    else:
        ports = {str(AT.port_of("database")): "5432", sys.executable: "python"}
        assert test[1:] == [ports.get(word, word) for word in part.health]


@pytest.mark.parametrize(("service", "part"), PAIRS)
def test_a_part_runs_the_same_command(service: dict[str, Any], part: Service) -> None:
    if part.name in ("database", "proxy"):  # the images' own
        assert "command" not in service
        return
    command = [in_a_container(word) for word in part.command]
    if command[0].endswith("with-secrets.sh"):  # the image's entrypoint
        command = command[1:]
    ports = {str(AT.port_of(name)): place.split(":")[1] for name, place in PLACES.items()}
    command = [
        Path(word).name if word.endswith("/weed") else ports.get(word, word) for word in command
    ]
    command = [word for word in command if not re.match(r"-\w+\.port(\.grpc)?=8[1-9]", word)]
    of_the_container = [HOST if word == "0.0.0.0" else word for word in service["command"]]
    of_the_container = [word.replace("bind=0.0.0.0", f"bind={HOST}") for word in of_the_container]
    assert of_the_container == command


def test_only_the_proxy_publishes_ports_and_every_part_is_started_again() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]
    for name, service in SERVICES.items():
        assert service["restart"] == ("on-failure" if PARTS[name].once else "unless-stopped")


def test_a_part_has_the_secrets_that_it_names_and_no_others() -> None:
    for name, service in SERVICES.items():
        named = re.findall(
            r"/run/secrets/([\w.]+)", " ".join(map(str, service["environment"].values()))
        )
        assert sorted(set(named)) == sorted(service.get("secrets", [])), name
    assert sorted(compose()["secrets"]) == sorted(
        {s for x in SERVICES.values() for s in x.get("secrets", [])}
    )


def test_a_backup_reaches_what_it_copies_as_mlflow_does() -> None:
    backup, mlflow = compose()["services"]["backup"], SERVICES["mlflow"]
    assert backup["profiles"] == ["backup"]
    for name in ("MLFLOW_BACKEND_STORE_URI", "MLFLOW_S3_ENDPOINT_URL", "PGPASSWORD_FROM_FILE"):
        assert backup["environment"][name] == mlflow["environment"][name]
    assert backup["secrets"] == mlflow["secrets"]
    assert set(backup["networks"]) == set(mlflow["networks"])
    server = SERVICES["database"]["image"].partition(":")[2]
    assert f"postgresql-client-{server}" in (DEPLOY / "Dockerfile").read_text()


def test_no_secret_is_written_into_the_file() -> None:
    for part in PARTS.values():
        assert not [
            name for name in part.env if re.search("(?i)password$|secret_access_key$", name)
        ]
    assert "secret" not in " ".join(word for part in PARTS.values() for word in part.command[1:])


def test_the_image_leaves_root_and_copies_what_is_there() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    stages = re.findall(r"^FROM (\S+) AS (\S+)", text, re.MULTILINE)
    assert {"cpu", "cuda"} <= {name for _, name in stages}
    assert "USER 10001:10001" in text
    copied = [line.split()[1:-1] for line in text.splitlines() if line.startswith("COPY ")]
    for source in (word for words in copied for word in words if not word.startswith(("--", "/"))):
        assert (PROJECT / source).exists()
        assert re.search(rf"^!{source}$", (PROJECT / ".dockerignore").read_text(), re.MULTILINE)

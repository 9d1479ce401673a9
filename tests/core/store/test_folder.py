"""Where a store is, and whether something answers there."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from core.store.folder import StoreError, database_path, folder_of, require_server


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("http://mlflow.example", ("mlflow.example", 80)),
        ("https://mlflow.example", ("mlflow.example", 443)),
        ("http://mlflow.example:5000/path", ("mlflow.example", 5000)),
        ("https://somebody:secret@mlflow.example:8443", ("mlflow.example", 8443)),
    ],
)
def test_a_server_is_asked_at_its_own_port_or_at_that_of_its_scheme(
    uri: str, address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, int]] = []

    def connect(address: tuple[str, int], timeout: float) -> contextlib.closing[Path]:
        asked.append(address)
        raise OSError("refused")

    monkeypatch.setattr("socket.create_connection", connect)
    with pytest.raises(StoreError, match="no MLflow server answers at "):
        require_server(uri)
    assert asked == [address]


def test_nobody_is_asked_where_no_server_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("socket.create_connection")
    for uri in ("sqlite:////somewhere/mlflow.db", "postgresql://host/name"):
        require_server(uri)


def test_a_local_store_is_in_the_folder_of_its_database_and_others_have_one_each() -> None:
    assert database_path("sqlite:////some/where/mlflow.db") == Path("/some/where/mlflow.db")
    assert folder_of("sqlite:////some/where/mlflow.db") == Path("/some/where")
    servers = ("http://one", "http://two", "postgresql://one")
    assert {database_path(uri) for uri in servers} == {None}
    assert len({folder_of(uri) for uri in servers}) == 3
    assert folder_of(servers[0]) == folder_of(servers[0])


def test_no_error_of_a_store_shows_a_password() -> None:
    assert str(StoreError("postgresql://ana:hunter22@db/x is away")).startswith(
        "postgresql://ana:***@"
    )


def test_a_new_password_leads_to_the_same_folder() -> None:
    assert folder_of("postgresql://u:one@db/x") == folder_of("postgresql://u:two@db/x")
    assert folder_of("postgresql://u:one@db/x") != folder_of("postgresql://u:one@db/y")

"""An MLflow server's PostgreSQL database, read without asking the server.

The server answers a page's questions one by one, a search in some tens of milliseconds or, of many
runs, seconds. What is written goes through it.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, ClassVar, cast

from core.store.database import Connection, Database
from core.store.folder import StoreError, is_server

if TYPE_CHECKING:
    from psycopg_pool import ConnectionPool

BACKEND_VARIABLE = "MLFLOW_BACKEND_STORE_URI"
"""Where an MLflow server's database is: for who reads it, and for who backs it up."""

MAX_CONNECTIONS = 8
"""Of one process; PostgreSQL lets in a hundred in all."""

WAIT_SECONDS = 10.0
"""How long a reader waits for a connection."""

OPTIONS = "-c default_transaction_read_only=on -c statement_timeout=60000"


class PostgresDatabase(Database):
    """Only read: every transaction is told so."""

    placeholder: ClassVar[str] = "%s"

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address

    @classmethod
    def of(cls, tracking_uri: str) -> PostgresDatabase | None:
        """That of a store that is a database, or whose server's database is named; else None.

        Raises `StoreError` if it does not answer.
        """
        address = address_of(tracking_uri)
        if address is None:
            return None
        database = cls(address)
        try:
            return database if database.is_understood() else None
        except ImportError as error:
            raise StoreError(
                f"{BACKEND_VARIABLE} names a PostgreSQL database, and {error.name} is missing; "
                "install requirements-team.txt"
            ) from error

    def connect(self) -> AbstractContextManager[Connection]:
        return cast("AbstractContextManager[Connection]", _pool(self._address).connection())

    def stamp(self) -> tuple[int, ...]:
        """The snapshot: which transactions have ended. It is another one after each that writes."""
        with self.connect() as connection:
            ((text,),) = connection.execute("SELECT pg_current_snapshot()::text").fetchall()
        return tuple(int(number) for number in re.findall(r"\d+", text))


def address_of(tracking_uri: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """The PostgreSQL address behind a tracking URI, as libpq takes it; None if there is none."""
    uri = tracking_uri
    if is_server(uri):
        uri = environment.get(BACKEND_VARIABLE, "").strip()
    dialect, _, rest = uri.partition("://")
    return f"postgresql://{rest}" if dialect.partition("+")[0] == "postgresql" else None


@functools.cache
def _pool(address: str) -> ConnectionPool:
    from psycopg_pool import ConnectionPool

    return ConnectionPool(
        address,
        kwargs={"autocommit": True, "options": OPTIONS},
        min_size=1,
        max_size=MAX_CONNECTIONS,
        timeout=WAIT_SECONDS,
        check=ConnectionPool.check_connection,
        open=True,
    )

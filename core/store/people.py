"""Who may do what in a store: viewers read, runners launch and change what is theirs, admins all.

A store is used by one person at a time (`Store.by`), and every write of it asks here first. On
one's own machine that person is the account of the process, who may do everything.
"""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

from core.formatting import inline_text
from core.settings import BadSetting, Value

Role = Literal["viewer", "runner", "admin"]

RIGHTS: Mapping[Role, str] = {
    "viewer": "sees everything, and launches and changes nothing",
    "runner": "launches runs, and changes those of their own",
    "admin": "launches runs, and changes everybody's",
}


PERSON_VARIABLE = "UNROLL_PERSON"
"""For whom a process works that a shared dashboard has started, as JSON."""


class NotAllowed(BadSetting):
    """Somebody lacks the right to do this, or has reached a limit. The message says which."""


@dataclass(frozen=True)
class Limits:
    """What a runner may ask of a shared machine; None is no limit."""

    queued: int | None = None
    """Runs of one person in the queue."""
    running: int | None = None
    """Runs of one person at a time."""
    minutes: float | None = None
    """The longest time limit of a run, and the one of a run for which nobody chose one."""
    memory: float | None = None
    """Likewise its memory limit (GiB)."""
    largest: Mapping[str, float] = field(default_factory=dict)
    """Setting → its highest value."""

    def of_settings(
        self, settings: Mapping[str, Value], defaults: Mapping[str, Value]
    ) -> dict[str, Value]:
        """The settings with these limits instead of the defaults; `NotAllowed` for one that
        exceeds them."""
        for name, most in self.largest.items():
            value = settings.get(name)
            if isinstance(value, int | float) and value > most:
                raise NotAllowed(
                    f"{name} is {value:,}; this dashboard allows at most {most:,} (largest.{name})"
                )
        highest = {"time_limit": self.minutes, "memory_limit": self.memory}
        limited = dict(settings)
        for name, limit in highest.items():
            asked = settings.get(name)
            if limit is None or name not in settings:
                continue
            too_much = not isinstance(asked, int | float) or asked > limit
            if too_much and asked == defaults.get(name):
                limited[name] = limit
            elif too_much:
                raise NotAllowed(f"{name} is {asked}; this dashboard allows at most {limit:g}")
        return limited


@dataclass(frozen=True)
class Person:
    """Somebody who uses a store."""

    name: str
    """As it is recorded with what they do."""
    role: Role = "admin"
    limits: Limits = Limits()

    @property
    def may_launch(self) -> bool:
        """Whether they may record runs."""
        return self.role != "viewer"

    def may_change(self, user: str) -> bool:
        """Whether they may cancel, retry, edit and delete what that user launched."""
        return self.role == "admin" or (self.role == "runner" and user == self.name)

    def require_launch(self) -> None:
        """`NotAllowed` unless they may record runs."""
        if not self.may_launch:
            raise NotAllowed(f"{self._are}: only a runner or an admin launches runs")

    def require_change(self, run_name: str, user: str) -> None:
        """`NotAllowed` unless they may change a run of that name and that user."""
        if not self.may_change(user):
            who = f"who launched it ({inline_text(user)})" if user else "who launched it"
            raise NotAllowed(
                f"{self._are}: only {who} and admins change the run {inline_text(run_name)!r}"
            )

    def require_admin(self, what: str) -> None:
        """`NotAllowed` unless they are an admin, who alone does `what`."""
        if self.role != "admin":
            raise NotAllowed(f"{self._are}: only an admin {what}")

    def environment(self) -> dict[str, str]:
        """What makes a process work for this person, with their rights."""
        return {PERSON_VARIABLE: json.dumps(asdict(self))}

    @property
    def _are(self) -> str:
        return f"{inline_text(self.name)} is a {self.role} here"


def person_of_process() -> Person:
    """For whom this process works: its account, unless a dashboard has started it for somebody."""
    given = os.environ.get(PERSON_VARIABLE)
    if given is None:
        return Person(_account())
    values = json.loads(given)
    return Person(values["name"], values["role"], Limits(**values["limits"]))


def current_user() -> str:
    """The name of that person."""
    return person_of_process().name


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number without a name
        return f"user {os.getuid()}"

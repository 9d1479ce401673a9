"""A shared dashboard's settings: who may do what, and how much of it.

They stand in one TOML file, which `UNROLL_TEAM` names; on one's own machine there is none. Its
section `[auth]` is Streamlit's own (`st.login`); here are the others.
"""

from __future__ import annotations

import functools
import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from core.files import CORPORA
from core.formatting import inline_text
from core.settings import BadSetting
from core.store.folder import folder_of, tracking_uri
from core.store.people import Limits, Role

TEAM_VARIABLE = "UNROLL_TEAM"
"""Names the file."""

EVERYBODY = "*"

OPEN_NAME = "anyone"
"""Who acts on a dashboard without sign-in that is open to everyone."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Access(_Section):
    """Who has which role, and under which names the dashboard is reached.

    An entry is an address (`ada@example.org`), a domain (`@example.org`), a group of the claim
    `groups_claim` (`group:ml`), or `*`: everybody who has signed in.
    """

    admins: tuple[str, ...] = ()
    runners: tuple[str, ...] = ()
    viewers: tuple[str, ...] = ()
    groups_claim: str = "groups"
    hosts: tuple[str, ...] = ()

    @field_validator("admins", "runners", "viewers")
    @classmethod
    def _entries(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        for entry in entries:
            group = entry.startswith("group:") and len(entry) > len("group:")
            if not (entry == EVERYBODY or group or "@" in entry[:-1]):
                raise ValueError(
                    f"{inline_text(entry)!r} is none of an address, @domain, group:name and *"
                )
        return entries

    def role(self, claims: Mapping[str, Any]) -> Role | None:
        """The highest role of somebody with these claims; None if they may not even look."""
        lists: tuple[tuple[Role, Sequence[str]], ...] = (
            ("admin", self.admins),
            ("runner", self.runners),
            ("viewer", self.viewers),
        )
        who = self._entries_of(claims)
        return next((role for role, entries in lists if who & {e.lower() for e in entries}), None)

    def _entries_of(self, claims: Mapping[str, Any]) -> set[str]:
        """Every entry that means them, in small letters."""
        found = {EVERYBODY}
        address = str(claims.get("email") or "").strip().lower()
        # An address that nobody has verified is anybody's.
        if "@" in address and claims.get("email_verified") in (None, True, "true"):
            found |= {address, "@" + address.rpartition("@")[2]}
        groups = claims.get(self.groups_claim) or ()
        for group in [groups] if isinstance(groups, str) else groups:
            found.add(f"group:{group}".lower())
        return found


class LimitsSection(_Section):
    """What a runner may ask of the machine."""

    queued: int | None = Field(None, ge=1)
    running: int | None = Field(None, ge=1)
    minutes: float | None = Field(None, gt=0)
    memory: float | None = Field(None, gt=0)
    largest: Mapping[str, float] = Field(default_factory=dict)
    corpora: Path | None = None

    def limits(self) -> Limits:
        """As the store applies them."""
        return Limits(self.queued, self.running, self.minutes, self.memory, dict(self.largest))


class Team(_Section):
    """The whole file."""

    auth: Mapping[str, Any] = Field(default_factory=dict, repr=False)
    access: Access = Access()
    limits: LimitsSection = LimitsSection()


def team() -> Team | None:
    """The settings of a shared dashboard; None on one's own machine.

    Raises `BadSetting` for a file that cannot be read: nobody must get in by a misspelt line.
    """
    name = os.environ.get(TEAM_VARIABLE, "").strip()
    if not name:
        return None
    try:
        changed = Path(name).stat().st_mtime_ns
    except OSError:
        changed = 0
    return _team_as_of(name, changed)


@functools.lru_cache(maxsize=1)
def _team_as_of(name: str, changed: int) -> Team:
    return team_of(Path(name))


def confine_files(outside: bool = False) -> None:
    """Let this process, and those that it starts, read people's files from one folder only.

    That is `corpora` of the file, or else a folder beside the results; without a file only where
    the dashboard can be reached from other machines.
    """
    settings = team()
    if settings is None and not outside:
        return
    folder = (settings and settings.limits.corpora) or folder_of(tracking_uri()) / "corpora"
    folder.mkdir(parents=True, exist_ok=True)
    os.environ[CORPORA] = str(folder)


def team_of(file: Path) -> Team:
    """The settings in a file; raises as `team` does."""
    try:
        return Team(**tomllib.loads(file.read_text()))
    except OSError as error:
        reason = f"which cannot be read ({error.strerror})"
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        reason = f"which is not TOML ({error})"
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        reason = f"where {place}: {first['msg'].removeprefix('Value error, ')}"
    raise BadSetting(f"{TEAM_VARIABLE} is {str(file)!r}, {reason}")

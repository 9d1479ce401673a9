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

from core.experiments import all_experiments
from core.files import CORPORA
from core.formatting import inline_text
from core.secrets import add_secrets
from core.settings import BadSetting
from core.store.folder import folder_of, tracking_uri
from core.store.people import Limits, Role

TEAM_VARIABLE = "UNROLL_TEAM"
"""Names the file."""

EVERYBODY = "*"

OPEN_VARIABLE = "UNROLL_OPEN_TO_EVERYONE"
"""`yes`: people of other machines need not sign in (`python -m dashboard --open-to-everyone`)."""

OPEN_NAME = "anyone"
"""Who acts on a dashboard without sign-in that is open to everyone."""

OPEN_LIMITS = Limits(queued=50, running=1, minutes=30.0, memory=4.0)
"""What somebody without a name may ask of the machine, where no file says otherwise."""


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
    trust_unverified: bool = False
    """Whether an address counts that the sign-in service does not call verified: for a service
    that leaves the claim `email_verified` out, and lets nobody choose their address."""

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

    def address(self, claims: Mapping[str, Any]) -> str:
        """Their address in small letters; empty if nobody has verified it, for it is anybody's."""
        address = str(claims.get("email") or "").strip().lower()
        verified = claims.get("email_verified") in (True, "true")
        missing = claims.get("email_verified") is None and self.trust_unverified
        return address if "@" in address and (verified or missing) else ""

    def name(self, claims: Mapping[str, Any]) -> str:
        """Under which name they are known here: nothing that they could choose themselves."""
        return self.address(claims) or f"id {claims.get('sub') or 'unknown'}"

    def is_admin(self, name: str) -> bool:
        """Whether somebody of that name is an admin by their address."""
        return self.role({"email": name, "email_verified": True}) == "admin"

    def _entries_of(self, claims: Mapping[str, Any]) -> set[str]:
        """Every entry that means them, in small letters."""
        entries = {EVERYBODY}
        if address := self.address(claims):
            entries |= {address, "@" + address.rpartition("@")[2]}
        groups = claims.get(self.groups_claim) or ()
        for group in [groups] if isinstance(groups, str) else groups:
            entries.add(f"group:{group}".lower())
        return entries


class LimitsSection(_Section):
    """What a runner may ask of the machine."""

    queued: int | None = Field(None, ge=1)
    running: int | None = Field(None, ge=1)
    minutes: float | None = Field(None, gt=0)
    memory: float | None = Field(None, gt=0)
    largest: Mapping[str, float] = Field(default_factory=dict)
    corpora: Path | None = None

    @field_validator("largest")
    @classmethod
    def _known(cls, largest: Mapping[str, float]) -> Mapping[str, float]:
        known = {
            setting.name for experiment in all_experiments() for setting in experiment.settings
        }
        for name in set(largest) - known:
            raise ValueError(f"{inline_text(name)!r} is no setting of any experiment")
        return largest

    @field_validator("corpora")
    @classmethod
    def _absolute(cls, corpora: Path | None) -> Path | None:
        if corpora is not None and not corpora.is_absolute():
            raise ValueError(f"{str(corpora)!r} is relative; give the whole path of a folder")
        return corpora

    def limits(self) -> Limits:
        """The limits of one runner."""
        return Limits(self.queued, self.running, self.minutes, self.memory, dict(self.largest))


class Team(_Section):
    """What the file of a shared dashboard says."""

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
    settings = team_of(Path(name))
    add_secrets(text for text in settings.auth.values() if isinstance(text, str))
    return settings


def running_limit(user: str) -> int | None:
    """How many runs of somebody are executed at a time; None is no limit."""
    settings = team()
    if settings is None:
        return OPEN_LIMITS.running if os.environ.get(OPEN_VARIABLE) == "yes" else None
    return None if settings.access.is_admin(user) else settings.limits.running


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

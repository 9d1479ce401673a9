"""Who has which role on a shared dashboard, and what they may ask of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.settings import BadSetting
from core.store.people import Limits, NotAllowed, Person
from core.store.tracking import Store
from experiments.queue import cancel, cancel_all, retry, retry_failed, submit
from experiments.team import TEAM_VARIABLE, Access, team, team_of
from tests.toy import TOY, ToyConfig

ACCESS = Access(
    admins=("ada@example.org",),
    runners=("@example.org", "group:ML"),
    viewers=("*",),
)


@pytest.mark.parametrize(
    ("claims", "role"),
    [
        ({"email": "ada@example.org", "email_verified": True}, "admin"),
        ({"email": " Ada@Example.ORG ", "email_verified": True}, "admin"),
        ({"email": "ben@example.org", "email_verified": True}, "runner"),
        ({"email": "ben@example.org"}, "viewer"),
        ({"email": "ben@example.org", "email_verified": False}, "viewer"),
        ({"email": "ben@sub.example.org", "email_verified": True}, "viewer"),
        ({"email": "ada@example.org@evil.org", "email_verified": True}, "viewer"),
        ({"email": "cy@evil.org", "groups": ["ml", "ops"]}, "runner"),
        ({"email": "cy@evil.org", "groups": "ml"}, "runner"),
        ({"email": "group:ml"}, "viewer"),
        ({"name": "ada@example.org"}, "viewer"),
        ({}, "viewer"),
    ],
)
def test_roles_come_from_addresses_domains_and_groups(claims, role: str) -> None:
    assert ACCESS.role(claims) == role


def test_nobody_becomes_somebody_by_a_name_of_their_own_choice() -> None:
    """Runs belong to names: an address that nobody has verified, or a display name, is none."""
    unverified = {"email": "ana@example.org", "email_verified": False, "sub": "7"}
    assert ACCESS.name(unverified) == "id 7"
    assert ACCESS.name({"name": "ana@example.org", "sub": "8"}) == "id 8"
    assert ACCESS.name({"email": "Ana@example.org", "email_verified": True}) == "ana@example.org"


def test_a_service_that_verifies_without_saying_so_can_be_trusted() -> None:
    trusting = ACCESS.model_copy(update={"trust_unverified": True})
    assert trusting.role({"email": "ada@example.org"}) == "admin"
    assert trusting.role({"email": "ada@example.org", "email_verified": False}) == "viewer"


def test_who_is_not_listed_has_no_role() -> None:
    closed = Access(viewers=("@example.org",))
    assert closed.role({"email": "ben@example.org", "email_verified": True}) == "viewer"
    assert closed.role({"email": "eve@evil.org"}) is None
    assert Access().role({"email": "ada@example.org"}) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[access]\nadmin = ['a@b.c']", "access.admin: Extra inputs are not permitted"),
        ("[access]\nadmins = ['ada']", "access.admins: 'ada' is none of an address"),
        ("[limits]\nqueued = 0", "limits.queued: Input should be greater than or equal to 1"),
        ("[limits.largest]\nhiden_size = 5", "limits.largest: 'hiden_size' is no setting"),
        ("[limits]\ncorpora = 'texts'", "limits.corpora: 'texts' is relative"),
        ("[limits", "which is not TOML"),
    ],
)
def test_a_file_that_is_wrong_lets_nobody_in(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "team.toml"
    file.write_text(text)
    with pytest.raises(BadSetting) as error:
        team_of(file)
    assert sentence in str(error.value)


def test_a_file_that_is_missing_lets_nobody_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TEAM_VARIABLE, "/nowhere/team.toml")
    with pytest.raises(BadSetting, match="which cannot be read"):
        team()
    monkeypatch.delenv(TEAM_VARIABLE)
    assert team() is None


def test_the_secrets_of_a_file_are_not_printed(tmp_path: Path) -> None:
    file = tmp_path / "team.toml"
    file.write_text('[auth]\nclient_secret = "hush"\n[limits]\nrunning = 2')
    settings = team_of(file)
    assert settings.limits.limits() == Limits(running=2)
    assert "hush" not in repr(settings)


ANA, BEN = (Person(name, "runner", Limits(queued=3)) for name in ("ana", "ben"))


def configs(*seeds: int) -> list[ToyConfig]:
    return [ToyConfig(seed=seed) for seed in seeds]


def test_each_person_has_so_many_places_in_the_queue(store: Store, toy) -> None:
    submit(store.by(ANA), TOY, configs(0, 1))
    with pytest.raises(
        NotAllowed,
        match=r"^2 runs cannot be queued: 2 of yours wait already, and one person may have 3",
    ):
        submit(store.by(ANA), TOY, configs(2, 3))
    submit(store.by(BEN), TOY, configs(0, 1, 2))
    submit(store, TOY, configs(*range(10)))
    assert len(store.runs()) == 15


def test_a_launch_has_the_limits_of_who_launches(store: Store, toy) -> None:
    limited = Person("ana", "runner", Limits(minutes=5, largest={"count": 4}))
    (run,) = submit(store.by(limited), TOY, [ToyConfig(count=4)])
    assert store.run(run).settings["time_limit"] == 5
    with pytest.raises(NotAllowed, match=r"^count is 5; this dashboard allows at most 4"):
        submit(store.by(limited), TOY, [ToyConfig(count=4), ToyConfig(count=5)])
    assert len(store.runs()) == 1


def test_others_runs_are_neither_cancelled_nor_retried(store: Store, toy) -> None:
    theirs, mine = (submit(store.by(who), TOY, configs(0))[0] for who in (BEN, ANA))
    ana = store.by(ANA)
    for attempt in (
        lambda: cancel(ana, theirs),
        lambda: cancel_all(ana, store.runs()),
    ):
        with pytest.raises(NotAllowed, match="only who launched it"):
            attempt()
    assert {run.status for run in store.runs()} == {"SCHEDULED"}
    assert not any(run.cancelled for run in store.runs())
    cancel(ana, mine)
    store.end(theirs, "FAILED", "broken")
    for attempt in (lambda: retry(ana, theirs), lambda: retry_failed(ana, store.runs())):
        with pytest.raises(NotAllowed, match="only who launched it"):
            attempt()
    assert store.run(retry(ana, mine)).user == "ana"
    assert store.run(retry(store.by(Person("ada")), theirs)).user == "ada"

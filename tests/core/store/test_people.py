"""Rights are enforced by the store: whatever a page or a command calls, it ends here."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest

from core.store.people import (
    PERSON_VARIABLE,
    Limits,
    NotAllowed,
    Person,
    Role,
    current_user,
    person_of_process,
)
from core.store.records import TAG_RETRY_OF, TAG_STARRED, TAG_USER
from core.store.tracking import Store
from tests.toy import TOY, ToyConfig

ANA, BEN = Person("ana@example.org", "runner"), Person("ben@example.org", "runner")
EVE, ADA = Person("eve@example.org", "viewer"), Person("ada@example.org", "admin")

WRITES: dict[str, Callable[[Store, str], object]] = {
    "cancel": lambda store, run: store.set_tags(run, {"unroll.cancel": "1"}),
    "star": lambda store, run: store.set_tags(run, {TAG_STARRED: "x"}),
    "take over": lambda store, run: store.set_tags(run, {TAG_USER: "x"}),
    "untag": lambda store, run: store.remove_tags(run, ["a"]),
    "note": lambda store, run: store.set_note(run, "x"),
    "rename": lambda store, run: store.rename(run, "x"),
    "delete": lambda store, run: store.delete(run),
    "restore": lambda store, run: store.restore(run),
    "end": lambda store, run: store.end(run, "KILLED"),
    "take": lambda store, run: store.take(run, {}, {}),
    "release": lambda store, run: store.release(run, {}),
    "metrics": lambda store, run: store.log_metrics(run, [("a", 1.0, 0)]),
    "file": lambda store, run: store.upload(run, __file__),
    "retry": lambda store, run: create(store, {TAG_RETRY_OF: run}),
}


def create(store: Store, tags: dict[str, str] | None = None) -> str:
    return store.create(TOY, ToyConfig(), sweep="one", tags=tags)


def test_every_method_that_writes_is_tried_here() -> None:
    """So that a new one is not forgotten: what changes MLflow calls one of these of its client."""
    writing = (
        "log_batch",
        "update_run",
        "set_terminated",
        "delete_",
        "restore_run",
        "log_artifact",
    )
    methods = inspect.getmembers(Store, inspect.isfunction)
    ours = [
        name
        for name, method in methods
        if any(f"client.{word}" in inspect.getsource(method) for word in writing)
    ]
    expected = "create delete end log_metrics remove_tags rename restore set_tags take upload"
    assert sorted(ours) == expected.split()
    for name in ours:
        source = inspect.getsource(getattr(Store, name))
        assert "self._require_change(" in source or "self.person.require_launch()" in source, name


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("who", [EVE, BEN], ids=["viewer", "runner"])
def test_nobody_but_its_owner_and_admins_changes_a_run(
    store: Store, toy, write: str, who: Person
) -> None:
    run = create(store.by(ANA))
    before = store.run(run)
    with pytest.raises(NotAllowed) as refusal:
        WRITES[write](store.by(who), run)
    assert who.name in str(refusal.value)
    assert len(str(refusal.value)) < 200
    assert store.run(run) == before
    assert len(store.runs()) == 1


@pytest.mark.parametrize("who", [ANA, ADA], ids=["owner", "admin"])
def test_owners_and_admins_change_it(store: Store, toy, who: Person) -> None:
    run = create(store.by(ANA))
    store.by(who).rename(run, "mine")
    assert store.run(run).name == "mine"
    store.by(who).delete(run)
    store.by(who).restore(run)
    assert store.run(create(store.by(who), {TAG_RETRY_OF: run})).user == who.name


def test_viewers_record_nothing(store: Store, toy) -> None:
    with pytest.raises(NotAllowed, match=r"^eve@example.org is a viewer here: only a runner or an"):
        create(store.by(EVE))
    assert store.runs() == []


def test_a_run_is_of_who_launched_it_whatever_else_is_said(store: Store, toy) -> None:
    assert store.run(create(store)).user == current_user()
    assert store.run(create(store.by(BEN), {TAG_USER: ANA.name})).user == BEN.name


def test_a_process_works_for_whom_it_was_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PERSON_VARIABLE, raising=False)
    assert person_of_process().role == "admin"
    given = Person("ana", "runner", Limits(queued=3, largest={"hidden_size": 8}))
    monkeypatch.setenv(*next(iter(given.environment().items())))
    assert person_of_process() == given
    assert current_user() == "ana"


DEFAULTS = {"time_limit": 1440.0, "memory_limit": None}


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"hidden_size": 65}, "hidden_size is 65; this dashboard allows at most 64"),
        ({"time_limit": 31.0}, r"time_limit is 31\.0; this dashboard allows at most 30"),
        ({"time_limit": None}, "time_limit is None; this dashboard allows at most 30"),
        ({"memory_limit": 9}, "memory_limit is 9; this dashboard allows at most 8"),
    ],
)
def test_a_limit_is_named_with_what_came_and_what_is_allowed(settings, sentence: str) -> None:
    limits = Limits(minutes=30, memory=8, largest={"hidden_size": 64})
    with pytest.raises(NotAllowed, match=f"^{sentence}"):
        limits.of_settings({**DEFAULTS, **settings}, DEFAULTS)


def test_a_run_for_which_nobody_chose_a_limit_gets_that_of_the_machine() -> None:
    limits = Limits(minutes=30, memory=8)
    assert limits.of_settings(DEFAULTS, DEFAULTS) == {"time_limit": 30, "memory_limit": 8}
    chosen = {"time_limit": 5, "memory_limit": 2}
    assert limits.of_settings(chosen, DEFAULTS) == chosen
    assert Limits().of_settings(DEFAULTS, DEFAULTS) == DEFAULTS


@pytest.mark.parametrize(
    ("role", "launches", "own", "others"),
    [
        ("viewer", False, False, False),
        ("runner", True, True, False),
        ("admin", True, True, True),
    ],
)
def test_the_rights_of_each_role(role: Role, launches: bool, own: bool, others: bool) -> None:
    who = Person("ana", role)
    assert who.may_launch == launches
    assert (who.may_change("ana"), who.may_change("ben")) == (own, others)

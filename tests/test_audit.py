"""An audit finds what there is, and what could not be looked at is no pass."""

from __future__ import annotations

import json

import pytest

from tests import audit

CLEAN = {"dependencies": [{"name": "a", "version": "1", "vulns": []}]}
FAULT = {"id": "PYSEC-1", "fix_versions": ["2"]}
FAULTY = {"dependencies": [{"name": "a", "version": "1", "vulns": [FAULT]}]}
SKIPPED = {"dependencies": [{"name": "b", "skip_reason": "not found on PyPI"}]}


@pytest.mark.parametrize(
    ("answers", "status", "said"),
    [
        ((CLEAN, CLEAN), 0, "no known vulnerability"),
        ((CLEAN, FAULTY), 1, "a 1: PYSEC-1, fixed in 2"),
        ((FAULTY, None), 1, "NOT AUDITED"),
        ((CLEAN, SKIPPED), 2, "NOT AUDITED: the vulnerability service (PyPI's)"),
        ((None, CLEAN), 2, "NOT AUDITED"),
    ],
)
def test_what_the_service_does_not_know_is_no_pass(
    answers, status: int, said: str, monkeypatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rest = iter(answers)
    monkeypatch.setattr(audit, "audited", lambda _: next(rest))
    assert audit.audit_dependencies() == status
    assert said in capsys.readouterr().out


def test_every_file_of_requirements_is_audited() -> None:
    names = {path.name for path in audit.requirements()}
    assert {"requirements.txt", "requirements-dev.txt", "requirements-cluster.txt"} <= names


def test_a_secret_that_the_baseline_does_not_have_is_found() -> None:
    def answer(*found: tuple[str, int, str]) -> dict[str, object]:
        results: dict[str, list[dict[str, object]]] = {}
        for name, line, digest in found:
            secret = {"hashed_secret": digest, "line_number": line, "type": "Key"}
            results.setdefault(name, []).append(secret)
        return {"results": results}

    baseline = answer(("a.py", 1, "x"))
    assert audit.new_secrets(answer(("a.py", 9, "x")), baseline) == [], "it has only moved"
    assert audit.new_secrets(answer(("b.py", 1, "x"), ("a.py", 2, "y")), baseline) == [
        "a.py:2: Key",
        "b.py:1: Key",
    ]


def test_the_baseline_names_files_that_are_there() -> None:
    names = json.loads(audit.BASELINE.read_text())["results"]
    assert [name for name in names if not (audit.PROJECT / name).exists()] == []


@pytest.mark.slow
def test_no_tracked_file_has_a_secret() -> None:
    assert audit.new_secrets(audit.scanned(), json.loads(audit.BASELINE.read_text())) == []

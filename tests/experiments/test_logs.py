"""Logs that people read, logs that programs read, and no secret in either."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import warnings

import pytest

from core.settings import BadSetting
from core.store.folder import PROJECT
from core.store.tracking import Store
from experiments.__main__ import main
from experiments.logs import LOG_VARIABLE, RUN, log, log_failure, set_up, take_over
from experiments.worker import environment

pytestmark = pytest.mark.usefixtures("clean_logging")

URI = "postgresql://unroll:hunter22@db/x"


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_without_a_word_logs_are_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("serve")
    log.info("Stopping.")
    assert capsys.readouterr().err == "Stopping.\n"
    set_up("worker")
    log.info("idle")
    assert re.fullmatch(r"\d\d:\d\d:\d\d idle\n", capsys.readouterr().err)


def test_json_is_one_object_a_line_with_the_run_and_the_number_of_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(LOG_VARIABLE, "json")
    set_up("worker")
    log.info("two\nlines", extra={RUN: "7f3a"})
    try:
        raise ValueError("wrong")
    except ValueError as error:
        number = log_failure("it failed", error, "81bc")
    first, second = logged(capsys)
    assert first["message"] == "two\nlines"
    assert (first["level"], first["part"], first["run"]) == ("info", "worker", "7f3a")
    assert first["time"].endswith("Z")
    assert "error" not in first
    assert (second["level"], second["error"], second["run"]) == ("error", number, "81bc")
    assert "ValueError: wrong" in second["traceback"]


def test_an_unknown_format_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOG_VARIABLE, "xml")
    with pytest.raises(BadSetting, match="UNROLL_LOG is 'xml'; choose text or json"):
        set_up("worker")


@pytest.mark.parametrize("format_", ["text", "json"])
def test_no_secret_reaches_a_log(
    format_: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(LOG_VARIABLE, format_)
    monkeypatch.setenv("SOME_PASSWORD", "swordfish")
    set_up("dashboard")
    log.info(f"the store is {URI}")
    log.warning("%s and %s", URI, "swordfish")
    logging.getLogger("a.library").error("argument %d", URI)  # which does not fit
    warnings.warn(f"at {URI}", stacklevel=1)
    try:
        raise ConnectionError(f"no answer of {URI} to swordfish")
    except ConnectionError as error:
        log_failure(str(error), error)
    text = capsys.readouterr().err
    assert "hunter22" not in text
    assert "swordfish" not in text
    assert text.count("unroll:***@db/x") >= 5


def test_a_library_with_handlers_of_its_own_can_be_taken_over(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    library = logging.getLogger("somelibrary.web")
    library.addHandler(logging.StreamHandler(sys.stderr))
    library.propagate = False
    monkeypatch.setenv(LOG_VARIABLE, "json")
    set_up("dashboard")
    take_over("somelibrary")
    library.warning("at %s", URI)
    library.info("quiet")
    (line,) = logged(capsys)
    assert (line["part"], line["logger"]) == ("dashboard", "somelibrary.web")


def test_an_uncaught_error_is_logged_without_secrets() -> None:
    code = f"from experiments.logs import set_up; set_up('worker'); raise ValueError('{URI}')"
    env = {**os.environ, LOG_VARIABLE: "json"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, env=env, capture_output=True, text=True
    )
    assert done.returncode == 1
    line = json.loads(done.stderr)
    assert line["message"] == "ValueError: postgresql://unroll:***@db/x"
    assert "hunter22" not in done.stderr


@pytest.mark.slow
def test_a_worker_logs_json(store: Store) -> None:
    command = [sys.executable, "-m", "experiments", "worker", "--exit-when-idle", "0"]
    env = {**environment(store), LOG_VARIABLE: "json"}
    done = subprocess.run(command, cwd=PROJECT, env=env, capture_output=True, text=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert lines[0]["message"] == f"worker ready on {store.uri}"
    assert {line["part"] for line in lines} == {"worker"}


def test_a_password_in_the_address_of_a_store_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for uri in ("http://ana:hunter22@127.0.0.1:9", "redis://ana:hunter22@db/1"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        assert main(["runs"]) == 1
        error = capsys.readouterr().err
        assert "***@" in error
        assert "hunter22" not in error

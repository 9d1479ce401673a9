"""A process beside the dashboard that computes with torch, so that the dashboard never loads it.

It answers one question after another on a socket: the name of a function of `calculations.py` and
what it is given, in; what it returns or raises, out. It ends when the socket is closed. A
calculation that takes too long, or that ends the process, is a sentence for whoever asked, and the
next question starts a new process: a cell that somebody wrote takes nothing down with it.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import subprocess
import sys
import threading
import time
from multiprocessing.connection import Connection
from multiprocessing.connection import Pipe as connected
from pathlib import Path
from typing import Any

from core.settings import BadSetting
from core.store.folder import StoreError
from experiments import logs
from experiments.cells import limit_memory

PROJECT = Path(__file__).resolve().parents[1]

CALCULATIONS = "experiments.calculations"
"""Imported in the calculator alone: it needs torch."""

PATIENCE = 120.0
"""Seconds that one calculation may take; the longest usual one, training eight networks, takes
two."""

REFUSED_SECONDS = 300.0
"""For how long a question is refused that has ended the process, or that had to be ended."""

MAX_REFUSED = 100


class Broken(RuntimeError):
    """A fault of ours in a calculation; the log has its traceback."""


class Calculator:
    """The process, as whoever asks sees it: started when it is needed, one question at a time."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: Connection[Any, Any] | None = None
        self._refused: dict[Any, tuple[float, str]] = {}
        self.answered = False
        """Whether the process that runs now has answered before: then it has loaded torch."""

    def start(self) -> None:
        """Let the process load what it needs, if it does not run; nobody waits for it."""
        with self._lock:
            self._connection()

    def ask(self, function: str, *given: Any) -> Any:
        """What a function of `calculations.py` returns. Raises what it raises: `BadSetting` also
        when it takes too long, or has ended the process."""
        question = function, given
        with self._lock:
            until, why = self._refused.get(question, (0.0, ""))
            if time.monotonic() < until:
                raise BadSetting(why)
            socket = self._connection()
            try:
                socket.send(question)
            except OSError:  # it has just ended
                self._end()
                socket = self._connection()
                socket.send(question)
            worked, made = self._answer(socket, question)
        if not worked:
            raise made
        return made

    def end(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _answer(self, socket: Connection[Any, Any], question: Any) -> tuple[bool, Any]:
        try:
            if socket.poll(self._patience):
                worked, made = socket.recv()
                self.answered = True
                return worked, made
            why = f"the calculation took longer than {self._patience:g} seconds and was ended"
        except (EOFError, OSError):
            why = "the calculation ended its process; the log may say why"
        self._end()
        if len(self._refused) >= MAX_REFUSED:
            self._refused.clear()
        self._refused[question] = time.monotonic() + REFUSED_SECONDS, why
        return False, BadSetting(why)

    def _connection(self) -> Connection[Any, Any]:
        if self._socket is None or self._process is None or self._process.poll() is not None:
            self._end()
            self._socket, theirs = connected()
            self._process = subprocess.Popen(
                [sys.executable, "-c", f"from {__name__} import main; main({theirs.fileno()})"],
                cwd=PROJECT,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                process_group=0,  # Ctrl-C reaches the dashboard alone; this ends with its socket
            )
            theirs.close()
        return self._socket

    def _end(self) -> None:
        if self._socket is not None:
            self._socket.close()
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)  # with all that a cell has started
            self._process.wait()
        self._process = self._socket = None
        self.answered = False


_SHARED = Calculator()


def start() -> None:
    """Start this process's calculator before somebody asks; who asks is told why it cannot."""
    with contextlib.suppress(OSError):
        _SHARED.start()


def wait() -> None:
    """Wait until this process's calculator has loaded what it needs, or cannot."""
    with contextlib.suppress(BadSetting, OSError):
        _SHARED.ask("loaded")


def ask(function: str, *given: Any) -> Any:
    """Ask this process's calculator, as `Calculator.ask` says."""
    return _SHARED.ask(function, *given)


def has_answered() -> bool:
    """Whether this process's calculator has loaded torch, and more."""
    return _SHARED.answered


def serve(socket: Connection[Any, Any]) -> None:
    """Answer questions until nobody can ask any more."""
    calculations = importlib.import_module(CALCULATIONS)
    importlib.import_module("torch").set_num_threads(1)  # runs need the others
    with contextlib.suppress(EOFError, OSError):
        while True:
            function, given = socket.recv()
            socket.send(_answer_of(calculations, function, given))


def _answer_of(calculations: Any, function: str, given: Any) -> tuple[bool, Any]:
    try:
        return True, getattr(calculations, function)(*given)
    except (BadSetting, StoreError) as error:
        kind = BadSetting if isinstance(error, BadSetting) else StoreError
        return False, kind(str(error))  # a cell's own type, or cause, may not be known there
    except Exception as error:  # noqa: BLE001 - whoever asked is told, and the log has the rest
        logged = logs.log_failure(f"calculation {function}", error, log=logs.log)
        return False, Broken(f"{function}: {type(error).__name__} (error {logged} in the log)")


def _end_with_its_parent() -> None:
    """A calculation without end does not see that the socket is closed."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(1.0)
    os.killpg(0, signal.SIGKILL)


def main(descriptor: int) -> None:
    """Be the calculator of whoever holds the other end of a socket."""
    os.set_inheritable(descriptor, False)  # what a cell starts must not hold it open
    limit_memory()
    logs.set_up("calculator")
    threading.Thread(target=_end_with_its_parent, daemon=True).start()
    serve(Connection(descriptor))

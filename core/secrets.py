"""Secrets taken out of text that people, logs, runs and errors are shown.

What is masked is better too much than too little: a masked word costs a reader a second look.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote

MASK = "***"

MIN_LENGTH = 6
"""Characters from which on a value of the environment is masked: a shorter one is in every text."""

MAX_FILE = 4096
"""Bytes of a file that holds a secret."""

SECRET_NAME = re.compile(r".*(?:PASSWORD|SECRET|TOKEN|KEY)(_FILE)?", re.IGNORECASE)
"""How names of environment variables end that hold a secret, or name a file that does."""

ADDRESS = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.\-]*)://(?P<user>[^\s:/@'\"]*):(?P<rest>\S*)@")
"""`scheme://user:password@`: a password may hold anything but blanks, so it ends at the last @."""

WEB_USER = re.compile(r"(?P<scheme>\bhttps?)://[^\s:/@'\"]+@", re.IGNORECASE)
"""`https://token@host`: what a git remote may have."""

NAMED = re.compile(
    r"(?P<name>[\w\-]{0,64}(?:password|passwd|secret|token|api_?key|access_?key(?:_id)?|private_?key))"
    r"(?P<equals>['\"]?=|['\"]:\s*)"
    r"(?P<value>'[^']*'|\"[^\"]*\"|[^\s&;,'\"]+)",
    re.IGNORECASE,
)
"""`password=…` in an address or a command, `"client_secret": "…"` in JSON."""

BEARER = re.compile(r"(?P<kind>\b(?:bearer|basic))\s+[\w\-.~+/]{12,}=*", re.IGNORECASE)

TOKEN = re.compile(
    r"\b(?:gh[opsur]_\w{20,}|github_pat_\w{20,}|glpat-[\w\-]{16,}|xox[abeprs]-[\w\-]{10,}"
    r"|(?:AKIA|ASIA)[0-9A-Z]{16}|hf_[A-Za-z0-9]{20,}|eyJ[\w\-]{8,}\.[\w\-]{8,}\.[\w\-]*)"
)
"""Tokens that are known by their form: of GitHub, GitLab, Slack, AWS, Hugging Face, and JWT."""


def without_secrets(text: str) -> str:
    """The text with passwords, tokens and the secrets of the environment masked.

    `postgresql://unroll:pw@db/x` → `postgresql://unroll:***@db/x`
    """
    text = ADDRESS.sub(_address, text)
    text = WEB_USER.sub(rf"\g<scheme>://{MASK}@", text)
    for secret in environment_secrets():
        text = text.replace(secret, MASK)
    text = NAMED.sub(rf"\g<name>\g<equals>{MASK}", text)
    text = BEARER.sub(rf"\g<kind> {MASK}", text)
    return TOKEN.sub(MASK, text)


_added: set[str] = set()


def add_secrets(texts: Iterable[str]) -> None:
    """Mask these, too: secrets that come from a file of settings."""
    _added.update(text for text in texts if len(text) >= MIN_LENGTH and "://" not in text)


def environment_secrets() -> list[str]:
    """The secrets of this process, the longest first: one may contain another."""
    found = set(_added)
    for name, value in os.environ.items():
        if named := SECRET_NAME.fullmatch(name):
            found.add(_content(value) if named[1] else value.strip())
        elif address := ADDRESS.search(value):
            found |= {address["rest"], unquote(address["rest"])}
    return sorted((secret for secret in found if len(secret) >= MIN_LENGTH), key=len, reverse=True)


def _address(found: re.Match[str]) -> str:
    # The user of a web address may be the token itself, and its password a fixed word.
    user = "" if found["scheme"].lower() in ("http", "https") else f"{found['user']}:"
    return f"{found['scheme']}://{user}{MASK}@"


def _content(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return file.read(MAX_FILE).decode().strip()
    except (OSError, ValueError):
        return ""

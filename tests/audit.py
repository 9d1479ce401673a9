"""`python -m tests.audit`: known vulnerabilities of what is required, and secrets in tracked files.

Exit status: 0, 1 (something was found) or 2 (something could not be looked at, which is no pass).
`--accept` writes down that the secrets found now are none: look at each of them before.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent

BASELINE = PROJECT / ".secrets.baseline"
"""What looks like a secret and is none, by file and hash."""


def requirements() -> list[Path]:
    return sorted(PROJECT.glob("requirements*.txt"))


def audited(arguments: Sequence[str]) -> Mapping[str, Any] | None:
    """What pip-audit says, or None if it could not ask."""
    command = [sys.executable, "-m", "pip_audit", "--format=json", "--progress-spinner=off"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    try:
        answer: Mapping[str, Any] = json.loads(done.stdout)
    except ValueError:
        reason = (done.stderr.strip().splitlines() or ["it gave no reason"])[-1]
        print(f"pip-audit could not look: {reason}")
        return None
    return answer


def vulnerable(answer: Mapping[str, Any]) -> list[str]:
    """`name version: id, fixed in …` of every known vulnerability."""
    return [
        f"{one['name']} {one['version']}: {found['id']}, "
        f"fixed in {', '.join(found['fix_versions']) or 'no version yet'}"
        for one in answer["dependencies"]
        for found in one.get("vulns", ())
    ]


def unknown(answer: Mapping[str, Any]) -> list[str]:
    """The packages of which the service said nothing: pip-audit passes them."""
    return sorted({one["name"] for one in answer["dependencies"] if "skip_reason" in one})


def audit_dependencies() -> int:
    """The pinned packages, and everything that is installed with them."""
    files = [word for path in requirements() for word in ("-r", str(path))]
    answers = [audited(["--no-deps", "--disable-pip", *files]), audited(["--skip-editable"])]
    found = sorted({line for answer in answers if answer for line in vulnerable(answer)})
    unseen = sorted({name for answer in answers if answer for name in unknown(answer)})
    for line in found:
        print(line)
    if None in answers or unseen:
        what = f": {', '.join(unseen)}" if unseen else ""
        print(
            "NOT AUDITED: the vulnerability service (PyPI's) does not answer, or does not know "
            f"{len(unseen) or 'the'} packages{what}"
        )
    if found:
        return 1
    if None in answers or unseen:
        return 2
    print("dependencies: no known vulnerability")
    return 0


def scanned() -> Mapping[str, Any]:
    """What detect-secrets finds in the tracked files."""
    listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=PROJECT, text=True)
    files = [name for name in listed.split("\0") if name and name != BASELINE.name]
    command = [sys.executable, "-m", "detect_secrets", "scan", *files]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    answer: Mapping[str, Any] = json.loads(done.stdout)
    return answer


def hashes(answer: Mapping[str, Any]) -> set[tuple[str, str]]:
    """File and hash of each secret; where it stands in the file may change."""
    return {(name, s["hashed_secret"]) for name, found in answer["results"].items() for s in found}


def new_secrets(answer: Mapping[str, Any], baseline: Mapping[str, Any]) -> list[str]:
    """`file:line: kind` of each that the baseline does not have."""
    known = hashes(baseline)
    return [
        f"{name}:{secret['line_number']}: {secret['type']}"
        for name, found in sorted(answer["results"].items())
        for secret in found
        if (name, secret["hashed_secret"]) not in known
    ]


def audit_secrets(*, accept: bool) -> int:
    answer = scanned()
    if accept:
        BASELINE.write_text(json.dumps(answer, indent=1) + "\n")
    found = new_secrets(answer, json.loads(BASELINE.read_text()))
    for line in found:
        print(f"{line}: remove it, or if it is none: make audit ARGS=--accept")
    if not found:
        print(f"tracked files: no secret ({len(hashes(answer))} known ones are none)")
    return int(bool(found))


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.audit", description=__doc__)
    parser.add_argument("--accept", action="store_true", help="the secrets found now are none")
    args = parser.parse_args(words)
    statuses = [audit_secrets(accept=args.accept), audit_dependencies()]
    return 1 if 1 in statuses else max(statuses)


if __name__ == "__main__":
    sys.exit(main())

"""The command line: `python -m experiments`.

Data goes to standard output, everything else to standard error. Exit status: 0, 1 (a run failed,
or the store cannot be used) or 2 (bad usage: one line that names the field, nothing recorded).
"""

from __future__ import annotations

import sys

from core.formatting import one_line
from core.secrets import without_secrets
from core.settings import BadSetting
from core.store.folder import StoreError
from core.store.tracking import is_temporary
from experiments.cli import parse

MAX_MESSAGE = 1000
"""Characters of an error; an argument may have a million."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit status."""
    try:
        args = parse(sys.argv[1:] if arguments is None else arguments)
        return int(args.command(args))
    except BadSetting as error:
        _say(error)
        return 2
    except StoreError as error:
        _say(error)
        return 1
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except Exception as error:
        if not is_temporary(error):
            raise
        _say(f"the store does not answer ({error}); try again when it is there")
        return 1


def _say(error: object) -> None:
    """Print an error on one line that every terminal can show, however long what it quotes is."""
    text = without_secrets(one_line(str(error))).encode(errors="backslashreplace").decode()
    if len(text) > MAX_MESSAGE:
        text = f"{text[: MAX_MESSAGE // 2]} … {text[-MAX_MESSAGE // 2 :]}"
    print(f"error: {text}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())

"""The command line: `python -m experiments`.

Data goes to standard output, everything else to standard error. Exit status: 0, 1 (a run failed,
or the store cannot be used) or 2 (bad usage: one line that names the field, nothing recorded).
"""

from __future__ import annotations

import sys

from core.settings import BadSetting
from core.store.folder import StoreError
from experiments.cli import parse


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit status."""
    try:
        args = parse(sys.argv[1:] if arguments is None else arguments)
        return int(args.command(args))
    except BadSetting as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except StoreError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        sys.stderr.close()
        return 1


if __name__ == "__main__":
    sys.exit(main())

"""Start of the program: ``reconciler`` and ``python -m reconciler``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from reconciler.cli.failures import guarded
from reconciler.cli.invocation import Invocation
from reconciler.cli.root import cli


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status; ``arguments`` None: those of the process."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # text streams here
    invocation = Invocation()
    return guarded(
        lambda: cli.main(
            args=None if arguments is None else list(arguments),
            prog_name="reconciler",
            obj=invocation,
            standalone_mode=False,
        ),
        invocation,
    )


if __name__ == "__main__":
    sys.exit(main())

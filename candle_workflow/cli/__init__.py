"""The command line: one sub-command a file. Only here is printed, and is logging set up."""

import sys
from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """Run the command line and exit."""
    try:
        from candle_workflow.cli.entry import run_and_exit  # inside: Ctrl-C may come this early

        run_and_exit()
    except KeyboardInterrupt:
        sys.exit(130)

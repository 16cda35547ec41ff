"""The commands' list, and how an error becomes a message and an exit code.

Exit codes: 0 done, 1 ended by a campaign's failure limit (or a fault of ours), 2 the user's
input is wrong, 3 the journal or store is damaged or held, 4 the batch system, 130 interrupted.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Any, NoReturn

import click

from candle_workflow._version import __version__
from candle_workflow.cli.session import Session
from candle_workflow.errors import CandleError, nearest

PROGRAM = "candle-workflow"
INTERRUPTED = 130
PIPE_CLOSED = 141  # as if ended by SIGPIPE, which Python turns into an error

# in the order of --help; each module has a ``command``
COMMANDS = {
    "run": "run",
    "plan": "plan",
    "try": "try_one",
    "list": "list_campaigns",
    "status": "status",
    "watch": "watch",
    "logs": "logs",
    "results": "results",
    "report": "report",
    "resume": "resume",
    "cancel": "cancel",
    "benchmarks": "benchmarks",
    "sites": "sites",
    "init": "init",
}


class _Commands(click.Group):
    """Imports a sub-command's file when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"candle_workflow.cli.{COMMANDS[cmd_name]}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(
                f"there is no command '{args[0]}'.{nearest(args[0], COMMANDS)}", ctx
            )
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Example:
  candle-workflow run hpo nt3           a search over a benchmark that ships
  candle-workflow init train.py         a campaign for a script of your own""",
)
@click.version_option(__version__, prog_name=PROGRAM)
@click.option("--debug", is_flag=True, help="Show all log lines, and tracebacks of errors.")
@click.pass_obj
def app(session: Session, debug: bool) -> None:
    """Run campaigns of deep-learning trainings: hyperparameter searches and more.

    A campaign is a YAML file and a folder of everything that came of it.
    """
    session.debug = debug
    session.open_log()


def run_and_exit() -> NoReturn:
    """Run the command line and exit."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # whoever replaced it has its own way
            # line by line also into a file; a terminal without our signs gets others
            stream.reconfigure(line_buffering=True, errors="replace")
    code = run(sys.argv[1:])
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command line; print what went wrong, and give the exit code."""
    session = Session()
    try:
        with app.make_context(PROGRAM, list(arguments), obj=session) as context:
            code = app.invoke(context)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except BaseException as error:
        return _explain(error, session)
    finally:
        session.close_log()


def _explain(error: BaseException, session: Session) -> int:
    if session.debug and not isinstance(error, click.exceptions.Exit | BrokenPipeError):
        import traceback

        traceback.print_exception(error)
    match error:
        case click.exceptions.Exit():
            return error.exit_code
        case click.ClickException():
            error.show()
            return error.exit_code
        case KeyboardInterrupt() | click.Abort():
            print("interrupted", file=sys.stderr)
            return INTERRUPTED
        case BrokenPipeError():
            # what is still buffered would fail again when Python exits
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return PIPE_CLOSED
        case CandleError():
            print(f"error: {error}", file=sys.stderr)
            return error.exit_code
        case Exception():
            return _own_fault(error, session)
    raise error


def _own_fault(error: Any, session: Session) -> int:
    path = session.keep_traceback(error)
    print(
        f"error: {type(error).__name__}: {error}\n"
        f"This was not foreseen, so it may be a fault of {PROGRAM} or of a plug-in.\n"
        f"The traceback is in {path}.",
        file=sys.stderr,
    )
    return 1

"""The command line: one sub-command a file. Only here is printed, and is logging set up."""

from candle_workflow.cli.entry import main

__all__ = ["main"]

"""Whether a campaign can work, before anything runs: its spec against its plug-ins."""

from candle_workflow.check.check import build_planner, check

__all__ = ["build_planner", "check"]

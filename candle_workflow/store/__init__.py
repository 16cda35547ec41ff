"""The store: an index over journals in SQL, what every view reads."""

from candle_workflow.store.store import Store

__all__ = ["Store"]

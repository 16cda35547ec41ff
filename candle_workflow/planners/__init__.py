"""What decides which trials to make; found by name over the group ``candle_workflow.planners``.

Each file holds one planner as ``protocols.Planner`` asks for it, ``optuna`` a family of
them; ``options`` is what they share.
"""

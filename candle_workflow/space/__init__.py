"""The search space: parameter kinds, conditions, sampling and enumeration."""

from candle_workflow.space.parameters import Choice, Float, Integer, Parameter
from candle_workflow.space.space import Space

__all__ = ["Choice", "Float", "Integer", "Parameter", "Space"]

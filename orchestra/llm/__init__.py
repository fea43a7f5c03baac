"""The one door to LiteLLM."""

from orchestra.llm.leaf import Leaf

__all__ = ["Leaf"]

"""LiteLLM-based projects, unchanged: its functions, and policies as models of a provider called `orchestra`."""

from orchestra.dropin.installed import install, uninstall

__all__ = ["install", "uninstall"]

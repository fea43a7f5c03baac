"""The policy file and the spec's settings, as frozen pydantic models."""

from orchestra.settings.api import APISettings, EnsembleConfig, RouterConfig
from orchestra.settings.file import PolicyFile, find, parse, read
from orchestra.settings.nodes import ModelSpec
from orchestra.settings.provider import ProviderConfig
from orchestra.settings.secret import Secret

__all__ = [
    "APISettings",
    "EnsembleConfig",
    "ModelSpec",
    "PolicyFile",
    "ProviderConfig",
    "RouterConfig",
    "Secret",
    "find",
    "parse",
    "read",
]

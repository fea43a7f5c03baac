"""LiteLLM's own `config.yaml` read as a policy file: deployments become models, groups and aliases policies."""

from orchestra.settings.litellm_config.deployments import MODEL_LIST
from orchestra.settings.litellm_config.translate import READ, translated

__all__ = ["MODEL_LIST", "READ", "translated"]

"""Who made a model: those of one maker share their data, and so their errors."""

from __future__ import annotations

import re

from orchestra.model_config import ModelConfig

MAKERS = (
    (r"gpt|o\d(?!\w)|chatgpt|davinci|codex", "openai"),
    (r"claude", "anthropic"),
    (r"gemini|gemma|palm", "google"),
    (r"llama", "meta"),
    (r"mi[sx]tral|magistral|codestral|ministral|pixtral|devstral", "mistral"),
    (r"qwen|qwq", "alibaba"),
    (r"deepseek", "deepseek"),
    (r"command|aya", "cohere"),
    (r"grok", "xai"),
    (r"kimi", "moonshot"),
    (r"nova|titan", "amazon"),
    (r"phi", "microsoft"),
    (r"sonar", "perplexity"),
)
"""How the names of a maker's models begin, whoever serves them."""


def family(model: ModelConfig) -> str:
    """The maker of a model by its name, else its provider."""
    name = model.card.litellm.rpartition("/")[2].casefold()
    return next((maker for begin, maker in MAKERS if re.match(begin, name)), model.provider)

"""A provider on loopback, and LiteLLM's real HTTP code pointed at it."""

import inspect
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import litellm
import pytest

from orchestra.testing.provider import Operation, Provider

MODELS: Mapping[str, str] = {
    "openai": "gpt-4o",
    "anthropic": "claude-haiku-5-5",
    "gemini": "gemini-2.5-flash-lite",
    "groq": "openai/gpt-oss-20b",
    "mistral": "mistral-small-latest",
    "cohere": "command-r7b-12-2024",
    "cohere_chat": "command-r7b-12-2024",
    "perplexity": "sonar",
    "together_ai": "openai/gpt-oss-120b",
    "ollama": "llama3",
    "ollama_chat": "llama3",
    "hosted_vllm": "qwen",
    "lm_studio": "qwen",
}


@dataclass(frozen=True)
class Client:
    """LiteLLM, called as orchestra calls it: one attempt, usage always asked for."""

    provider: Provider

    def where(self, name: str, operation: Operation = "chat", model: str | None = None) -> dict[str, Any]:
        """The arguments that point LiteLLM at the stand-in."""
        return {
            "model": f"{name}/{model or MODELS[name]}",
            "api_base": self.provider.api_base(name, operation),
            "api_key": "x",
            "max_retries": 0,
            "num_retries": 0,
            "timeout": 10,
        }

    async def ask(self, name: str, mode: str, text: str = "hello there friend", **parameters: Any) -> Any:
        """A plain answer, by LiteLLM's sync or async function."""
        message = {"role": "user", "content": text}
        parameters = {**self.where(name), "messages": [message], "_skip_mcp_handler": True, **parameters}
        return await litellm.acompletion(**parameters) if mode == "async" else litellm.completion(**parameters)

    async def stream(self, name: str, mode: str, **parameters: Any) -> list[Any]:
        """All chunks of a streamed answer."""
        parameters |= {"stream": True, "stream_options": {"include_usage": True}}
        wrapper = await self.ask(name, mode, **parameters)
        return [chunk async for chunk in wrapper] if mode == "async" else list(wrapper)


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A fresh stand-in."""
    with Provider() as provider:
        yield provider


@pytest.fixture
async def client(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    """LiteLLM, pointed at the stand-in and silent; its connections do not outlive the test's event loop."""
    monkeypatch.setattr(litellm, "suppress_debug_info", True)
    monkeypatch.setattr(litellm, "disable_hf_tokenizer_download", True)
    yield Client(provider)
    cache = litellm.in_memory_llm_clients_cache
    lazily_made = [vars(litellm).pop(name, None) for name in ("module_level_client", "module_level_aclient")]
    for connections in filter(None, [*cache.cache_dict.values(), *lazily_made]):
        closing = connections.close()
        if inspect.isawaitable(closing):
            await closing
    cache.flush_cache()  # type: ignore[no-untyped-call]

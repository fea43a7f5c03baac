"""Every provider that is stood in for, with its wire format."""

from collections.abc import Mapping

from orchestra.testing.provider.anthropic_format import Anthropic
from orchestra.testing.provider.cohere_format import Cohere
from orchestra.testing.provider.gemini_format import Gemini
from orchestra.testing.provider.ollama_format import Ollama
from orchestra.testing.provider.openai_dialects import Groq, LmStudio, Mistral, Perplexity, Together, Vllm
from orchestra.testing.provider.openai_format import OpenAI
from orchestra.testing.provider.wire import Wire

WIRES: Mapping[str, Wire] = {
    wire.name: wire
    for wire in (
        OpenAI("openai"),
        Anthropic("anthropic"),
        Gemini("gemini"),
        Groq("groq"),
        Mistral("mistral"),
        Cohere("cohere"),
        Cohere("cohere_chat"),
        Perplexity("perplexity"),
        Together("together_ai"),
        Ollama("ollama"),
        Ollama("ollama_chat"),
        Vllm("hosted_vllm"),
        LmStudio("lm_studio"),
    )
}

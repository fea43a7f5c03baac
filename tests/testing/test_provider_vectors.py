"""Embeddings and reranking through LiteLLM, for every provider that has them."""

from importlib.metadata import version
from typing import Any

import litellm
import pytest
from litellm.exceptions import ServiceUnavailableError

from orchestra.testing.provider import Fault, Provider

MODES = ("sync", "async")
SINCE_1_106 = pytest.mark.skipif(
    tuple(map(int, version("litellm").split(".")[:2])) < (1, 106), reason="how LiteLLM behaves since 1.106"
)
EMBEDDING = {
    "openai": "text-embedding-3-small",
    "mistral": "mistral-embed",
    "together_ai": "BAAI/bge-base-en-v1.5",
    "hosted_vllm": "bge",
    "lm_studio": "nomic",
    "gemini": "gemini-embedding-001",
    "cohere": "embed-v4.0",
    "ollama": "nomic-embed-text",
}
RERANK = {"cohere": "rerank-v3.5", "together_ai": "Salesforce/Llama-Rank-V1", "hosted_vllm": "bge-reranker"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", EMBEDDING)
async def test_embeddings(provider: Provider, client: Any, name: str, mode: str) -> None:
    """One vector a text, equal for equal texts, and the tokens that were billed."""
    where = client.where(name, "embedding", EMBEDDING[name])
    texts = ["hello there", "bye now then", "hello there"]
    embedding: Any = litellm.embedding if mode == "sync" else litellm.aembedding
    embedded = embedding(**where, input=texts)
    response = embedded if mode == "sync" else await embedded
    hello, bye, again = (list(item["embedding"]) for item in response.data)
    assert hello == again != bye
    (record,) = provider.calls
    assert (record.operation, record.input_tokens, record.output_tokens) == ("embedding", 7, 0)
    assert response.usage.prompt_tokens == 7


@pytest.mark.filterwarnings("ignore:The `dict` method is deprecated")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", RERANK)
@SINCE_1_106
async def test_rerank(provider: Provider, client: Any, name: str, mode: str) -> None:
    """The document that shares most words with the query comes first."""
    arguments = {
        **client.where(name, "rerank", RERANK[name]),
        "query": "red fox",
        "documents": ["blue sky", "a fox", "the red fox"],
        "top_n": 2,
    }
    rerank: Any = litellm.rerank if mode == "sync" else litellm.arerank
    ranked = rerank(**arguments)
    response = ranked if mode == "sync" else await ranked
    assert [(result["index"], result["relevance_score"]) for result in response.results] == [(2, 1.0), (1, 0.5)]
    assert provider.calls[-1].operation == "rerank"


async def test_a_rule_for_one_operation(provider: Provider, client: Any) -> None:
    """Embeddings can fail while chat works."""
    provider.on("openai", operation="embedding").always(Fault.UNAVAILABLE)
    with pytest.raises(ServiceUnavailableError):
        await litellm.aembedding(**client.where("openai", "embedding", "text-embedding-3-small"), input=["hello"])
    assert (await client.ask("openai", "async")).choices


@pytest.mark.parametrize(("name", "operation"), [("anthropic", "embedding"), ("openai", "rerank")])
def test_what_a_provider_does_not_have(provider: Provider, name: str, operation: Any) -> None:
    """There is no address for an operation that the provider lacks."""
    with pytest.raises(ValueError, match=f"{name} has no {operation}"):
        provider.api_base(name, operation)

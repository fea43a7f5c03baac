import pytest
from orchestra.testing.provider import Provider, Fault


async def test_a(provider, client, monkeypatch):
    import litellm

    litellm.suppress_debug_info = True
    api = client(max_retries=0)
    for k in "openai anthropic google groq mistral cohere perplexity together ollama vllm lm_studio".split():
        for f in Fault:
            if f is Fault.HANG:
                continue
            for stream in (0, 1):
                provider.fail(f, retry_after_s=7)
                try:
                    if stream:
                        s = api.generate_stream("a b c", model=k)
                        t = [c.text async for c in s]
                        r = s.response
                    else:
                        r = await api.generate("a b c", model=k)
                    print(k, f.name, stream, "OK", r.attempts[-1].basis)
                except Exception as e:
                    print(
                        k,
                        f.name,
                        stream,
                        type(e).__name__,
                        e.status,
                        e.journal[-1].basis,
                        e.retry_after_s,
                        str(e)[:100],
                    )

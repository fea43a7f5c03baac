"""The stand-in itself: its rules, its strictness, its books."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra.testing.provider import Answer, Call, Failure, Fault, Provider, Raw
from orchestra.testing.provider.call import text_of
from orchestra.testing.provider.generation import example, tokens, vector

HELLO = {"model": "m", "messages": [{"role": "user", "content": "hello there"}]}
KEY = {"Authorization": "Bearer x"}


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    """A plain HTTP client."""
    with httpx.Client(timeout=10) as http:
        yield http


def _chat(http: httpx.Client, provider: Provider, *, name: str = "openai", **fields: Any) -> httpx.Response:
    return http.post(f"{provider.api_base(name)}/chat/completions", headers=KEY, json={**HELLO, **fields})


def _text(response: httpx.Response) -> Any:
    return response.json()["choices"][0]["message"]["content"]


def test_the_default_answer_is_an_echo(provider: Provider, http: httpx.Client) -> None:
    """Without a script the answer repeats the question, and a token is a word."""
    response = _chat(http, provider)
    assert _text(response) == "echo: hello there"
    assert response.json()["usage"]["prompt_tokens"] == 2
    assert response.json()["usage"]["completion_tokens"] == 3


def test_equal_requests_get_equal_answers(http: httpx.Client) -> None:
    """Two stand-ins answer the same request with the same bytes."""
    answers = []
    for _ in range(2):
        with Provider() as provider:
            answers.append(_chat(http, provider).content)
    assert answers[0] == answers[1]


def test_a_queue_comes_before_what_is_always_done(provider: Provider, http: httpx.Client) -> None:
    """Queued replies are used up in their order, then the lasting one holds."""
    provider.reply("first", Answer("second")).always("later")
    assert [_text(_chat(http, provider)) for _ in range(4)] == ["first", "second", "later", "later"]


def test_a_reset_drops_rules_and_books_and_keeps_the_address(provider: Provider, http: httpx.Client) -> None:
    """One stand-in can serve many tests, each of which finds it as new."""
    provider.reply("first").always("later").on("openai").always("for openai")
    url, before = provider.url, _text(_chat(http, provider))
    provider.reset()
    assert provider.calls == ()
    assert (before, _text(_chat(http, provider))) == ("for openai", "echo: hello there")
    assert [record.number for record in provider.calls] == [1]
    assert provider.url == url


def test_the_most_particular_rule_wins(provider: Provider, http: httpx.Client) -> None:
    """A rule for provider and model beats one for either, and all beat the rule for every call."""
    provider.always("any")
    provider.on("groq").always("groq")
    provider.on(model="gpt-4o").always("model")
    provider.on("groq", model="gpt-4o").always("both")
    asked = [("openai", "m"), ("groq", "m"), ("openai", "gpt-4o"), ("groq", "gpt-4o")]
    assert [_text(_chat(http, provider, name=name, model=model)) for name, model in asked] == [
        "any",
        "groq",
        "model",
        "both",
    ]


def test_a_model_may_be_named_as_litellm_names_it(provider: Provider, http: httpx.Client) -> None:
    """`groq/m` is the model `m` of Groq."""
    provider.on(model="groq/m").always("found")
    assert _text(_chat(http, provider, name="groq")) == "found"
    assert _text(_chat(http, provider)) != "found"


def test_a_rule_with_nothing_to_say_lets_the_call_pass(provider: Provider, http: httpx.Client) -> None:
    """When its queue is empty the next rule decides."""
    provider.always("any").on(model="m").reply("once")
    assert [_text(_chat(http, provider)) for _ in range(2)] == ["once", "any"]


def test_failures_are_counted(provider: Provider, http: httpx.Client) -> None:
    """`times` failures, then answers again."""
    provider.fail(Fault.UNAVAILABLE, times=2)
    assert [_chat(http, provider).status_code for _ in range(3)] == [503, 503, 200]


def test_a_function_decides(provider: Provider, http: httpx.Client) -> None:
    """A function sees the call and answers it; an async one too."""

    async def shout(call: Call) -> Answer:
        return Answer(call.question.upper())

    provider.reply(lambda call: f"{call.provider} {call.model} {call.stream}", shout)
    assert [_text(_chat(http, provider)) for _ in range(2)] == ["openai m False", "HELLO THERE"]


def test_raw_bytes_go_out_as_they_are(provider: Provider, http: httpx.Client) -> None:
    """Whole control: status, headers, body."""
    provider.reply(Raw(b"gone", 307, {"Location": "http://127.0.0.1:1/"}))
    response = _chat(http, provider)
    assert (response.status_code, response.content) == (307, b"gone")
    assert response.headers["location"] == "http://127.0.0.1:1/"


def test_max_tokens_is_kept_to(provider: Provider, http: httpx.Client) -> None:
    """A longer answer is cut there, says so, and is billed no more."""
    provider.always("one two three four")
    response = _chat(http, provider, max_tokens=2)
    assert (_text(response), response.json()["choices"][0]["finish_reason"]) == ("one two ", "length")
    assert provider.calls[-1].output_tokens == 2


def test_a_provider_can_break_its_word(provider: Provider, http: httpx.Client) -> None:
    """With `output_tokens` given, more is billed than was allowed."""
    provider.reply(Answer("one two three", output_tokens=900))
    assert _chat(http, provider, max_tokens=2).json()["usage"]["completion_tokens"] == 900
    assert provider.calls[-1].output_tokens == 900


def test_each_choice_is_billed(provider: Provider, http: httpx.Client) -> None:
    """`n` answers cost `n` times the output."""
    provider.reply("one two")
    assert len(_chat(http, provider, n=3).json()["choices"]) == 3
    assert provider.calls[-1].output_tokens == 6


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_the_books_show_the_request(provider: Provider, http: httpx.Client, stream: bool) -> None:
    """A record has what was sent, as it was sent."""
    _chat(http, provider, stream=stream, user="me")
    (record,) = provider.settled()
    assert (record.number, record.provider, record.operation, record.model) == (1, "openai", "chat", "m")
    assert (record.path, record.stream, record.status, record.ended) == ("/v1/chat/completions", stream, 200, True)
    assert (record.headers["authorization"], record.body["user"]) == ("Bearer x", "me")


def test_the_key_is_not_in_a_records_repr(provider: Provider, http: httpx.Client) -> None:
    """A failing test does not print headers or prompts."""
    address = f"{provider.api_base('openai')}/chat/completions"
    http.post(address, headers={"Authorization": "Bearer sk-canary"}, json=HELLO)
    assert "canary" not in repr(provider.calls)
    assert "hello" not in repr(provider.calls)


@pytest.mark.parametrize(
    ("name", "path", "body"),
    [
        ("openai", "/chat/completions", HELLO),
        ("groq", "/chat/completions", HELLO),
        ("anthropic", "/v1/messages", {**HELLO, "max_tokens": 5}),
        ("gemini", "/models/m:generateContent", {"contents": []}),
        ("cohere", "", HELLO),
    ],
)
def test_no_key_is_refused(provider: Provider, http: httpx.Client, name: str, path: str, body: Any) -> None:
    """A request without the provider's own header is an authentication error, and no rule is used up."""
    provider.reply("kept")
    response = http.post(f"{provider.api_base(name)}{path}", headers={"X-Other": "x"}, json=body)
    assert response.status_code == (400 if name == "gemini" else 401)
    assert _text(_chat(http, provider)) == "kept"


@pytest.mark.parametrize("name", ["hosted_vllm", "lm_studio"])
def test_open_servers_need_no_key(provider: Provider, http: httpx.Client, name: str) -> None:
    """A server of one's own takes requests without a key."""
    assert http.post(f"{provider.api_base(name)}/chat/completions", json=HELLO).status_code == 200


@pytest.mark.parametrize(
    ("name", "path", "body", "word"),
    [
        ("anthropic", "/v1/messages", HELLO, "max_tokens"),
        ("openai", "/chat/completions", {"model": "m"}, "messages"),
        ("openai", "/chat/completions", {**HELLO, "orchestra": 1}, "orchestra"),
        ("groq", "/chat/completions", {**HELLO, "orchestra": 1}, "orchestra"),
        ("mistral", "/chat/completions", {**HELLO, "orchestra": 1}, "orchestra"),
        ("gemini", "/models/m:generateContent", {"contents": [{}], "orchestra": 1}, "orchestra"),
        ("openai", "/embeddings", {"model": "m"}, "input"),
        ("openai", "/chat/completions", [], "object"),
    ],
)
def test_a_wrong_body_is_refused(
    provider: Provider, http: httpx.Client, name: str, path: str, body: Any, word: str
) -> None:
    """What the provider would refuse is refused, naming the field; it is on the books all the same."""
    headers = {**KEY, "x-api-key": "x", "x-goog-api-key": "x"}
    response = http.post(f"{provider.api_base(name)}{path}", headers=headers, json=body)
    assert response.status_code == 400
    assert word in response.text
    assert (provider.calls[-1].status, provider.calls[-1].body) == (400, body)


def test_unknown_fields_pass_when_not_strict(http: httpx.Client) -> None:
    """With `strict=False` a provider's unknown fields are only recorded."""
    with Provider(strict=False) as provider:
        assert _chat(http, provider, orchestra=1).status_code == 200
        assert provider.calls[-1].body["orchestra"] == 1


def test_a_wrong_path_is_not_found(provider: Provider, http: httpx.Client) -> None:
    """A path that the provider does not have is its 404, on the books; a provider that there is not is none's."""
    assert http.post(f"{provider.url}/openai/chat/completions", headers=KEY, json=HELLO).status_code == 404
    assert provider.calls[-1].operation == ""
    assert "there are openai" in http.post(f"{provider.url}/opneai/v1", json=HELLO).text


def test_many_at_once(provider: Provider, http: httpx.Client) -> None:
    """Requests from many threads each get one reply and one record."""
    provider.reply(*[f"word{index}" for index in range(40)])
    texts: list[str] = []
    threads = [threading.Thread(target=lambda: texts.append(_text(_chat(http, provider)))) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(texts) == sorted(f"word{index}" for index in range(40))
    assert [record.number for record in provider.calls] == list(range(1, 41))


def test_waiting_tells_what_it_waits_for(provider: Provider, http: httpx.Client) -> None:
    """A wait that is over without result shows the books."""
    _chat(http, provider)
    with pytest.raises(TimeoutError, match="model='m'"):
        provider.arrived(2, timeout_s=0)


def test_stop_ends_what_hangs(http: httpx.Client) -> None:
    """A hanging request does not keep the stand-in from stopping, and is not taken for a caller that left."""
    provider = Provider().start()
    provider.reply(Failure(Fault.HANG))
    errors: list[BaseException] = []

    def call() -> None:
        with pytest.raises(httpx.RemoteProtocolError) as caught:
            _chat(http, provider)
        errors.append(caught.value)

    caller = threading.Thread(target=call)
    caller.start()
    provider.arrived(1)
    provider.stop()
    caller.join()
    assert len(errors) == 1
    assert [(record.ended, record.closed_early) for record in provider.calls] == [(True, False)]
    provider.stop()


def test_example_follows_references() -> None:
    """A schema with definitions, as pydantic writes it, is followed."""
    schema = {"$defs": {"Town": {"type": "object", "properties": {"name": {"type": "string"}}}}, "$ref": "#/$defs/Town"}
    assert example(schema) == {"name": "example"}


SIMPLE = st.one_of(
    st.sampled_from([{"type": "boolean"}, {"type": "null"}, {"type": "number"}, {"type": ["string", "null"]}]),
    st.builds(lambda least: {"type": "integer", "minimum": least}, st.integers(-9, 9)),
    st.builds(lambda least: {"type": "string", "minLength": least, "maxLength": least + 3}, st.integers(0, 20)),
    st.builds(lambda values: {"enum": values}, st.lists(st.integers() | st.text(), min_size=1)),
)
SCHEMAS = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        st.builds(lambda items, least: {"type": "array", "items": items, "minItems": least}, inner, st.integers(0, 3)),
        st.builds(
            lambda properties: {"type": "object", "properties": properties, "required": sorted(properties)},
            st.dictionaries(st.text(), inner, max_size=4),
        ),
        st.builds(lambda options: {"anyOf": options}, st.lists(inner, min_size=1, max_size=3)),
    ),
    max_leaves=8,
)


@given(SCHEMAS)
def test_example_fits_its_schema(schema: Any) -> None:
    """What is made up for a schema is valid against it."""
    jsonschema.validate(example(schema), schema)


@given(st.text())
def test_tokens_make_up_the_text(text: str) -> None:
    """No character is lost, and no token is empty."""
    assert "".join(tokens(text)) == text
    assert all(tokens(text))


@given(st.text(), st.integers(1, 64))
def test_a_vector_has_length_one(text: str, dimensions: int) -> None:
    """Every text has a vector of as many dimensions as asked for, of unit length."""
    values = vector(text, dimensions)
    assert len(values) == dimensions
    assert sum(value * value for value in values) == pytest.approx(1)


@pytest.mark.parametrize(
    "content",
    [
        "a b",
        [{"type": "text", "text": "a b"}],
        {"parts": [{"text": "a"}, {"text": "b"}]},
        [{"content": "a"}, None, "b"],
    ],
)
def test_text_is_found_in_any_shape(content: Any) -> None:
    """Whatever shape a provider gives to content, its words are read."""
    assert text_of(json.loads(json.dumps(content))) == "a b"

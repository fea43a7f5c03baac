"""Promise 9: no key in a log, exception, repr, event, ledger row or pickle; no pickle, no `yaml.load`, no `eval`."""

from __future__ import annotations

import ast
import copy
import json
import logging
import os
import pickle
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

import orchestra
from orchestra import APISettings, ConfigError, ModelError, MultiModelAPI, OrchestraError, ProviderConfig, trace
from orchestra.settings import Secret, parse
from orchestra.testing import Fault, Provider

Client = Callable[..., MultiModelAPI]

CANARY = "sk-canary-0123456789abcdef"
KINDS: tuple[str, ...] = (
    "openai",
    "anthropic",
    "google",
    "groq",
    "mistral",
    "cohere",
    "perplexity",
    "together",
    "ollama",
    "vllm",
    "lm_studio",
)
PACKAGE = Path(orchestra.__file__).parent


def shown(error: BaseException) -> str:
    """All that an error shows of itself: text, repr, attributes, and the traceback with its causes."""
    parts = [str(error), repr(error), repr(vars(error)), *traceback.format_exception(error)]
    for cause in (error.__cause__, error.__context__):
        parts += [] if cause is None else [str(cause), repr(cause)]
    return "\n".join(parts)


async def both_ways(api: MultiModelAPI, kind: str) -> Iterator[Any]:
    """The outcome of a plain and of a streamed call."""
    outcomes: list[Any] = []
    for streaming in (False, True):
        try:
            if streaming:
                stream = api.generate_stream("hello", model=kind)
                async for _ in stream:
                    pass
                outcomes.append(stream.response)
            else:
                outcomes.append(await api.generate("hello", model=kind))
        except OrchestraError as error:
            outcomes.append(error)
    return iter(outcomes)


@pytest.mark.parametrize("kind", KINDS)
async def test_an_answer_has_no_key_in_it(provider: Provider, client: Client, kind: str) -> None:
    """Response, raw response, trace, attempts and decision, as text, as data and pickled."""
    for response in await both_ways(client(CANARY), kind):
        assert response.text == "echo: hello"
        parts = [repr(response), response.trace(), json.dumps(trace.as_dict(response)), repr(response.raw)]
        parts += [repr(response.attempts), repr(vars(response.raw)), repr(response.raw._hidden_params)]
        assert CANARY not in "\n".join(parts)
        assert CANARY.encode() not in pickle.dumps(response)
        assert copy.deepcopy(response) == response
    assert any(CANARY in str(record.headers) for record in provider.calls)


@pytest.mark.parametrize("fault", [Fault.UNAUTHORIZED, Fault.BAD_REQUEST, Fault.SERVER_ERROR], ids=lambda f: f.name)
@pytest.mark.parametrize("kind", KINDS)
async def test_an_error_has_no_key_in_it(provider: Provider, client: Client, kind: str, fault: Fault) -> None:
    """Not even where the provider says the key back."""
    provider.always(fault)
    provider.fail(fault, times=2, message=f"Incorrect API key provided: {CANARY}.")
    api = client(CANARY, router=None, max_retries=0)
    for error in [*await both_ways(api, kind), *await both_ways(api, kind)]:
        assert isinstance(error, ModelError)
        assert CANARY not in "".join((str(error), repr(error), repr(vars(error)), repr(error.journal)))


@pytest.mark.parametrize("kind", KINDS)
async def test_the_traceback_of_an_error_has_no_key_in_it(provider: Provider, client: Client, kind: str) -> None:
    """What a log of the exception would print, LiteLLM's own error included, when the provider is merely failing."""
    provider.always(Fault.SERVER_ERROR)
    for error in await both_ways(client(CANARY, router=None, max_retries=0), kind):
        assert CANARY not in shown(error)


@pytest.mark.parametrize("kind", KINDS)
async def test_our_logs_have_no_key_in_them(
    provider: Provider, client: Client, kind: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """At DEBUG, of everything that runs in the process, and on both outputs; an answer, then a failure."""
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, logger="LiteLLM"):
        await both_ways(client(CANARY, max_retries=0), kind)
        provider.always(Fault.UNAUTHORIZED)
        await both_ways(client(CANARY, router=None, max_retries=0), kind)
    assert "call.finished" in caplog.text
    assert CANARY not in caplog.text
    assert CANARY not in "".join(capfd.readouterr())


async def test_events_have_no_key_prompt_or_answer_in_them(provider: Provider, client: Client) -> None:
    """What structlog gets: ids, models, tokens, cost, time."""
    structlog.configure()
    with capture_logs() as events:
        await client(CANARY).generate("the secret question", model="openai")
        provider.always(Fault.UNAUTHORIZED)
        with pytest.raises(ModelError):
            await client(CANARY).generate("the secret question", model="openai")
    assert {event["event"] for event in events} >= {"call.finished", "request.finished"}
    assert CANARY not in repr(events)
    assert "secret question" not in repr(events)


async def test_the_ledger_has_no_key_prompt_or_answer_in_it(provider: Provider, client: Client) -> None:
    """Nor has any other file in our folder."""
    api = client(CANARY, daily_budget_usd=1.0)
    await api.generate("the secret question", model="openai", tags={"user": "u-1"})
    provider.always(Fault.UNAUTHORIZED)
    with pytest.raises(ModelError):
        await api.generate("the secret question", model="openai", max_retries=0)
    api.close()
    files = [path for path in Path(os.environ["ORCHESTRA_HOME"]).rglob("*") if path.is_file()]
    assert files
    for path in files:
        content = path.read_bytes()
        assert CANARY.encode() not in content
        assert b"secret question" not in content


def test_settings_and_tree_have_no_key_in_them(provider: Provider, client: Client) -> None:
    """Their repr, their dump, and the schema."""
    api = client(CANARY)
    config = api.tree.find("openai").members[0]
    assert config.key() == CANARY
    parts = [repr(api.settings), str(api.settings), api.settings.model_dump_json(), repr(api.settings.model_dump())]
    parts += [repr(config), repr(api.tree.find("default")), repr(api.tree.policies), repr(vars(api.tree))]
    assert CANARY not in "\n".join(parts)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(api.settings)


def test_a_secret_by_name_shows_its_name_and_pickles() -> None:
    """`os.environ/NAME` is no secret; what is behind it is read when it is needed."""
    secret = Secret("os.environ/SOME_API_KEY")
    assert repr(secret) == "Secret('os.environ/SOME_API_KEY')"
    assert pickle.loads(pickle.dumps(secret)) == secret
    assert secret.reveal() is None


def test_a_callable_secret_is_asked_each_time_and_not_shown(provider: Provider) -> None:
    """A key that changes is read at call time."""
    keys = iter([CANARY + "1", CANARY + "2"])
    config = ProviderConfig(api_key=Secret(lambda: next(keys)))
    assert config.api_key is not None
    assert (config.api_key.reveal(), config.api_key.reveal()) == (CANARY + "1", CANARY + "2")
    assert CANARY not in repr(config)


async def test_a_key_is_read_when_the_call_is_made(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key set after the client was made is used; one that is changed, too."""
    secret = ProviderConfig(api_key=Secret("os.environ/SOME_API_KEY"), base_url=provider.api_base("openai"))
    with MultiModelAPI(APISettings(providers={"openai": secret}, router=None, daily_budget_usd=None)) as api:
        for key in ("first-key", "second-key"):
            monkeypatch.setenv("SOME_API_KEY", key)
            await api.generate("hello", model="openai")
    assert [record.headers["authorization"] for record in provider.calls] == ["Bearer first-key", "Bearer second-key"]


@pytest.mark.parametrize("word", ["api_key", "api_base", "base_url"])
async def test_a_callers_key_or_address_is_refused_and_not_repeated(client: Client, word: str) -> None:
    """A key that comes with a call could reach any member; the message names the word, not the value."""
    with pytest.raises(ConfigError, match="belongs to a provider") as caught:
        await client().generate("hello", model="openai", **{word: CANARY})
    assert CANARY not in shown(caught.value)


MISTAKES = {
    "a key twice": f"providers:\n  openai: {{api_key: {CANARY}, api_key: {CANARY}}}\n",
    "a list": f"providers:\n  openai: {{api_key: [{CANARY}]}}\n",
    "a mapping": f"providers:\n  openai: {{api_key: {{key: {CANARY}}}}}\n",
    "a misspelling": f"providers:\n  openai: {{apikey: {CANARY}}}\n",
    "a key for a provider": f"providers:\n  openai: {CANARY}\n",
    "a key for the providers": f"providers: {CANARY}\n",
    "a key for a switch": f"providers:\n  openai: {{enabled: {CANARY}}}\n",
    "a key for an address": f"providers:\n  openai: {{base_url: {CANARY}}}\n",
    "a password in an address": f"providers:\n  openai: {{base_url: 'https://user:{CANARY}@host/v1'}}\n",
    "a password in another address": f"providers:\n  openai: {{base_url: 'ftp://user:{CANARY}@host/v1'}}\n",
    "a key in a query": f"providers:\n  openai: {{base_url: 'https://host/v1?key={CANARY}'}}\n",
    "among a provider's parameters": f"providers:\n  openai: {{parameters: {{api_key: {CANARY}}}}}\n",
    "among a model's params": f"models:\n  mine: {{litellm: gpt-4o, params: {{api_key: {CANARY}}}}}\n",
    "beside a model": f"models:\n  mine: {{litellm: gpt-4o, api_key: {CANARY}}}\n",
    "at the top": f"api_key: {CANARY}\n",
    "a broken file": f"providers:\n  openai: {{api_key: {CANARY}\n  x: y\n",
    "a database": f"ledger: {{url: 'mysql://user:{CANARY}@host/db'}}\n",
}


@pytest.mark.parametrize("text", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_a_file_is_reported_without_the_key(text: str) -> None:
    """The line and the path of the key say enough."""
    with pytest.raises(ConfigError) as caught:
        parse(text, "orchestra.yaml")
    error = caught.value
    assert str(error).startswith("orchestra.yaml:")
    assert CANARY not in "".join((str(error), repr(error), repr(vars(error)), *traceback.format_exception(error)))


@pytest.mark.parametrize(
    "fields",
    [{"api_key": [CANARY]}, {"apikey": CANARY}, {"base_url": f"https://u:{CANARY}@host"}, {"enabled": CANARY}],
    ids=["a list", "a misspelling", "a password in an address", "a key for a switch"],
)
def test_a_mistake_in_python_is_reported_without_the_key(fields: dict[str, Any]) -> None:
    """pydantic would show the input."""
    with pytest.raises(ValueError, match="validation error") as caught:
        ProviderConfig(**fields)
    assert CANARY not in shown(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "https://user:password@host/v1",
        "https://user@host/v1",
        "https://host/v1?key=value",
        "https://host/v1#fragment",
        "http://169.254.169.254/latest/meta-data",
        "http://metadata.google.internal/computeMetadata",
        "http://100.100.100.200/latest",
        "http://[fe80::1]/v1",
        "ftp://host/v1",
        "file:///etc/passwd",
        "host/v1",
    ],
)
def test_an_address_that_a_key_must_not_be_sent_to_is_refused(address: str) -> None:
    """With credentials in it, of a machine's metadata service, or of no server at all."""
    with pytest.raises(ValueError, match="base_url"):
        ProviderConfig(base_url=address)


BANNED_IMPORTS = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "shelve", "marshal", "jsonpickle"}
BANNED_CALLS = {"eval", "exec", "compile", "__import__"}
BANNED_ATTRIBUTES = {("yaml", "load"), ("yaml", "unsafe_load"), ("yaml", "full_load"), ("yaml", "Loader")}
BANNED_ATTRIBUTES |= {("yaml", "UnsafeLoader"), ("yaml", "FullLoader"), ("os", "system"), ("pandas", "read_pickle")}
SOURCES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=[str(path.relative_to(PACKAGE)) for path in SOURCES])
def test_no_source_file_executes_data(path: Path) -> None:
    """No pickle, no eval, no unsafe YAML, no shell, anywhere in the package."""
    assert list(findings(ast.parse(path.read_text(encoding="utf-8")))) == []


def test_the_search_for_what_executes_data_finds_it() -> None:
    """Each of the banned ways, as it would be written."""
    guilty = "import pickle\nfrom marshal import loads\neval('1')\nyaml.load(x)\nos.system('x')\nrun(shell=True)\n"
    guilty += "YAML(typ='unsafe')\n"
    assert len(list(findings(ast.parse(guilty)))) == 7


def findings(tree: ast.AST) -> Iterator[str]:
    """What in a source file could execute data."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (f"import {n.name}" for n in names if n.name.partition(".")[0] in BANNED_IMPORTS)
            case ast.ImportFrom(module=str(module)) if module.partition(".")[0] in BANNED_IMPORTS:
                yield f"from {module}"
            case ast.Call(func=ast.Name(id=name)) if name in BANNED_CALLS:
                yield f"{name}()"
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if (owner, name) in BANNED_ATTRIBUTES:
                yield f"{owner}.{name}"
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                value = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
                if (keyword.arg, value) in {("shell", True), ("typ", "unsafe"), ("typ", "base")}:
                    yield f"{keyword.arg}={value!r}"

"""A prompt on its way to a model: by `generate(prompt_id=)`, by `kind: prompted`, and in the books."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestra import ConfigError, Library, MultiModelAPI, Prompted, PromptError, Request, Runtime
from orchestra.build import build
from orchestra.settings import parse
from orchestra.testing import Provider, Scripted

EXTRACT = """---
description: Takes fields out of a page.
variables: {fields: list, html: str}
model: gpt-4o-mini
task_type: extraction
params: {temperature: 0.5}
output: {type: object}
---
{% system %}You extract {{ fields|join(', ') }}.{% endsystem %}
{% user %}{{ html }}{% enduser %}
"""


@pytest.fixture(scope="module")
def stand_in() -> Iterator[Provider]:
    """One address for all tests: LiteLLM keeps an HTTP client for each."""
    with Provider() as provider:
        yield provider


@pytest.fixture
def provider(stand_in: Provider) -> Provider:
    stand_in.reset()
    return stand_in


@pytest.fixture
def library(tmp_path: Path) -> Library:
    library = Library(tmp_path / "prompts")
    library.register("extract", EXTRACT)
    library.create_version("extract", EXTRACT.replace("You extract", "Extract"))
    return library


@pytest.fixture
def api(
    library: Library, provider: Provider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[MultiModelAPI]:
    """A client of the stand-in whose policy `page` has a prompt in it."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "orchestra.yaml"
    file.write_text(
        "providers:\n"
        f"  openai: {{api_key: k, base_url: '{provider.api_base('openai')}'}}\n"
        "policies:\n"
        "  default: gpt-4o-mini\n"
        "  page: {kind: prompted, prompt: extract, version: 1, variables: {fields: [price]},\n"
        "         input: html, model: gpt-4o-mini}\n"
    )
    with MultiModelAPI(file, runtime=Runtime(prompts=library)) as api:
        yield api


def sent(provider: Provider) -> dict[str, Any]:
    return dict(provider.calls[-1].body)


VARIABLES = {"fields": ["price", "name"], "html": "<b>$5</b>"}


async def test_generate_renders_a_prompt_and_books_it(api: MultiModelAPI, provider: Provider) -> None:
    """Its messages, parameters, schema and model; the row of the ledger says which version it was."""
    provider.always(json.dumps({"price": "$5"}))
    response = await api.generate(prompt_id="extract", variables=VARIABLES)
    body = sent(provider)
    assert [message["content"] for message in body["messages"]] == ["Extract price, name.", "<b>$5</b>"]
    assert (body["model"], body["temperature"]) == ("gpt-4o-mini", 0.5)
    assert body["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert response.parsed == {"price": "$5"}
    (row,) = api.tree.money.ledger.rows(request=response.id)
    assert (row.labels["prompt"], row.labels["prompt_version"]) == ("extract", "2")
    assert row.task_type == "extraction"


async def test_the_caller_counts_before_the_prompt(api: MultiModelAPI, provider: Provider) -> None:
    """Version, model, parameters and task; and messages of the caller's come after it."""
    said = [{"role": "assistant", "content": "{}"}, {"role": "user", "content": "and the name?"}]
    response = await api.generate(
        prompt_id="extract", variables=VARIABLES, version=1, temperature=0.1, task_type="chat", messages=said,
        response_format={"type": "text"},
    )  # fmt: skip
    body = sent(provider)
    assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant", "user"]
    assert body["messages"][0]["content"] == "You extract price, name."
    assert (body["temperature"], body["response_format"]) == (0.1, {"type": "text"})
    (row,) = api.tree.money.ledger.rows(request=response.id)
    assert (row.labels["prompt_version"], row.task_type) == ("1", "chat")


async def test_a_promoted_version_is_taken_by_the_next_call(
    api: MultiModelAPI, library: Library, provider: Provider
) -> None:
    """In stream and explanation alike."""
    library.promote("extract", 1)
    async with api.generate_stream(
        prompt_id="extract", variables=VARIABLES, response_format={"type": "text"}
    ) as stream:
        async for _ in stream:
            pass
    assert sent(provider)["messages"][0]["content"] == "You extract price, name."
    assert (await api.explain(prompt_id="extract", variables=VARIABLES)).arm == "gpt-4o-mini"


async def test_litellms_words_for_a_prompt_are_understood(api: MultiModelAPI, provider: Provider) -> None:
    """`prompt_id`, `prompt_variables`, and `prompt_version` or `prompt_label`, as its `completion` has them."""
    for words in ({"prompt_version": 1}, {"prompt_label": "latest"}):
        await api.generate(prompt_id="extract", prompt_variables=VARIABLES, response_format={"type": "text"}, **words)
    first, second = (call.body["messages"][0]["content"] for call in provider.calls)
    assert (first, second) == ("You extract price, name.", "Extract price, name.")


async def test_an_explanation_reads_the_request_as_it_will_be(library: Library, tmp_path: Path) -> None:
    """Behind `kind: prompted` a route decides by the prompt's task and its rendered length."""
    text = (
        "policies:\n  tasks: {kind: route, rules: [{when: {task: extraction}, use: gpt-4o}], otherwise: gpt-4o-mini}\n"
        "  page: {kind: prompted, prompt: extract, variables: {fields: [price]}, input: html, model: tasks}\n"
    )
    (tmp_path / "orchestra.yaml").write_text(text)
    with MultiModelAPI(tmp_path / "orchestra.yaml", runtime=Runtime(prompts=library)) as api:
        choice = await api.explain("<b>$5</b>", model="page")
        assert (choice.arm, choice.features["task"]) == ("gpt-4o", "extraction")
        assert (await api.explain("<b>$5</b>", model="tasks")).arm == "gpt-4o-mini"


@pytest.mark.parametrize(
    ("options", "kind", "said"),
    [
        ({"prompt_id": "extract", "variables": {"fields": []}}, PromptError, "the variable 'html' is missing"),
        ({"prompt_id": "extract"}, PromptError, "variables 'fields', 'html' are missing"),
        ({"prompt_id": "extract", "variables": {**VARIABLES, "x": 1}}, PromptError, "takes no variable 'x'"),
        ({"prompt_id": "extrac", "variables": {}}, PromptError, "did you mean 'extract'"),
        ({"prompt_id": "extract", "variables": VARIABLES, "version": 7}, PromptError, "there is no version 7"),
        ({"prompt_id": "extract", "prompt": "hi"}, ConfigError, "one of them"),
        ({"prompt": "hi", "version": 2}, ConfigError, "version= goes with prompt_id="),
        ({"model": "page", "prompt": "hi", "variables": {"fields": 1}}, PromptError, "'fields' is an int, not a list"),
    ],
)
async def test_a_mistake_is_told_before_any_money(
    api: MultiModelAPI, provider: Provider, options: dict[str, Any], kind: type[Exception], said: str
) -> None:
    """No call leaves, and nothing is held or booked."""
    with pytest.raises(kind, match=said):
        await api.generate(**options)
    assert len(provider.calls) == 0
    assert api.tree.money.ledger.rows() == []


async def test_a_policy_renders_what_the_caller_says(api: MultiModelAPI, provider: Provider) -> None:
    """The last message is the variable named by `input`; what was said before stays, after the system message."""
    provider.always(json.dumps({"price": "$5"}))
    response = await api.generate("<b>$5</b>", model="page")
    assert [message["content"] for message in sent(provider)["messages"]] == ["You extract price.", "<b>$5</b>"]
    (row,) = api.tree.money.ledger.rows(request=response.id)
    assert (row.labels["prompt"], row.labels["prompt_version"]) == ("extract", "1")
    history = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]
    await api.generate(messages=history, model="page", variables={"fields": ["name"]})
    body = sent(provider)
    assert [message["content"] for message in body["messages"]] == ["You extract name.", "a", "b", "c"]
    assert "prompt_variables" not in body


async def test_the_node_puts_a_prompt_before_what_is_said(library: Library) -> None:
    """Without `input`; the request of the caller stays as it was."""
    library.register("rules", "{% system %}Be {{ how }}.{% endsystem %}")
    model = Scripted("ok")
    node = Prompted(model, library, "rules", variables={"how": "brief"})
    request = Request(messages=({"role": "user", "content": "hi"},), labels={"experiment": "e"})
    await node(request)
    (asked,) = model.requests
    assert [message["content"] for message in asked.messages] == ["Be brief.", "hi"]
    assert asked.labels == {"experiment": "e", "prompt": "rules", "prompt_version": "1"}
    assert request.messages == ({"role": "user", "content": "hi"},)


async def test_only_text_becomes_a_variable(library: Library) -> None:
    """A message with parts is refused, not printed as a list."""
    node = Prompted(Scripted("ok"), library, "extract", variables={"fields": []}, input="html")
    with pytest.raises(PromptError, match="the last message is no text"):
        await node(Request(messages=({"role": "user", "content": [{"type": "text", "text": "a"}]},)))


MISTAKES = {
    "policies: {a: {kind: prompted, prompt: nobody, model: gpt-4o}}": "o.yaml:1: policies.a.prompt: no prompt is",
    "policies: {a: {kind: prompted, prompt: extract, version: 9, model: m}}": "there is no version 9",
    "policies: {a: {kind: prompted, prompt: extract, input: page, model: m}}": "a.input: 'extract' takes no",
    "policies: {a: {kind: prompted, prompt: extract, variables: {fields: x}, model: m}}": "is a str, not a list",
    "policies: {a: {kind: prompted, prompt: extract, model: nobody}}": "policies.a.model: no model or policy is called",
    "prompt_templates: {extract: hi}": "prompt_templates.extract: prompt 'extract': it is both in",
    "prompt_templates: {b: '{{ a'}": "o.yaml:1: prompt_templates.b: prompt 'b', version 1, line 1: unexpected",
    "prompt_templates: {'a/b': hi}": "no name of a prompt",
}


@pytest.mark.parametrize(("text", "said"), MISTAKES.items())
def test_a_policy_file_with_a_wrong_prompt_is_refused(library: Library, text: str, said: str) -> None:
    """At load, with file and place."""
    folder = "" if "prompt_folder" in text else f"prompt_folder: {library.folder}\n"
    with pytest.raises(ConfigError) as refused:
        build(parse(f"{text}\n{folder}", "o.yaml"))
    assert said in refused.value.problems[0]

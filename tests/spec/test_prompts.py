"""The spec's prompt management: templates, the manager, the A/B test, and their examples as written."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest

from orchestra import APISettings, MultiModelAPI
from orchestra.testing import Provider

from .reading import example, run

pytestmark = pytest.mark.filterwarnings("ignore::orchestra.RetiredModelWarning")


def spec_class(name: str) -> Any:
    """A class of the spec, from the package."""
    import orchestra

    return getattr(orchestra, name)


@pytest.fixture(autouse=True)
def an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`./prompts` of each test is its own."""
    monkeypatch.chdir(tmp_path)


FIELDS = ("template_id", "name", "template", "variables", "version", "created_at", "performance_score")
MANAGER = {
    "get_template": ["template_id", "version"],
    "render": ["template_id", "variables", "version"],
    "create_version": ["template_id", "new_template"],
    "register": ["template_id", "template", "variables"],
}
EXPERIMENT = {
    "get_variant": [],
    "track_result": ["variant", "success", "score"],
    "get_winner": [],
}


@pytest.mark.parametrize("field", FIELDS)
def test_prompt_template_field(field: str) -> None:
    """All seven; only the score has a default, and it is `None`."""
    template = spec_class("PromptTemplate")
    model_field = template.model_fields[field]
    assert model_field.is_required() == (field != "performance_score")
    assert field != "performance_score" or model_field.default is None


@pytest.mark.parametrize(("method", "parameters"), MANAGER.items(), ids=MANAGER)
def test_prompt_manager_method(method: str, parameters: list[str]) -> None:
    """By the spec's name, with the spec's parameters first."""
    function = getattr(spec_class("PromptManager"), method)
    assert list(inspect.signature(function).parameters)[1 : len(parameters) + 1] == parameters


async def test_the_example_templates_are_registered_and_render(provider: Provider) -> None:
    """The spec's two prompts, with the variables that it declares."""
    names = await run(example("EXTRACTION_PROMPT"), PromptManager=spec_class("PromptManager"))
    manager = names["prompt_manager"]
    text = manager.render("extraction_v1", {"target_fields": "price", "html_content": "<b>$5</b>"})
    assert "Target fields: price" in text
    assert '  "field1": "value1",' in text
    assert "{{" not in text
    thought = {"goal": "price", "url": "https://example.com", "actions": "click", "history": "none"}
    assert "Current goal: price" in manager.render("reasoning_v1", thought)


async def test_a_new_version_is_a_number_and_the_old_one_stays(provider: Provider) -> None:
    """`create_version` returns it; `get_template` gives either."""
    names = await run(example("EXTRACTION_PROMPT"), PromptManager=spec_class("PromptManager"))
    manager = names["prompt_manager"]
    first = manager.get_template("extraction_v1")
    number = manager.create_version("extraction_v1", "Extract {target_fields} from {html_content}.")
    assert number == first.version + 1
    assert manager.get_template("extraction_v1").version == number
    assert manager.get_template("extraction_v1", first.version).template == first.template


@pytest.mark.parametrize("name", ["extraction", "reasoning"])
def test_the_examples_ship_under_their_own_names(name: str) -> None:
    """`extraction_v1` and `reasoning_v1` are aliases of them."""
    manager = spec_class("PromptManager")()
    assert manager.get_template(f"{name}_v1").template == manager.get_template(name, 1).template


@pytest.mark.parametrize(("method", "parameters"), EXPERIMENT.items(), ids=EXPERIMENT)
def test_prompt_ab_test_method(method: str, parameters: list[str]) -> None:
    """By the spec's name, with the spec's parameters first; sync."""
    function = getattr(spec_class("PromptABTest"), method)
    assert list(inspect.signature(function).parameters)[1 : len(parameters) + 1] == parameters
    assert not inspect.iscoroutinefunction(function)


@pytest.mark.parametrize("attribute", ["template_id", "variants", "results"])
def test_prompt_ab_test_attribute(attribute: str) -> None:
    """What the spec's constructor sets."""
    test = spec_class("PromptABTest")("extraction_v1", variants=[1, 2, 3])
    assert getattr(test, attribute) in ("extraction_v1", [1, 2, 3], {1: [], 2: [], 3: []})


async def test_the_example_of_an_ab_test(provider: Provider, capsys: pytest.CaptureFixture[str]) -> None:
    """Three versions over a hundred episodes, as written; its last line names the winner, or none yet."""
    manager = (await run(example("EXTRACTION_PROMPT"), PromptManager=spec_class("PromptManager")))["prompt_manager"]
    for wording in ("Extract {target_fields} from {html_content}.", "From {html_content}: {target_fields}."):
        manager.create_version("extraction_v1", wording)
    provider.always(json.dumps({"price": "$5"}))
    with MultiModelAPI(APISettings(max_requests_per_minute=None)) as model:
        names = await run(
            example("class PromptABTest", "# Run A/B test"),
            PromptABTest=spec_class("PromptABTest"),
            prompt_manager=manager,
            model=model,
            episodes=range(12),
            variables={"target_fields": "price", "html_content": "<b>$5</b>"},
        )
    assert len(provider.calls) == 12
    assert sum(map(len, names["test"].results.values())) == 12
    assert names["winner"] in (1, 2, 3, None)
    assert capsys.readouterr().out == f"Best variant: v{names['winner']}\n"


async def test_prompt_templates_of_the_settings_are_version_1_of_inline_prompts(provider: Provider) -> None:
    """They can be asked for by their name."""
    settings = APISettings(prompt_templates={"greeting": "Say hello to {{ name }}."})
    with MultiModelAPI(settings) as api:
        response = await api.generate(model="gpt-4o-mini", prompt_id="greeting", variables={"name": "Ada"})
    assert response.text == "echo: Say hello to Ada."

"""A whole story: a second version of a prompt is written, tried on traffic, found better, and promoted."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orchestra import MultiModelAPI
from orchestra.testing import Provider
from orchestra.testing.provider import Call

from .conftest import Run

TERSE = "Give {{ target_fields }} of this page as JSON, nothing else.\n\n{{ html_content }}\n"
POLICY = """\
max_retries: 0
providers: {{openai: {{base_url: "{address}", api_key: sk-test-openai}}}}
experiments:
  wording:
    arms:
      v1: {{kind: prompted, prompt: extraction, version: 1, model: openai, input: html_content, variables: {fields}}}
      v2: {{kind: prompted, prompt: extraction, version: 2, model: openai, input: html_content, variables: {fields}}}
    by: user
    min_run_s: 0
    guardrails: {{cost: 0.1}}
policies:
  extract: {{kind: split, experiment: wording}}
"""
USERS = 120


def answers(call: Call) -> str:
    """A model that answers the terse prompt in JSON nine times in ten, the long one three times in ten."""
    page = int(call.text.partition("<b>$")[2].partition("</b>")[0])
    good = page % 10 != 0 if "nothing else" in call.text else page % 10 < 3
    return json.dumps({"price": page}) if good else f"The price is ${page}."


def scored(text: str) -> float:
    """The answer is JSON."""
    try:
        json.loads(text)
    except ValueError:
        return 0.0
    return 1.0


async def test_a_better_version_is_found_and_promoted_and_every_number_agrees(
    run: Run, upstream: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider's own count, the ledger, `experiment status` and `prompts list` say the same of each version."""
    upstream.reset()
    upstream.always(answers)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-openai")
    (tmp_path / "orchestra.yaml").write_text(
        POLICY.format(address=upstream.api_base("openai"), fields="{target_fields: price}")
    )
    assert run("prompts", "new", "extraction", stdin=TERSE).out.startswith("extraction v2 is made")
    assert run("experiment", "start", "wording").code == 0

    seen: dict[str, list[float]] = {"v1": [], "v2": []}
    with MultiModelAPI(tmp_path / "orchestra.yaml") as api:
        for n in range(USERS):
            response = await api.generate(f"<b>${n}</b>", model="extract", tags={"user": f"user {n}"})
            api.score(response, scored(response.text))
            (attempt,) = response.attempts
            seen[attempt.labels["arm"]].append(scored(response.text))
        rows = api.tree.money.ledger.rows()

    experiment = run("experiment", "status", "wording", "--json").json
    assert experiment["winner"] == "v2"
    arms = {arm["arm"]: arm for arm in experiment["arms"]}
    versions = _versions(run)
    for arm, number in (("v1", 1), ("v2", 2)):
        booked = [row for row in rows if row.labels["arm"] == arm]
        asked = [call for call in upstream.calls if ("nothing else" in str(call.body)) == (arm == "v2")]
        version = versions[number]
        count = len(seen[arm])
        assert count == len(booked) == len(asked) == version["requests"] == version["scored"]
        assert count == arms[arm]["units"] == arms[arm]["results"]
        assert {row.labels["prompt_version"] for row in booked} == {str(number)}
        assert version["score"] == pytest.approx(sum(seen[arm]) / count) == pytest.approx(arms[arm]["mean"])
        spent = sum((row.cost_usd or Decimal(0) for row in booked), Decimal(0))
        assert Decimal(version["cost_usd"]) == spent
        (cost,) = [one for one in experiment["guardrails"] if one["metric"] == "cost"]
        mean = Decimal(cost["mean" if arm == "v2" else "control"])
        assert abs(mean - spent / count) <= Decimal("1e-9")
        assert sum(row.input_tokens for row in booked) == sum(call.input_tokens for call in asked)

    assert run("experiment", "stop", "wording", "--serve", "v2").code == 0
    assert run("prompts", "promote", "extraction", "2").out == "extraction v2 is production\n"
    assert "production" in _versions(run)[2]["labels"]
    with MultiModelAPI(tmp_path / "orchestra.yaml") as api:
        for user in ("user 1", "somebody new"):
            response = await api.generate("<b>$7</b>", model="extract", tags={"user": user})
            assert response.text == '{"price": 7}'
            assert "experiment" not in response.attempts[0].labels
        page = {"target_fields": "price", "html_content": "<b>$8</b>"}
        assert (await api.generate(prompt_id="extraction", variables=page, model="openai")).text == '{"price": 8}'


def _versions(run: Run) -> dict[int, Any]:
    """What `prompts list` says of each version."""
    (listed,) = [prompt for prompt in run("prompts", "list", "--json").json if prompt["name"] == "extraction"]
    return {version["version"]: version for version in listed["versions"]}

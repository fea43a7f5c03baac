"""The clients' own environment, and what the stand-in answers them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from orchestra.testing import Answer, Fault
from orchestra.testing.provider import Call, Reply, ToolCall

PYTHON = Path(__file__).parents[3] / ".venv-clients" / "bin" / "python"

needs_clients = pytest.mark.skipif(
    not PYTHON.exists() and not os.environ.get("CI"), reason="no .venv-clients: scripts/clients makes it"
)


def environment(home: Path, upstream: str, **more: str) -> dict[str, str]:
    """What a client's process gets: OpenAI at the stand-in, and nothing of this machine's keys."""
    mine = {name: os.environ[name] for name in ("PATH", "TMPDIR", "LANG") if name in os.environ}
    return {
        **mine,
        "HOME": str(home),
        "ORCHESTRA_HOME": str(home),
        "OPENAI_API_KEY": "sk-stand-in",
        "OPENAI_BASE_URL": upstream,
        "OPENAI_API_BASE": upstream,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "HF_HUB_OFFLINE": "1",
        "PYTHONWARNINGS": "ignore",
        **more,
    }


def reply(call: Call) -> Reply:
    """A fault, where the question is the name of one; a tool call first, then an answer."""
    if call.question in Fault.__members__:
        return Fault[call.question]
    return _extraction(call) or _agent(call) or Answer()


def _extraction(call: Call) -> Reply | None:
    """What instructor's questions get."""
    people = [{"name": "Ann", "age": 47}, {"name": "Bob", "age": 7}]
    if call.schema == {}:
        return json.dumps(people[0])
    match call.question:
        case "person":
            return Answer(tool_calls=[ToolCall("Person", people[0])])
        case "people":
            return Answer(tool_calls=[ToolCall(next(iter(call.tools)), {"tasks": people})])
        case "child":
            again = len(call.body["messages"]) > 1
            return Answer(tool_calls=[ToolCall("Adult", people[0 if again else 1])])
        case _:
            return None


def _agent(call: Call) -> Reply | None:
    """What agents get: each of their tools is called once."""
    answered = "sunny in Paris" in call.text
    if call.question == "handoff" and "transfer_to_expert" in call.tools:
        return Answer(tool_calls=[ToolCall("transfer_to_expert", {})])
    if "weather" in call.tools and not answered:
        return Answer(tool_calls=[ToolCall("weather", {"city": "Paris"})])
    if "final_answer" in call.tools:
        return Answer(tool_calls=[ToolCall("final_answer", {"answer": "sunny"})])
    if "```python" in call.text:
        return 'Thought: I know.\n```python\nfinal_answer(weather(city="Paris"))\n```'
    return None

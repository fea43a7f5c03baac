"""The clients' own environment, and what the stand-in answers them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestra.testing import Answer, Fault
from orchestra.testing.provider import Call, Reply, ToolCall

PYTHON = Path(__file__).parents[3] / ".venv-clients" / "bin" / "python"

if not PYTHON.exists() and not os.environ.get("CI"):
    pytest.skip("no .venv-clients: scripts/clients makes it", allow_module_level=True)


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
    """A tool call first, then an answer; a fault, where the question is the name of one."""
    messages, question = call.body["messages"], call.question
    if question in Fault.__members__:
        return Fault[question]
    answered = any(message["role"] == "tool" for message in messages) or "sunny in Paris" in call.text
    if call.schema == {}:
        return '{"name": "Ann", "age": 30}'
    match question:
        case "child" if len(messages) == 1:
            return Answer(tool_calls=[ToolCall("Adult", {"name": "Ann", "age": 7})])
        case "child":
            return Answer(tool_calls=[ToolCall("Adult", {"name": "Ann", "age": 47})])
        case "people":
            people = {"tasks": [{"name": "Ann", "age": 47}, {"name": "Bob", "age": 7}]}
            return Answer(tool_calls=[ToolCall(next(iter(call.tools)), people)])
        case "person":
            return Answer(tool_calls=[ToolCall("Person", {"name": "Ann", "age": 47})])
        case "handoff" if "transfer_to_expert" in call.tools:
            return Answer(tool_calls=[ToolCall("transfer_to_expert", {})])
    if answered and "final_answer" in call.tools:
        return Answer(tool_calls=[ToolCall("final_answer", {"answer": "sunny"})])
    if "weather" in call.tools and not answered:
        return Answer(tool_calls=[ToolCall("weather", {"city": "Paris"})])
    if "```python" in call.text:
        return 'Thought: I know.\n```python\nfinal_answer(weather(city="Paris"))\n```'
    return Answer()

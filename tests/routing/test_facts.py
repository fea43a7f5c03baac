"""Facts: what a route reads of a request, without a tokenizer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra import Request
from orchestra.routing.facts import facts_of
from orchestra.tokens import estimated_tokens


def request(content: object, **more: object) -> Request:
    return Request(messages=({"role": "user", "content": content},), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "true_tokens"),
    [
        ("The quick brown fox jumps over the lazy dog. " * 20, 200),
        ("Le cœur a ses raisons que la raison ne connaît point. " * 20, 300),
        ("Быстрая коричневая лиса перепрыгивает через ленивую собаку. " * 20, 300),
        ("敏捷的棕色狐狸跳过了懒狗。" * 20, 320),
    ],
    ids=["english", "french", "russian", "chinese"],
)
def test_the_estimate_is_near_a_tokenizers_count_in_any_script(text: str, true_tokens: int) -> None:
    """Within a factor of two of what a current tokenizer counts."""
    assert true_tokens / 2 <= estimated_tokens(text) <= true_tokens * 2


@given(st.text(), st.text())
def test_the_estimate_grows_with_the_text(a: str, b: str) -> None:
    """It is never negative, and a longer ASCII text never has fewer tokens."""
    assert estimated_tokens(a) >= 0
    assert estimated_tokens("x" * len(a + b)) >= estimated_tokens("x" * len(a))


def test_the_callers_own_count_wins() -> None:
    """`input_tokens` is used as it is, and not called an estimate."""
    facts = facts_of(request("hi", input_tokens=70_000))
    assert (facts.input_tokens, facts.estimated) == (70_000, False)


@pytest.mark.parametrize(
    ("part", "fact"),
    [
        ({"type": "image_url", "image_url": {"url": "data:"}}, "images"),
        ({"type": "input_audio", "input_audio": {"data": ""}}, "audio"),
        ({"type": "video_url", "video_url": {"url": "data:"}}, "video"),
        ({"type": "file", "file": {"file_id": "f"}}, "files"),
    ],
    ids=["image", "audio", "video", "file"],
)
def test_parts_of_a_message_are_seen(part: dict[str, object], fact: str) -> None:
    """Each kind of part sets its fact, and no other."""
    facts = facts_of(request([{"type": "text", "text": "look"}, part]))
    assert [name for name in ("images", "audio", "video", "files") if getattr(facts, name)] == [fact]


def test_tools_and_structured_answers_are_seen() -> None:
    """Tools and a JSON `response_format` are facts; plain text format is none."""
    assert facts_of(request("x", params={"tools": [{"type": "function"}]})).tools
    assert facts_of(request("x", params={"response_format": {"type": "json_object"}})).structured
    assert not facts_of(request("x", params={"response_format": {"type": "text"}})).structured
    assert not facts_of(request("x", params={"tools": []})).tools

"""The task classifier: structure first, then words, and nothing where it is unsure."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from orchestra import Request
from orchestra.resources import shipped
from orchestra.routing.classify import SURE, Classifier, builtin, trained
from orchestra.routing.reader import Reader
from orchestra.settings.api import TASK_TYPES

READER = Reader(builtin)
ROOT = Path(__file__).parents[2]
FOLDER = shipped("config") / "classifier"


def rows(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]


def task(content: Any, **more: Any) -> str | None:
    return READER.read(Request(messages=({"role": "user", "content": content},), **more)).task


@pytest.mark.parametrize(
    ("content", "more", "expected"),
    [
        ([{"type": "text", "text": "Translate this"}, {"type": "image_url", "image_url": {"url": "d"}}], {}, "vision"),
        ("Translate this into German.", {"input_tokens": 100_001}, "long_context"),
        ("Tell me more", {"params": {"web_search_options": {}}}, "web_search"),
        ("zqx vrrm", {"params": {"response_format": {"type": "json_object"}}}, "extraction"),
        ("zzz\n```\nx = 1\n```", {}, "code"),
    ],
    ids=["images", "long", "search", "schema", "fence"],
)
def test_structure_decides_before_words(content: Any, more: dict[str, Any], expected: str) -> None:
    """What comes with the text says more than the text."""
    assert task(content, **more) == expected


def test_the_callers_word_is_never_overruled() -> None:
    """A given task stays, without a confidence, whatever the text looks like."""
    facts = READER.read(Request(messages=({"role": "user", "content": "Translate into German: hi"},), task_type="chat"))
    assert (facts.task, facts.confidence) == ("chat", None)


@pytest.mark.parametrize("text", ["", "...", "zqx vrrm", "42", "\u0000", "🙂🙂"])
def test_it_abstains_from_what_tells_nothing(text: str) -> None:
    """No task is better than a guess: the default rule takes it."""
    assert task(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Übersetze diesen Satz ins Englische: Wo ist der Bahnhof?", "translation"),
        ("Résume l'article suivant en trois phrases.", "summary"),
        ("¿Es esta reseña positiva o negativa? Responde con una palabra.", "classification"),
        ("请从这封信中提取所有价格。", "extraction"),
        ("Переведи это письмо на английский язык.", "translation"),
    ],
)
def test_it_reads_other_languages(text: str, expected: str) -> None:
    """Latin with accents, Cyrillic, Chinese."""
    assert task(text) == expected


def test_the_system_message_says_the_task_too() -> None:
    """A standing instruction counts, though the user's words alone tell nothing."""
    system = {"role": "system", "content": "Translate the user's text into German."}
    assert READER.read(Request(messages=(system, {"role": "user", "content": "zqx vrrm"}))).task == "translation"


def test_where_it_speaks_it_is_mostly_right_on_texts_it_was_not_trained_on() -> None:
    """On the held-out texts: right nine times of ten, and it speaks about every other one at least."""
    spoken = [(row["task"], found) for row in rows("held_out.jsonl") if (found := task(row["text"])) is not None]
    assert len(spoken) >= 0.5 * len(rows("held_out.jsonl"))
    assert sum(true == found for true, found in spoken) / len(spoken) >= 0.9


def test_no_held_out_text_is_among_the_examples() -> None:
    """Each text is known once, and each task is one of the built-in ones."""
    examples, held_out = rows("examples.jsonl"), rows("held_out.jsonl")
    texts = [row["text"].casefold() for row in (*examples, *held_out)]
    assert len(set(texts)) == len(texts)
    assert {row["task"] for row in (*examples, *held_out)} <= set(TASK_TYPES)


def test_the_shipped_model_is_what_the_examples_train(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script writes the same file again, byte for byte."""

    monkeypatch.setattr(sys, "argv", ["train", "--out", str(tmp_path / "model.json")])
    runpy.run_path(str(ROOT / "scripts" / "train_classifier.py"), run_name="__main__")
    assert (tmp_path / "model.json").read_bytes() == (FOLDER / "model.json").read_bytes()


@given(st.text(max_size=300))
@hypothesis_settings(max_examples=60)
def test_any_text_has_probabilities(text: str) -> None:
    """They are positive and sum to 1; a task is told only from `SURE` on."""
    chances = builtin().probabilities(text)
    assert sum(chances.values()) == pytest.approx(1)
    assert min(chances.values()) > 0
    facts = READER.read(Request(messages=({"role": "user", "content": text},)))
    assert facts.task is None or (facts.confidence or 0) >= SURE


def test_a_classifier_survives_json() -> None:
    """As a file has it, it gives the same probabilities."""
    small = trained([("a", "red green blue"), ("a", "red red green"), ("b", "one two three"), ("b", "two one")] * 3)
    again = Classifier.of(json.loads(json.dumps(small.plain())))
    assert again.probabilities("red two") == pytest.approx(small.probabilities("red two"), abs=0.02)
    assert max(again.probabilities("green"), key=again.probabilities("green").__getitem__) == "a"

"""`orchestra prompts`: the library on the command line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestra import Ledger
from orchestra.testing import Fault, Provider

from .booked import booked, call
from .conftest import Run

HELLO = """\
---
description: Greets.
variables: {name: str, count: {type: int, default: 1}}
---
Hello {{ name }}{{ '!' * count }}
"""


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    """`./prompts/hello/v1.j2`, written by hand."""
    file = tmp_path / "prompts" / "hello" / "v1.j2"
    file.parent.mkdir(parents=True)
    file.write_text(HELLO)
    return file


def test_the_life_of_a_prompt(run: Run, hello: Path) -> None:
    """Made, compared, promoted, rolled back: each step says what it did, and the next one sees it."""
    made = run("prompts", "new", "hello", stdin="Hi {{ name }} and {{ friend }}!")
    assert made.out == "hello v2 is made; it is taken where no version is named, because none is in production\n"
    assert run("prompts", "promote", "hello", "1").out == "hello v1 is production\n"
    assert run("prompts", "promote", "hello", "--json").json == {"name": "hello", "version": 2, "label": "production"}
    listed = {prompt["name"]: prompt["versions"] for prompt in run("prompts", "list", "--json").json}
    assert [(row["version"], row["labels"], row["usual"]) for row in listed["hello"]] == [
        (1, [], False),
        (2, ["latest", "production"], True),
    ]
    assert {"extraction", "reasoning"} <= listed.keys()
    assert run("prompts", "rollback", "hello").out == "hello v1 is production again\n"
    made = run("prompts", "new", "hello", stdin="Good day {{ name }}.")
    assert made.out == "hello v3 is made; 'orchestra prompts promote hello' puts it into production\n"
    difference = run("prompts", "diff", "hello", "production", "2", "--json").json
    assert (difference["old"], difference["new"]) == (1, 2)
    assert (difference["added"], difference["removed"]) == (["friend"], ["count"])
    assert "+Hi {{ name }} and {{ friend }}!" in difference["diff"]
    shown = run("prompts", "diff", "hello", "1", "2").out
    assert "-Hello {{ name }}{{ '!' * count }}" in shown
    assert "new variables: friend\nvariables that went: count" in shown
    assert run("prompts", "diff", "hello", "1", "1").out == "no difference\n"


def test_a_new_prompt_is_version_1(run: Run, tmp_path: Path) -> None:
    """From a file, in either syntax; a text that is wrong makes nothing."""
    (tmp_path / "text.j2").write_text("Bye {name}.")
    assert run("prompts", "new", "bye", "--file", "text.j2", "--json").json == {"name": "bye", "version": 1}
    assert (tmp_path / "prompts" / "bye" / "v1.j2").read_text() == "Bye {{ name }}.\n"
    wrong = run("prompts", "new", "bye", stdin="Bye {{ name")
    assert (wrong.code, "prompt 'bye', version 2, line 1" in wrong.err) == (1, True)
    assert run("prompts", "new", "bye", stdin="").code == 2


def test_a_prompt_is_rendered_without_a_call(run: Run, hello: Path, tmp_path: Path) -> None:
    """Variables as YAML, from a file each, or all from one file; a mistake names template, version and line."""
    (tmp_path / "name.txt").write_text("Ada")
    (tmp_path / "all.yaml").write_text("name: Bob\ncount: 2\n")
    assert run("prompts", "render", "hello", "--var", "name=Ada", "--var", "count=3").out == "Hello Ada!!!\n"
    assert run("prompts", "render", "hello", "--var", "name=@name.txt").out == "Hello Ada!\n"
    assert run("prompts", "render", "hello", "--variables", "all.yaml", "--var", "count=0").out == "Hello Bob\n"
    assert run("prompts", "render", "hello", "--var", "name=Ada", "--json").json == [
        {"role": "user", "content": "Hello Ada!"}
    ]
    wrong = run("prompts", "render", "hello", "--var", "name=7")
    assert (wrong.code, wrong.err) == (
        1,
        "error: prompt 'hello', version 1, line 5: the variable 'name' is an int, not a str\n",
    )
    for pair in ("name", "name=@nowhere.txt"):
        assert run("prompts", "render", "hello", "--var", pair).code == 2
    assert "did you mean 'hello'" in run("prompts", "render", "helo").err
    assert (
        "the variables 'target_fields', 'html_content' are missing; it takes no variables 'foo', 'bar'; it takes "
        in run("prompts", "render", "extraction", "--var", "foo=1", "--var", "bar=2").err
    )


def test_turns_and_images_are_told_apart(run: Run, hello: Path) -> None:
    """A screen shows who says what."""
    hello.write_text("{% system %}Be brief.{% endsystem %}{% user %}See {% image url %}{% enduser %}")
    shown = run("prompts", "render", "hello", "--var", "url=https://example.com/a.png").out
    assert shown == "── system\nBe brief.\n\n── user\nSee\n[image]\n"


def test_the_list_and_the_books_agree(run: Run, hello: Path) -> None:
    """Requests, cost and users of each version are those of the ledger; scores are means of the last ones."""
    first = {"prompt": "hello", "prompt_version": "1"}
    booked(
        call("0.10", request="a", labels=first, tags={"user": "ada"}),
        call("0.02", request="a", labels=first, tags={"user": "ada"}, error="Unavailable"),
        call("0.03", request="b", labels=first, tags={"user": "bob"}),
        call("0.50", request="c"),
    )
    ledger = Ledger(Path(os.environ["ORCHESTRA_HOME"]) / "ledger.db", durability="process")
    ledger.event("score", None, {"request": "a", "metric": "quality", "value": 0.25, "prompts": [["hello", "1"]]})
    ledger.event("score", None, {"request": "b", "metric": "quality", "value": 0.75})
    ledger.close()
    (listed,) = run("prompts", "list", "hello", "--json").json
    (row,) = listed["versions"]
    assert (row["requests"], row["calls"], row["errors"], row["cost_usd"]) == (2, 3, 1, "0.15")
    assert (row["score"], row["scored"], row["users"]) == (0.5, 2, {"user=ada": 1, "user=bob": 1})
    assert run("prompts", "list", "hel").out.splitlines()[1].split() == [
        *("hello", "1", "2", "$0.15", "0.500", "(2)", "Greets."),
    ]  # fmt: skip
    assert run("usage", "--by", "prompt", "--json").json["groups"][-1]["cost_usd"] == "0.15"
    shown = run("prompts", "show", "hello").out
    assert HELLO in shown
    assert "user=ada (1), user=bob (1)" in shown
    data = run("prompts", "show", "hello", "--json").json
    assert data["variables"] == {"name": {"type": "str"}, "count": {"type": "int", "default": 1}}
    assert data["versions"] == [row]


def test_a_version_that_was_changed_is_told_of(run: Run, hello: Path) -> None:
    """In the list and beside its digest: whoever takes it is refused."""
    run("prompts", "new", "hello", stdin="Hi {{ name }}!")
    assert run("prompts", "list", "hello").err == ""
    hello.write_text(HELLO.replace("Hello", "Goodbye"))
    assert run("prompts", "list").err == "warning: hello v1 is refused: its file was changed after it was made\n"
    (listed,) = run("prompts", "list", "hello", "--json").json
    assert [row["changed"] for row in listed["versions"]] == [True, False]
    assert " changed " in run("prompts", "show", "hello").out


def test_lint_finds_every_mistake_and_leaves_with_1(run: Run, hello: Path) -> None:
    """In templates, front matter and the variables of tests, each in a line with its place."""
    assert run("prompts", "lint").code == 0
    hello.write_text("---\ntests: [{variables: {nam: x}}]\n---\n{{ name }}")
    (hello.parent / "v2.j2").write_text("---\ndescripton: x\n---\n{{ name }}")
    (hello.parent / "v3.j2").write_text("\n{{ name")
    (hello.parent / "v4.j2").write_text("---\noutput: {type: 7}\n---\n{{ name }}")
    found = run("prompts", "lint", "hello", "--json")
    assert (found.code, found.json["versions"], found.json["ok"]) == (1, 4, False)
    first, second, third, fourth = found.json["problems"]
    assert first.startswith(
        "prompt 'hello', version 1, line 4: the variable 'name' is missing; it takes no variable 'nam'"
    )
    assert first.endswith(" (test 1)")
    assert second.endswith("v2.j2:2: descripton: no such key 'descripton'; did you mean 'description'?")
    assert third.startswith("prompt 'hello', version 3, line 2: unexpected")
    assert fourth.startswith("prompt 'hello', version 4: 'output' is no JSON schema")
    assert run("prompts", "lint").out.endswith("problems\n")


def test_templates_of_str_format_are_imported(run: Run, tmp_path: Path) -> None:
    """A file each, or a file of many; again is no harm, another text under the same name is."""
    (tmp_path / "ask.txt").write_text('{question} Answer as {{"answer": …}}.')
    (tmp_path / "many.yaml").write_text("one: 'One {a}.'\ntwo: 'Two {b}.'\n")
    wanted = [{"name": name, "version": 1} for name in ("ask", "one", "two")]
    for _ in range(2):
        assert run("prompts", "import", "ask.txt", "many.yaml", "--json").json == wanted
    assert run("prompts", "render", "ask", "--var", "question=Why?").out == 'Why? Answer as {"answer": …}.\n'
    (tmp_path / "ask.txt").write_text("Another {question}")
    assert "create_version" in run("prompts", "import", "ask.txt").err
    (tmp_path / "many.yaml").write_text("one: [1]\n")
    assert "many.yaml: one: a template is text" in run("prompts", "import", "many.yaml").err


TESTED = """---
variables: [word]
output: {type: object, required: [word]}
tests:
  - {name: said, variables: {word: yes}, expect: {equals: {word: yes}, lacks: no}}
  - {name: short, variables: {word: hm}, expect: {contains: hm, matches: '^..word'}}
---
Say {{ word }}.
"""


def test_a_prompts_own_tests_are_asked_of_a_model(run: Run, hello: Path, upstream: Provider, tmp_path: Path) -> None:
    """Each answer is checked against what the file expects and its schema; a failure leaves with 1."""
    hello.write_text(TESTED)
    (tmp_path / "orchestra.yaml").write_text(
        f"providers: {{openai: {{api_key: k, base_url: '{upstream.api_base('openai')}'}}}}\n"
        "policies: {default: gpt-4o}\n"
    )
    upstream.reset()
    upstream.reply('{"word": "yes"}')
    upstream.reply('```json\n{"word": "hm"}\n```')
    failed = run("prompts", "test", "hello", "--json")
    assert (failed.code, failed.json["failed"]) == (1, 1)
    assert [result["faults"] for result in failed.json["results"]] == [[], ["it does not match '^..word'"]]
    upstream.reply('{"word": "yes"}')
    upstream.reply('{"word": "hm"}')
    passed = run("prompts", "test", "hello")
    assert passed.code == 0
    assert passed.out.startswith("✓ said\n✓ short\nhello v1: 2 of 2 tests passed on gpt-4o, $0.")
    upstream.always("no")
    wrong = run("prompts", "test", "hello", "--model", "gpt-4o-mini", "--repeat", "2")
    assert wrong.out.count("✗ said") == 2
    assert "it contains 'no'" in wrong.out
    assert "it is no JSON" in wrong.out
    upstream.reset()
    upstream.fail(Fault.UNAUTHORIZED)
    failed = run("prompts", "test", "hello", "--json").json
    assert failed["results"][0]["faults"][0].startswith("Denied: ")
    assert failed["results"][0]["model"] is None
    assert "no model or policy is called 'nobody'" in run("prompts", "test", "hello", "-m", "nobody").err
    hello.write_text("hi")
    assert "has no tests" in run("prompts", "test", "hello").err

"""The policy file: where it is found, and what is said when it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestra import ConfigError
from orchestra.resources import shipped
from orchestra.settings import find, parse, read


def mistakes(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(text, "o.yaml")
    return list(caught.value.problems)


def test_all_mistakes_of_a_file_come_at_once_each_with_its_place() -> None:
    """One line each: file, line, path of the key, what is wrong, what was meant."""
    found = mistakes(
        """\
version: 1
providers:
  openai: {api_key: os.environ/OPENAI_API_KEY, modles: {}}
policies:
  default:
    kind: route
    rules:
      - {when: {priority: hihg}, use: a}
      - {when: {input_tokens: "> many"}, us: b}
    otherwise: {kind: rout}
"""
    )
    assert found == [
        "o.yaml:3: providers.openai.modles: no such key 'modles'; did you mean 'models'?",
        "o.yaml:8: policies.default.rules[0].when.priority: input should be 'high', 'normal', 'budget' or 'speed' "
        "(it is 'hihg')",
        "o.yaml:9: policies.default.rules[1].when.input_tokens: '> many' is not a comparison such as '> 100000' or "
        "'<= 5k'",
        "o.yaml:9: policies.default.rules[1].use: is missing",
        "o.yaml:9: policies.default.rules[1].us: no such key 'us'; did you mean 'use'?",
        "o.yaml:10: policies.default.otherwise: no kind of node is called 'rout'; did you mean 'route'?",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version: 1\nversion: 1\n", "o.yaml:2: found duplicate key"),
        ("policies: [", "not YAML"),
        ("- a\n", "a policy file is a mapping"),
        ("a: !!python/object:os.system x\n", "no such key 'a'"),
        ("version: 2\n", "o.yaml:1: version: input should be 1"),
    ],
    ids=["duplicate key", "broken", "a list", "a python tag", "another version"],
)
def test_a_file_that_is_no_policy_file_is_refused_in_one_line(text: str, said: str) -> None:
    """Nothing is guessed, and nothing in it is executed."""
    assert said in mistakes(text)[0]


@pytest.mark.parametrize(
    "url", ["http://user:canary@host", "http://host/?key=canary", "ftp://host", "http://169.254.169.254/v1"]
)
def test_an_unsafe_address_is_refused_without_showing_what_it_holds(url: str) -> None:
    """A key in an address is not repeated in the error."""
    (said,) = mistakes(f"providers: {{mine: {{provider: custom, base_url: '{url}'}}}}")
    assert "canary" not in said
    assert said.startswith("o.yaml:1: providers.mine.base_url: ")


def test_what_a_file_does_not_name_is_off() -> None:
    """No rate limit, no budget and no retries but those that are asked for."""
    settings = parse("version: 1").settings
    assert (settings.max_requests_per_minute, settings.daily_budget_usd, settings.retries) == (None, None, 0)
    assert (settings.router, settings.ensemble, settings.default_model) == (None, None, None)


def test_an_empty_file_is_an_empty_policy_file() -> None:
    """Everything in it is optional."""
    assert parse("").settings.policies == {}


def test_the_file_is_found_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The argument, then the variable, then `./orchestra.yaml`, then the shipped default."""
    monkeypatch.chdir(tmp_path)
    assert find() == shipped("config") / "default.yaml"
    (tmp_path / "orchestra.yaml").write_text("version: 1")
    assert find() == Path("orchestra.yaml")
    (tmp_path / "other.yaml").write_text("version: 1")
    monkeypatch.setenv("ORCHESTRA_CONFIG", str(tmp_path / "other.yaml"))
    assert find() == tmp_path / "other.yaml"
    (tmp_path / "third.yaml").write_text("version: 1")
    assert find(tmp_path / "third.yaml") == tmp_path / "third.yaml"


def test_a_named_file_that_is_not_there_is_an_error_that_says_who_named_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped default is never used in its place."""
    monkeypatch.setenv("ORCHESTRA_CONFIG", "/nowhere.yaml")
    with pytest.raises(ConfigError, match=r"/nowhere.yaml.*ORCHESTRA_CONFIG"):
        find()


@pytest.mark.parametrize("name", ["default.yaml", "classic.yaml", "panels.yaml"])
def test_every_shipped_policy_file_reads(name: str) -> None:
    """They are what users copy from."""
    assert read(shipped("config") / name).settings.policies


def test_a_place_names_the_line_of_a_key() -> None:
    """What is found wrong after reading is reported at its line too."""
    file = parse("policies:\n  default:\n    kind: route\n    otherwise: nobody\n", "o.yaml")
    assert file.place(("policies", "default", "otherwise")) == "o.yaml:4: policies.default.otherwise"

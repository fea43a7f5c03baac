"""Secrets: named, read when needed, never shown."""

from __future__ import annotations

import pickle

import pytest
from pydantic import TypeAdapter, ValidationError

from orchestra.settings import ProviderConfig, Secret


def test_a_named_secret_is_read_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable may be set after the settings were made."""
    secret = Secret("os.environ/MY_KEY")
    assert secret.reveal() is None
    monkeypatch.setenv("MY_KEY", "canary")
    assert secret.reveal() == "canary"


def test_a_callable_is_asked_each_time() -> None:
    """Rotating keys work."""
    keys = iter(["one", "two"])
    secret = Secret(lambda: next(keys))
    assert (secret.reveal(), secret.reveal()) == ("one", "two")


@pytest.mark.parametrize("source", ["canary", lambda: "canary"], ids=["literal", "callable"])
def test_a_secret_is_shown_nowhere(source: object) -> None:
    """Not in its repr, not in that of the settings, not in their JSON; and it is not pickled."""
    provider = ProviderConfig(api_key=source)  # type: ignore[arg-type]  # validated into a Secret
    assert provider.api_key is not None
    for shown in (repr(provider.api_key), repr(provider), str(provider), provider.model_dump_json()):
        assert "canary" not in shown
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(provider.api_key)


def test_a_named_secret_survives_a_pickle() -> None:
    """A name is no secret."""
    assert pickle.loads(pickle.dumps(Secret("os.environ/A"))) == Secret("os.environ/A")


def test_what_is_no_secret_is_refused() -> None:
    """An empty or numeric key is a mistake, said without showing it."""
    for value in ("", "  ", 7):
        with pytest.raises(ValidationError):
            TypeAdapter(Secret).validate_python(value)

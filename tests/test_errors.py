"""The errors: one tree, by what the caller can do; each survives being copied and sent."""

from __future__ import annotations

import copy
import inspect
import pickle

import pytest

from orchestra import (
    AllFailed,
    ConfigError,
    Cut,
    ModelError,
    OrchestraError,
    RateLimited,
    Transient,
    Unavailable,
    errors,
)

EVERY = [
    c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, OrchestraError) and c is not AllFailed
]


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_an_error_survives_a_pickle_and_a_copy(kind: type[OrchestraError]) -> None:
    """With its message and what it knows."""
    error = kind("what, which, what to do")
    error.journal = ("attempt",)
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert (type(other), str(other), other.journal) == (kind, str(error), ("attempt",))


def test_a_group_of_failures_survives_too_and_is_a_model_error() -> None:
    """Each cause is kept, and the text names them all."""
    group = AllFailed("all 2 models failed", [Unavailable("down"), RateLimited("slow", retry_after_s=2.0)])
    other = pickle.loads(pickle.dumps(group))
    assert isinstance(other, ModelError)
    assert str(other) == str(group) == "all 2 models failed; down; slow"
    assert other.retry_after_s == 2.0
    matched, rest = group.split(RateLimited)
    assert matched is not None
    assert rest is not None
    assert [str(e) for e in matched.exceptions] == ["slow"]


def test_the_drawn_tree_is_the_real_one() -> None:
    """Every class is in the drawing of the module, below its parent."""
    drawn = errors.__doc__ or ""
    assert [kind.__name__ for kind in (*EVERY, AllFailed) if kind.__name__ not in drawn] == []
    assert issubclass(RateLimited, Transient)
    assert issubclass(Cut, ModelError)
    assert ConfigError("a", "b").problems == ("a", "b")

"""Files that are replaced in one step."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestra.errors import ConfigError
from orchestra.settings.atomic import create, write


def test_permissions_and_links_stay(tmp_path: Path) -> None:
    """A file that others may read stays so, and a link goes on pointing at the file that was written."""
    path, link = tmp_path / "file", tmp_path / "link"
    path.write_text("old")
    path.chmod(0o664)
    link.symlink_to(path)
    write(link, "new")
    assert (path.read_text(), link.is_symlink(), path.stat().st_mode & 0o777) == ("new", True, 0o664)


def test_a_private_file_is_its_owners(tmp_path: Path) -> None:
    """Whatever it was before, and also when it is new."""
    write(tmp_path / "new", "x", private=True)
    (tmp_path / "old").write_text("x")
    (tmp_path / "old").chmod(0o644)
    write(tmp_path / "old", "y", private=True)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last step fails: the old content is there, and no draft is."""
    path = tmp_path / "file"
    path.write_text("old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match="can't be written: No space left on device"):
        write(path, "new")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("file", "old")]


def test_a_new_file_is_made_by_one_writer_alone(tmp_path: Path) -> None:
    """Each of several takes the next path that is free; what is there stays, and no draft is left."""
    folder = tmp_path / "new"
    paths = [folder / str(n) for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: create(paths, f"text {n}"), range(8)))
    assert sorted(path for path in made if path is not None) == paths
    assert [path.read_text() for path in made if path is not None] == [f"text {n}" for n in range(8)]
    assert create(paths, "no room") is None
    assert sorted(folder.iterdir()) == paths
    with pytest.raises(ConfigError, match="can't be written"):
        create([paths[0] / "below"], "x")

"""The wheel: it carries the shipped files, and nothing that runs by itself."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from .conftest import ROOT


def test_the_wheel_has_the_shipped_files_and_the_type_marker(tmp_path: Path) -> None:
    """`config/` and `prompts/` of the tree are the wheel's `_data`, byte for byte."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        for folder in ("config", "prompts"):
            for path in (ROOT / folder).rglob("*"):
                if path.is_file():
                    shipped = f"orchestra/_data/{path.relative_to(ROOT)}"
                    assert archive.read(shipped) == path.read_bytes()
    assert "orchestra/py.typed" in names
    started = {name for name in names if name.endswith(".pth") or "sitecustomize" in name}
    assert started == {"orchestra/launch/bootstrap/sitecustomize.py"}  # on the path of `orchestra run` alone
    assert not [name for name in names if name.startswith("tests/")]

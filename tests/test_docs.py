"""What the documentation shows is what the code says and prints."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_the_reference_is_drawn_from_the_code() -> None:
    """docs/reference.md is what docs/draw.py prints."""
    drawn = subprocess.run([sys.executable, str(ROOT / "docs" / "draw.py")], capture_output=True, text=True, check=True)
    assert (ROOT / "docs" / "reference.md").read_text(encoding="utf-8") == drawn.stdout


def test_the_readme_shows_what_is_printed() -> None:
    """The README's blocks that hold no time and no path are what the commands print today."""
    checked = subprocess.run([sys.executable, str(ROOT / "docs" / "show.py"), "--check"], check=False)
    assert checked.returncode == 0


def test_the_readme_python_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The Python example of the README works as it stands."""
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        exec(compile(code, "README.md", "exec"), {})
    finally:
        os.chdir(before)
    assert len(capsys.readouterr().out.strip()) == 64

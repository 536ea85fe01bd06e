"""What the documentation shows is what the code says and prints."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_reference_is_drawn_from_the_code() -> None:
    """docs/reference.md is what docs/draw.py prints."""
    drawn = subprocess.run([sys.executable, str(ROOT / "docs" / "draw.py")], capture_output=True, text=True, check=True)
    assert (ROOT / "docs" / "reference.md").read_text(encoding="utf-8") == drawn.stdout

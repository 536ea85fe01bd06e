"""The real files that some tests read: where they are, and what is said where they are not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

__all__ = ["DATA", "real_file"]

DATA = Path(os.environ.get("DELEVERAGE_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
"""The folder that DELEVERAGE_DATA names, or the one that lies beside the project."""


def real_file(name: str, folder: Path = DATA) -> Path:
    """A real file by its name; the test that asks is skipped where it is absent, and says which file that is."""
    path = folder / name
    if not path.is_file():
        pytest.skip(f"{name} is absent; DELEVERAGE_DATA names the folder of the real files")
    return path

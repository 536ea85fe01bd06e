"""How long a test waits for a process or a page: longer than any machine takes, so that none hangs on its speed."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["PATIENCE_S", "eventually"]

PATIENCE_S = 600
_LOOK_S = 0.02


def eventually(holds: Callable[[], object]) -> bool:
    """Whether it comes to hold; looked at many times a second, and once more at the end."""
    until_s = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > until_s:
            return bool(holds())
        time.sleep(_LOOK_S)
    return True

"""What was there before, sought in a bounded window so that memory stays flat."""

from __future__ import annotations

from collections.abc import Hashable

__all__ = ["WINDOW_LEAST", "Window"]

WINDOW_LEAST = 1 << 15


class Window:
    """Remembers the last `WINDOW_LEAST` to twice as many keys."""

    def __init__(self) -> None:
        self._recent: set[Hashable] = set()
        self._older: set[Hashable] = set()

    def knows(self, key: Hashable) -> bool:
        """Whether a key was met before; it is from now on. O(1)."""
        if key in self._recent or key in self._older:
            return True
        self._recent.add(key)
        if len(self._recent) >= WINDOW_LEAST:
            self._recent, self._older = set(), self._recent
        return False

"""Forced orders that a publisher writes twice, and those that are equal because there were two.

1. Only Binance's own snapshots of forced orders are known to hold every row twice. Of any other file two equal rows are
   two orders.
2. A file holds its rows twice if more than half of its different rows stand an even number of times. Then every second
   one of equal rows is left out and counted, so that a row that stands four times is two orders.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from hashlib import blake2b

__all__ = ["Twins"]

_DIGEST_BYTES = 12


class Twins:
    """Counts equal rows by file in a first pass, and tells those that are left out in a second."""

    def __init__(self) -> None:
        self._odd: defaultdict[int, set[bytes]] = defaultdict(set)
        """Rows of a file that stood an odd number of times."""
        self._different: Counter[int] = Counter()
        self._seen: defaultdict[int, set[bytes]] = defaultdict(set)

    def count(self, source: int, row: str) -> None:
        """A row was met in the first pass; 12 bytes and a place in a set for each that is different."""
        key, odd = _key(row), self._odd[source]
        if key in self._seen[source]:
            odd.symmetric_difference_update((key,))
        else:
            self._seen[source].add(key)
            self._different[source] += 1
            odd.add(key)

    def doubles(self, source: int) -> bool:
        """Whether a file holds its rows twice, by the first pass."""
        return 2 * len(self._odd[source]) < self._different[source]

    def begin(self) -> None:
        """The second pass begins."""
        self._seen.clear()

    def is_second(self, source: int, row: str) -> bool:
        """Whether a row is the other half of one that was taken already."""
        if not self.doubles(source):
            return False
        seen, key = self._seen[source], _key(row)
        if key in seen:
            seen.remove(key)
            return True
        seen.add(key)
        return False


def _key(row: str) -> bytes:
    return blake2b(row.encode(), digest_size=_DIGEST_BYTES).digest()

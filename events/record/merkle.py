"""Hash trees: what the head of a record is. How entries are proved to lie under it is in `proof.py`.

Rules:
1. A leaf is SHA-256(0x00 || salt || bytes). The salt is empty unless one is given: reserved, so that the undisclosed
   neighbours of a disclosed event cannot be confirmed by guessing.
2. An inner node is SHA-256(0x01 || left || right). The first byte keeps a node from passing as a leaf.
3. n leaves split at the greatest power of two below n (RFC 6962, section 2.1). Pairing level by level and carrying an
   odd last node up gives that same shape.
4. The tree over nothing is SHA-256 of nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

from ...core import hashing

__all__ = [
    "EMPTY_ROOT",
    "LEAF_PREFIX",
    "Frontier",
    "leaf_hash",
    "node_hash",
    "tree_root",
    "tree_roots",
]

LEAF_PREFIX, _NODE_PREFIX = b"\0", b"\1"

EMPTY_ROOT = sha256().digest()


def leaf_hash(data: bytes, salt: bytes = b"") -> bytes:
    """The hash of one entry."""
    return sha256(LEAF_PREFIX + salt + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees side by side."""
    return sha256(_NODE_PREFIX + left + right).digest()


def tree_root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes. n - 1 hashes for n leaves."""
    if not leaves:
        return EMPTY_ROOT
    level = list(leaves)
    if hashing is not None:
        return hashing.tree_root(level)
    while len(level) > 1:
        level = _parents(level)
    return level[0]


def tree_roots(leaves: Sequence[bytes], sizes: Iterable[int]) -> dict[int, bytes]:
    """The roots over so many of the first leaf hashes. n - 1 hashes for n leaves, and O(log n) for each size."""
    levels = [list(leaves)]
    while len(levels[-1]) > 1:
        levels.append(_parents(levels[-1]))
    return {size: _root_at(levels, size) for size in sizes}


def _root_at(levels: Sequence[list[bytes]], size: int) -> bytes:
    """The root over the first leaves, joined from the full subtrees that they are made of, the smallest first."""
    root, count = b"", size
    for level in levels:
        if count & 1:
            root = node_hash(level[count - 1], root) if root else level[count - 1]
        count >>= 1
    return root or EMPTY_ROOT


def _parents(level: list[bytes]) -> list[bytes]:
    """The level above, with an odd last node carried up as it is."""
    # `node_hash`, written out: half of what a record of account events costs is spent here.
    pairs = zip(level[::2], level[1::2], strict=False)
    parents = [sha256(_NODE_PREFIX + left + right).digest() for left, right in pairs]
    if len(level) % 2:
        parents.append(level[-1])
    return parents


class Frontier(NamedTuple):
    """A tree that grows to the right: the roots of its full subtrees, largest first.

    Never changed: `add` gives a new one, so keeping an old one costs nothing. O(log n) memory.
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def add(self, leaf: bytes) -> Frontier:
        """The tree with one more leaf hash. One hash on average, O(log n) at worst."""
        kept, node, carry = len(self.peaks), leaf, self.size
        while carry & 1:
            kept -= 1
            node = node_hash(self.peaks[kept], node)
            carry >>= 1
        return Frontier(self.size + 1, (*self.peaks[:kept], node))

    def root(self) -> bytes:
        """The root over everything added. O(log n) hashes."""
        if not self.peaks:
            return EMPTY_ROOT
        *larger, node = self.peaks
        for peak in reversed(larger):
            node = node_hash(peak, node)
        return node

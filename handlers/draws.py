"""Random numbers that do not depend on order: each is a hash of what it is for.

1. A draw is keyed by (seed, account, purpose, n): that account's n-th draw for that purpose. Nothing is kept between
   draws, so a fork does not reshuffle what it did not touch. An account is known by its name (`account_key`), so
   neither does another account, nor the order in which they are listed.
2. The hash is BLAKE2b with the seed as its key, over the account and n (8 bytes each, signed, little endian) and the
   purpose in UTF-8. The same on every machine and version.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from struct import Struct, unpack

from ..core import native

__all__ = ["NORMAL_ONE", "account_key", "draw_below", "draw_bits", "draw_normal"]

NORMAL_ONE = 1 << 32
"""One standard deviation of `draw_normal`."""

_WORDS = 12
_pack_key = Struct("<qq").pack
_NORMAL_MEAN = _WORDS * (NORMAL_ONE - 1) // 2


@lru_cache(maxsize=1 << 14)
def account_key(name: str) -> int:
    """What an account is called in its draws: 63 bits of a hash of its name. Two names share one by accident only."""
    return int.from_bytes(blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little") >> 1


def draw_bits(seed: int, account: int, purpose: str, n: int) -> int:
    """64 random bits as a whole number; O(1)."""
    drawn = None if native is None else native.draw_bits(seed, account, purpose, n)
    return int.from_bytes(_digest(seed, account, purpose, n, 8), "little") if drawn is None else drawn


def draw_below(seed: int, account: int, purpose: str, n: int, bound: int) -> int:
    """A whole number from 0 to `bound` - 1: 64 bits x bound / 2^64, rounded down.

    Even to within bound / 2^64. Raises ValueError for a bound below 1 or over 2^64.
    """
    if not 0 < bound <= 1 << 64:
        message = f"a draw below {bound} is not possible; the bound must lie between 1 and 2^64"
        raise ValueError(message)
    return draw_bits(seed, account, purpose, n) * bound >> 64 if bound > 1 else 0


def draw_normal(seed: int, account: int, purpose: str, n: int) -> int:
    """A normal draw in units of 2^-32 standard deviations: the sum of twelve even 32-bit numbers less its mean.

    Mean 0, variance 1 - 2^-64, never beyond six standard deviations; O(1).
    """
    drawn = None if native is None else native.draw_normal(seed, account, purpose, n)
    if drawn is not None:
        return drawn
    words: tuple[int, ...] = unpack("<12I", _digest(seed, account, purpose, n, 4 * _WORDS))
    return sum(words) - _NORMAL_MEAN


def _digest(seed: int, account: int, purpose: str, n: int, size: int) -> bytes:
    hashed = _keyed(seed, size).copy()
    hashed.update(_pack_key(account, n) + purpose.encode())
    return hashed.digest()


@lru_cache(maxsize=8)
def _keyed(seed: int, size: int) -> blake2b:
    """The hash with its key taken in and nothing else yet: never changed, only copied."""
    return blake2b(key=seed.to_bytes(16, "little", signed=True), digest_size=size)

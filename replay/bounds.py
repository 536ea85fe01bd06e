"""How far a share that was counted in a sample can be from that of all: Clopper and Pearson's interval, at 95%.

It is exact: for the least share it holds, as many or more would be counted in 2.5% of such samples, and for the most,
as many or fewer (Clopper and Pearson 1934, Biometrika 26, 404). The binomial tail is summed in whole numbers; the ends
are rounded outwards to a ten-thousandth.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

__all__ = ["CONFIDENCE", "SHARE_PARTS", "interval", "share_text"]

CONFIDENCE = "95%, Clopper-Pearson"

SHARE_PARTS = 10_000
"""An end of an interval is a whole number of so many parts of one."""

_SHOWN_PARTS = 1_000

_TAIL_PARTS = 40
"""A tail holds one in so many samples: 2.5%."""


def interval(counted: int, samples: int) -> tuple[int, int]:
    """The least and the most share, in ten-thousandths."""
    return _least(counted, samples), SHARE_PARTS - _least(samples - counted, samples)


@lru_cache(4_096)
def _least(counted: int, samples: int) -> int:
    """The largest share in ten-thousandths under which so many or more are counted in at most 2.5% of samples."""
    low, high = 0, SHARE_PARTS
    while counted and high - low > 1:
        share = (low + high) // 2
        low, high = (share, high) if _is_rare(counted, samples, share) else (low, share)
    return low


def _is_rare(counted: int, samples: int, share: int) -> bool:
    """Whether at that share so many or more are counted in at most 2.5% of samples; O(samples) products."""
    other = SHARE_PARTS - share
    term, tail = other**samples, 0  # C(n, k) share^k other^(n - k), from k = 0 on
    for number in range(counted):
        tail += term
        term = term * (samples - number) * share // ((number + 1) * other)
    whole: int = SHARE_PARTS**samples
    rare: bool = (whole - tail) * _TAIL_PARTS <= whole
    return rare


def share_text(share: Fraction) -> str:
    """A share in percent, rounded to a tenth; what is not all or nothing is never shown as that."""
    tenths = round(share * _SHOWN_PARTS)
    if 0 < share < 1:
        tenths = min(max(tenths, 1), _SHOWN_PARTS - 1)
    return f"{tenths // 10}.{tenths % 10}%"

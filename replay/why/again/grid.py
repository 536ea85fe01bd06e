"""The amounts that a search may try, and the order in which it tries them.

1. A grid is a row of rising amounts. Of money it is a first guess in sixteenths, and the guess doubled `DOUBLINGS`
   times with each step in sixteenths. Of a position it is its sixteenths.
2. The answer is the least place of the grid that spares the position, where the place below it does not. It is
   searched from a first place outwards, in strides that grow up to an octave of sixteenths, until one place spares the
   position and a lower one does not; then what lies between is halved.
3. The first place only says how soon the answer comes. Where more never harms it is the same answer from anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import NamedTuple

from .trials import ForkTrial, TrialOutcome

__all__ = ["DOUBLINGS", "GUESS", "PARTS", "TRIALS_MOST", "Nearest", "amounts_from", "nearest", "parts_of"]

DOUBLINGS, PARTS = 10, 16
GUESS = PARTS - 1
"""The place of the guess itself on a grid of money, where that has all its places."""

TRIALS_MOST = PARTS.bit_length() + (DOUBLINGS + 1) + (PARTS - 1).bit_length()
"""More trials are never needed: strides that grow, strides of an octave, and halving."""


class Nearest(NamedTuple):
    """The least amount of the grid that spares the position, and the one below it, which does not: 0 for no change."""

    failing: int
    sparing: int


def amounts_from(guess: int) -> list[int]:
    """The grid of money from a first guess of at least 1."""
    octaves = [guess << doubling for doubling in range(DOUBLINGS)]
    steps = range(1, PARTS + 1)
    found = {guess * step // PARTS for step in steps}
    found.update(octave * (PARTS + step) // PARTS for octave in octaves for step in steps)
    return sorted(found - {0})


def parts_of(lots: int) -> list[int]:
    """The sixteenths of a position, without a sign, rounded down to lots."""
    return sorted({abs(lots) * step // PARTS for step in range(1, PARTS + 1)} - {0})


def nearest(
    grid: Sequence[int], trial: Callable[[int], ForkTrial], first: int, stride: int = 1
) -> Generator[ForkTrial, TrialOutcome, Nearest | None]:
    """Search the grid from place `first` on; None where none of it spares the position.

    The second trial is `stride` places further on where the first did not spare it; at most `TRIALS_MOST` are asked.
    """
    failing, sparing, place = -1, len(grid), min(first, len(grid) - 1)
    while sparing - failing > 1:
        if (yield trial(grid[place])).spared:
            sparing = place
        else:
            failing = place
        middle = (failing + sparing) // 2
        if sparing == len(grid):
            place = min(failing + stride, sparing - 1)
        else:
            place = middle if failing >= 0 else max(sparing - stride, middle)
        stride = min(2 * stride, PARTS)
    if sparing == len(grid):
        return None
    return Nearest(grid[failing] if failing >= 0 else 0, grid[sparing])

"""Repetition, drawn together for people: a timer set and fired forty times over is one line.

A stretch of steps is a repetition when the same types, decided by the same, follow each other in the same order at
least three times over. The shortest pattern wins; JSON keeps every step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .parts import Step

__all__ = ["Repetition", "collapsed"]

_PATTERN_MOST = 6
_TIMES_LEAST = 3


class Repetition(NamedTuple):
    """So many times over the same pattern: its steps as they were the first time, and the last step of all."""

    times: int
    first: tuple[Step, ...]
    last: Step


def collapsed(steps: Sequence[Step]) -> Iterator[Step | Repetition]:
    """The steps with each repetition as one; O(steps)."""
    kinds = [(step.type, step.decided_by) for step in steps]
    place = 0
    while place < len(steps):
        length, times = _pattern(kinds, place)
        if times < _TIMES_LEAST:
            yield steps[place]
            place += 1
        else:
            stop = place + length * times
            yield Repetition(times, tuple(steps[place : place + length]), steps[stop - 1])
            place = stop


def _pattern(kinds: Sequence[tuple[str, str | None]], place: int) -> tuple[int, int]:
    """The shortest pattern that repeats from here on, and how often; once where there is none."""
    for length in range(1, _PATTERN_MOST + 1):
        pattern, times = kinds[place : place + length], 1
        while kinds[place + length * times : place + length * (times + 1)] == pattern:
            times += 1
        if times >= _TIMES_LEAST:
            return length, times
    return 1, 1

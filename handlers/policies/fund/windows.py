"""What is kept of a figure over the last hours, in notes: its greatest value, or its average, by step of the window.

A window has eight steps. The last eight whole ones and the running one are kept, so a window is looked back over at
least its length and at most an eighth more.
"""

from __future__ import annotations

__all__ = ["STEPS", "averaged", "greatest", "with_peak", "with_sample"]

STEPS = 8


def with_peak(noted: tuple[int, ...], step: int, value: int) -> tuple[int, ...]:
    """(step, greatest value) pairs, oldest first, with one more value; steps that left the window are dropped."""
    peaks = dict(zip(noted[::2], noted[1::2], strict=True))
    peaks[step] = max(value, peaks.get(step, value))
    return tuple(number for at in sorted(peaks) if at >= step - STEPS for number in (at, peaks[at]))


def greatest(noted: tuple[int, ...], value: int) -> int:
    """The greatest of the window and of a value that is not noted yet."""
    return max((value, *noted[1::2]))


def with_sample(noted: tuple[int, ...], step: int, value: int, samples: int) -> tuple[int, ...]:
    """(step, sum, how many) triples, oldest first, with one more value; steps that left the window are dropped.

    Where nothing is noted yet the value is taken to have stood there all through the window before, in which there are
    so many samples to a step.
    """
    sums = {at: (total, many) for at, total, many in zip(noted[::3], noted[1::3], noted[2::3], strict=True)}
    if not sums:
        sums = dict.fromkeys(range(step - STEPS, step), (samples * value, samples))
    total, many = sums.get(step, (0, 0))
    sums[step] = (total + value, many + 1)
    return tuple(number for at in sorted(sums) if at >= step - STEPS for number in (at, *sums[at]))


def averaged(noted: tuple[int, ...], value: int) -> int:
    """The average of the window, rounded down; the value itself where nothing is noted."""
    many = sum(noted[2::3])
    return sum(noted[1::3]) // many if many else value

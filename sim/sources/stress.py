"""Correlation that rises in stress: a one-factor model whose loading moves with the realised volatility of the path.

1. The noise of a step is step x (sqrt(loading) x market + sqrt(1 - loading) x own): two instruments correlate by the
   loading, and each alone is as volatile as before, whatever the loading.
2. loading = correlation + (stress - correlation) x s, where s goes from 0 at calm volatility to 1 at `multiple` times
   that, evenly, and stays within both.
3. Realised volatility is the root of the average square of a step's log return over all instruments, an exponential
   average: += (square - average) x interval / (interval + memory). Script, jumps and noise all count; the return of the
   step itself does not, as its noise is drawn by the loading before it.

Sources: a loading that depends on the state of the market is the regime form of the one-factor model; that correlations
rise with volatility is measured in Longin and Solnik 2001, "Extreme correlation of international equity markets", and
Ang and Chen 2002, "Asymmetric correlations of equity portfolios". Whole numbers: logs in 10^-18, the loading in 10^-9.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt

__all__ = ["Loading"]

_PPB = 10**9


class Loading:
    """The loading so far, from the returns of the path; `note` takes in a step. O(instruments) a step."""

    def __init__(
        self, calm_ppb: int, stress_ppb: int, *, step: int, multiple_ppb: int, interval_ns: int, memory_ns: int
    ) -> None:
        """`step` is a calm standard deviation of a step, in logs of 10^-18; `multiple_ppb` when stress is whole."""
        self._calm_ppb, self._stress_ppb = calm_ppb, stress_ppb
        self._step, self._multiple_ppb = step, multiple_ppb
        self._interval_ns, self._memory_ns = interval_ns, memory_ns
        self._square = step * step
        self._before: list[int] | None = None

    def note(self, logs: Sequence[int]) -> None:
        """Take in where each instrument's log price stands after a step, before its beta."""
        if self._before is not None:
            square = sum((now - then) ** 2 for now, then in zip(logs, self._before, strict=True)) // len(logs)
            self._square += (square - self._square) * self._interval_ns // (self._interval_ns + self._memory_ns)
        self._before = list(logs)

    @property
    def ppb(self) -> int:
        """The loading of the next step."""
        if not self._step:
            return self._calm_ppb
        over_ppb = isqrt(self._square) * _PPB // self._step - _PPB
        stress_ppb = min(_PPB, max(0, over_ppb * _PPB // (self._multiple_ppb - _PPB)))
        return self._calm_ppb + (self._stress_ppb - self._calm_ppb) * stress_ppb // _PPB

    def shares(self, step: int) -> tuple[int, int]:
        """What a standard deviation of the market's and of an instrument's own draw is worth, of a step's."""
        loading_ppb = self.ppb
        return isqrt(step * step * loading_ppb // _PPB), isqrt(step * step * (_PPB - loading_ppb) // _PPB)

"""Ctrl-C: the first asks the simulation to stop after the present input, the second raises at once."""

from __future__ import annotations

import signal
from threading import current_thread, main_thread
from types import FrameType, TracebackType
from typing import Any, Self

from .runner import Simulation
from .terminal import tell

__all__ = ["Interrupt"]


class Interrupt:
    """Takes the signal while it is entered. Before there is a simulation to stop, the first Ctrl-C raises as well."""

    def __init__(self) -> None:
        """Nothing to stop yet."""
        self._simulation: Simulation | None = None
        self._previous: Any = None

    def watch(self, simulation: Simulation) -> None:
        """This is what the next Ctrl-C stops."""
        self._simulation = simulation

    def __enter__(self) -> Self:
        """Take the signal; Python gives it only to the main thread."""
        if current_thread() is main_thread():
            self._previous = signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Give the signal back."""
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        simulation = self._simulation
        if simulation is None or simulation.interrupted:
            raise KeyboardInterrupt
        simulation.interrupted = True
        tell("stopping after this input and sealing the record; Ctrl-C again stops at once")

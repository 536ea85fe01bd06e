"""A signal that is to stop a run: the first asks it to stop after the present input, the second raises at once."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from types import FrameType, TracebackType
from typing import Self

from .runner import Simulation
from .signals import STOPPING, Raising, Stopped, is_heard, taken
from .terminal import tell

__all__ = ["Interrupt"]


class Interrupt:
    """Takes the signals while it is entered. Before there is a simulation to stop, the first one raises as well."""

    def __init__(self) -> None:
        self._simulation: Simulation | None = None
        self._stopped, self._raise = Stopped(signal.SIGINT), Raising()
        self._taken = ExitStack()

    def watch(self, simulation: Simulation) -> None:
        """This is what the next signal stops."""
        self._simulation, self._raise = simulation, Raising()

    @property
    def exit_code(self) -> int:
        """What the process ends with if its run was interrupted."""
        return self._stopped.exit_code

    def __enter__(self) -> Self:
        """Take the signals, but for those that are ignored."""
        self._taken.enter_context(taken([number for number in STOPPING if is_heard(number)], self._on_signal))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Give them back."""
        self._taken.close()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        simulation = self._simulation
        if simulation is None or simulation.interrupted:
            self._raise(number)
            return
        self._stopped = Stopped(number)
        simulation.interrupted = True
        again = "Ctrl-C again" if number == signal.SIGINT else "another signal"
        tell(f"stopping after this input and sealing the record; {again} stops at once")

"""Time, on SimPy: what is due, and in which order within one instant.

1. At one instant, items run by class (input, then timer, then delayed delivery), then by the `seq` of their cause,
   then by subscription index.
2. The class is the SimPy priority. Items of one instant and class share one SimPy event and are sorted here, so
   SimPy's own counter decides nothing.
3. An item is scheduled for later than now, never for now.
4. `now_ns` is the present instant. SimPy's own `now` is that of the last item it ran: it catches up whenever it has
   one to run, and stays behind while inputs follow each other with nothing due in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import IntEnum
from heapq import heappop, heappush
from typing import Any, Generic, NamedTuple, TypeVar

import simpy
from simpy.core import Infinity
from simpy.events import EventPriority

from ..events.errors import ScenarioError
from .units import INT64_MAX

__all__ = ["Clock", "Item", "ItemClass"]

T = TypeVar("T")


class ItemClass(IntEnum):
    """What an item is; the number is its SimPy priority."""

    INPUT = 1
    TIMER = 2
    DELIVERY = 3


_INPUT = EventPriority(ItemClass.INPUT)


class Item(NamedTuple):
    """Something due: sorted by cause and subscription, which together are unique within an instant and class."""

    cause: int
    subscription: int
    action: Callable[[], None]


class _Instant(simpy.Event):
    """A SimPy event that has already succeeded and only waits for its time: what of a class is due then."""

    def __init__(self, env: simpy.Environment, at_ns: int, item_class: ItemClass, run: Callable[[Any], None]) -> None:
        super().__init__(env)
        self._ok, self._value = True, None
        self.callbacks = [run]
        self.at_ns, self.item_class = at_ns, item_class
        self.items: list[Item] = []


class _Feed(simpy.Event, Generic[T]):
    """One SimPy event that carries the inputs from instant to instant.

    Inputs come first within their instant, so as long as SimPy has nothing due before the next one, it is published
    there and then; otherwise the event is scheduled for the input's time and SimPy runs what is due before.
    """

    _next: tuple[int, T]

    def __init__(self, clock: Clock, inputs: Iterable[tuple[int, T]], publish: Callable[[T], None]) -> None:
        super().__init__(clock.env)
        self._ok, self._value = True, None
        self._clock, self._inputs, self._publish = clock, iter(inputs), publish
        self.done = clock.env.event()
        self.callbacks = [self._begin]
        clock.env.schedule(self, _INPUT, clock.now_ns - clock.env.now)

    def _begin(self, _event: simpy.Event) -> None:
        self._run()

    def _resume(self, _event: simpy.Event) -> None:
        at_ns, item = self._next
        self._clock.now_ns = at_ns
        self._publish(item)
        self._run()

    def _run(self) -> None:
        """Publish inputs until one must wait for something else, or none is left."""
        clock, publish = self._clock, self._publish
        clock.note_next_due()
        for entry in self._inputs:
            at_ns, item = entry
            if at_ns > clock.next_due_ns:
                self._next, self.callbacks = entry, [self._resume]
                clock.env.schedule(self, _INPUT, at_ns - clock.env.now)
                return
            if at_ns < clock.now_ns:
                message = f"an input at {at_ns} ns comes after {clock.now_ns} ns; times never run backwards"
                raise ScenarioError(message)
            clock.now_ns = at_ns
            publish(item)
        self.done.succeed()


class Clock:
    """Nanoseconds since the epoch as SimPy's time; `now_ns` is the present instant."""

    def __init__(self, start_ns: int) -> None:
        self.env = simpy.Environment(initial_time=start_ns)
        self.now_ns = self.next_due_ns = start_ns
        self._due: dict[tuple[int, ItemClass], _Instant] = {}
        self._running: list[Item] = []

    def note_next_due(self) -> None:
        """Ask SimPy when something is due next; until it runs again, `schedule` keeps the answer right."""
        next_due_ns = self.env.peek()
        self.next_due_ns = INT64_MAX if next_due_ns == Infinity else int(next_due_ns)

    def schedule(self, at_ns: int, item_class: ItemClass, item: Item) -> None:
        """Run an item at a later instant, in its place there; O(log n)."""
        instant = self._due.get((at_ns, item_class))
        if instant is None:
            instant = self._due[at_ns, item_class] = _Instant(self.env, at_ns, item_class, self._run_due)
            self.env.schedule(instant, EventPriority(item_class), at_ns - self.env.now)
            self.next_due_ns = min(self.next_due_ns, at_ns)
        heappush(instant.items, item)

    def _run_due(self, instant: _Instant) -> None:
        self.now_ns = instant.at_ns
        items = self._running = self._due.pop((instant.at_ns, instant.item_class)).items
        while items:
            heappop(items).action()

    def causes_left(self) -> list[int]:
        """The causes of the items of this instant and class that are still to run, in their order."""
        return sorted(item.cause for item in self._running)

    def run_inputs(self, inputs: Iterable[tuple[int, T]], publish: Callable[[T], None]) -> None:
        """Publish each input at its time and everything else in between; returns after the last input.

        Raises ScenarioError where times run backwards.
        """
        feed = _Feed(self, inputs, publish)
        self.env.run(until=feed.done)

    def run_until(self, end_ns: int) -> None:
        """Run everything that is due up to and including `end_ns`."""
        while self.env.peek() <= end_ns:
            self.env.step()
        self.now_ns = max(end_ns, self.now_ns)

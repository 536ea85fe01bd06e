"""Around a plug-in that is a whole handler: what it returns is looked at, and whether it wrote into the ledger.

1. It stays an instance of its own class: the guard is mixed in before it.
2. The ledger is held against itself around a call: the accounts that the event names and the markets each time, the
   whole as often as the calls made pay for it (each pays for so many accounts), and always at the first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from ...events.envelope import Event
from ...events.ledger import LedgerState
from ...events.vocabulary import Body, accounts_named
from ..protocol import Handler, Product
from ..quiet import QuietSpan
from .complaints import called, complaint, shown
from .ledger_watch import LedgerWatch
from .own_events import NONE_OWN, OwnTypes, recorded_kinds
from .products import fault_in

if TYPE_CHECKING:
    from ...events.quiet_ticks import QuietTicks

__all__ = ["PRODUCTS_MOST", "guarded"]

PRODUCTS_MOST = 1_000_000
"""No answer to one event is longer."""

T = TypeVar("T")


def guarded(kind: type[Handler], own: OwnTypes = NONE_OWN) -> type[Handler]:
    """The same class, watched; the bus delivers to it what its own types are recorded as."""
    declared = {
        "__doc__": kind.__doc__,
        "subscribes": recorded_kinds(kind.subscribes),
        "observes": recorded_kinds(kind.observes),
        "_own": own,
        "_hears": kind.subscribes,
        "_watches": kind.observes,
    }
    watched: type[Handler] = type(kind.__name__, (_Guarded, kind), declared)
    return watched


class _Guarded(Handler):
    """Stands before the plug-in's own methods."""

    _ledger_watch: LedgerWatch | None = None
    _own: OwnTypes
    _hears: tuple[Any, ...]
    _watches: tuple[Any, ...]

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> list[Product]:
        """The products, checked. Raises HandlerError naming the plug-in and the value."""
        handle, heard = super().handle, self._heard(event, self._hears)
        if heard is None:
            return []

        def products() -> list[Product]:
            return list(islice(handle(heard, ledger, now_ns), PRODUCTS_MOST + 1))

        found = self._unchanged("handle()", products, ledger, event)
        found = [self._own.recorded(one, ledger, self.plugin) for one in found] if self._own.kinds else found
        if len(found) > PRODUCTS_MOST:
            raise complaint(self.plugin, f"handle() gave more than {PRODUCTS_MOST:,} products for event {event.seq}")
        fault = fault_in(found, ledger)
        if fault:
            raise complaint(self.plugin, f"handle() gave {fault}")
        return found

    def gate(self, kind: type[Body]) -> Collection[object]:
        """The plug-in's gate, if it is one."""
        gate = super().gate
        found: Any = called(self.plugin, "gate()", lambda: gate(kind))
        if not isinstance(found, Collection):
            raise complaint(self.plugin, f"gate() gave {shown(found)}; a collection is due")
        return found

    def observe(self, event: Event, ledger: LedgerState) -> None:
        """Let the plug-in keep its index."""
        observe, heard = super().observe, self._heard(event, self._watches)
        if heard is not None:
            self._unchanged("observe()", lambda: observe(heard, ledger), ledger, event)

    def quiet_span(self, ledger: LedgerState) -> QuietSpan | None:
        """The plug-in's span, if it is one."""
        quiet_span = super().quiet_span
        found: Any = self._unchanged("quiet_span()", lambda: quiet_span(ledger), ledger, None)
        if found is not None and not isinstance(found, QuietSpan):
            raise complaint(self.plugin, f"quiet_span() gave {shown(found)}; a QuietSpan or None is due")
        return found

    def observe_ticks(self, ticks: QuietTicks, ledger: LedgerState) -> None:
        """Let the plug-in keep its index over a run of ticks."""
        observe_ticks = super().observe_ticks
        self._unchanged("observe_ticks()", lambda: observe_ticks(ticks, ledger), ledger, None)

    def prime(self, ledger: LedgerState, past: Iterable[Event]) -> None:
        """Let the plug-in rebuild its index."""
        prime = super().prime
        heard = (one for event in past if (one := self._heard(event, self._watches)) is not None)
        self._unchanged("prime()", lambda: prime(ledger, heard), ledger, None)

    def _heard(self, event: Event, kinds: tuple[Any, ...]) -> Event | None:
        """The event as the plug-in hears it, None for one of a plug-in's types that it did not name."""
        return called(self.plugin, "its own type of event", lambda: self._own.heard(event, kinds))

    def _unchanged(self, what: str, call: Callable[[], T], ledger: LedgerState, event: Event | None) -> T:
        watch = self._ledger_watch = self._ledger_watch or LedgerWatch()
        named = () if event is None else accounts_named(event.body)
        before = watch.before(ledger, named)
        result = called(self.plugin, what, call)
        written = watch.written(before, ledger, named)
        if written:
            raise complaint(self.plugin, f"{what} wrote into the ledger: {written}; return events instead")
        return result

"""The faults of the venue begin and end as they were planned, by the scenario or by a fork.

A timer for each beginning is set where the plan counts from: at the start of the run, or at the fork that planned it.
A fault that is on has a timer for its end, unless it is for good. What each kind does stands in `faults.py`, what is
planned in `fault_plan.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

import msgspec

from ..events.bodies.faults import FaultEnded, FaultStarted
from ..events.bodies.run import RunForked, RunStarted
from ..events.bodies.trading import OrderPlaced
from ..events.bodies.venue import TimerFired, TimerSet
from ..events.envelope import Event
from ..events.kinds import FOR_GOOD_NS
from ..events.ledger import LedgerState
from ..events.ledger.faults import StandingFault
from ..events.vocabulary import Body
from .depth import walk
from .fault_plan import FaultParameters, PlannedFailure, PlannedFault, PlannedManipulation
from .protocol import Handler, Product

__all__ = ["FaultSchedule"]

_ATTACK = "attack of fault {}"


class FaultSchedule(Handler):
    """Starts and ends faults; of a manipulation it also places the attacker's orders."""

    name: ClassVar[str] = "faults"
    policy: ClassVar[str] = "scheduled"
    subscribes: ClassVar[tuple[type[Body], ...]] = (RunStarted, RunForked, TimerFired)
    Parameters: ClassVar[type[msgspec.Struct]] = FaultParameters

    def __init__(self, parameters: FaultParameters) -> None:
        self.planned = dict(enumerate(parameters.planned, 1))
        self._starts = {f"start of fault {number}": number for number in self.planned}
        self._ends = {f"end of fault {number}": number for number in self.planned}
        self._attacks = {_ATTACK.format(number): number for number in self.planned}

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """Timers where the plan counts from; a beginning, an attack or an end at each."""
        body = event.body
        if not isinstance(body, TimerFired):
            return list(self._plan(event.seq, ledger, now_ns))
        if body.purpose in self._starts:
            return list(self._start(self._starts[body.purpose], ledger, now_ns))
        number = self._ends.get(body.purpose, self._attacks.get(body.purpose, 0))
        standing = ledger.faults.get(number)
        if standing is None:
            return ()
        if body.purpose in self._ends:
            return list(self._end(number, standing, ledger))
        return list(_attacked(number, standing, ledger, now_ns))

    def _plan(self, seq: int, ledger: LedgerState, now_ns: int) -> Iterator[Product]:
        for number, planned in self.planned.items():
            if planned.since_seq != seq:
                continue
            if planned.from_ns:
                yield TimerSet(f"start of fault {number}", now_ns + planned.from_ns)
            else:
                yield from self._start(number, ledger, now_ns)

    def _start(self, number: int, ledger: LedgerState, now_ns: int) -> Iterator[Product]:
        planned = self.planned[number]
        started = _started(number, planned, ledger, now_ns)
        yield started
        if not planned.is_for_good:
            yield TimerSet(f"end of fault {number}", started.until_ns)
        if started.kind == "manipulation":
            yield TimerSet(_ATTACK.format(number), now_ns + started.interval_ns)

    def _end(self, number: int, standing: StandingFault, ledger: LedgerState) -> Iterator[Product]:
        body = standing.body
        yield FaultEnded(number, body.kind, body.instrument)
        if body.kind == "manipulation" and body.unwinds:
            assert body.account is not None
            held = ledger.accounts[body.account].positions.get((body.instrument or 0, 0))
            free = ledger.accounts[body.account].liquidation_id is None
            if held is not None and free:
                yield _order(standing, ledger, -held.size_lots)


def _started(number: int, planned: PlannedFault, ledger: LedgerState, now_ns: int) -> FaultStarted:
    attack = planned if isinstance(planned, PlannedManipulation) else None
    return FaultStarted(
        fault=number,
        kind=type(planned).__struct_config__.tag,  # type: ignore[arg-type]
        until_ns=FOR_GOOD_NS if planned.is_for_good else now_ns + planned.for_ns,
        instrument=_instrument(planned, ledger),
        group=getattr(planned, "group", ""),
        account=None if attack is None else ledger.account_ids[attack.account],
        delay_ns=getattr(planned, "delay_ns", 0),
        interval_ns=planned.interval,
        offset_bps=getattr(planned, "offset_bps", 0),
        share_bps=getattr(planned, "accounts_bps", 0),
        budget_atoms=0 if attack is None else attack.budget_atoms,
        buys=attack is not None and attack.side == "buy",
        unwinds=attack is not None and attack.unwinds,
    )


def _instrument(planned: PlannedFault, ledger: LedgerState) -> int | None:
    """What it is of: an instrument by name, or the first that a venue lists."""
    numbers = range(len(ledger.markets))
    if isinstance(planned, PlannedFailure):
        return next(number for number in numbers if ledger.venue_of_instrument(number) == planned.venue)
    name = getattr(planned, "instrument", None)
    return None if name is None else next(one for one in numbers if ledger.markets[one].listing.name == name)


def _attacked(number: int, standing: StandingFault, ledger: LedgerState, now_ns: int) -> Iterator[Product]:
    """The next part of the budget, as many lots as the depth gives for it; and the timer of the part after it."""
    body = standing.body
    assert body.account is not None
    if ledger.accounts[body.account].status != "healthy":
        return  # whoever is called or in liquidation attacks no more
    parts = max(1, -(-(body.until_ns - standing.at_ns) // body.interval_ns) - 1)
    place = (now_ns - standing.at_ns) // body.interval_ns
    budget = body.budget_atoms
    lots = _affordable_lots(standing, ledger, budget * place // parts - budget * (place - 1) // parts, now_ns)
    if lots:
        yield _order(standing, ledger, lots if body.buys else -lots)
    if now_ns + body.interval_ns < body.until_ns:
        yield TimerSet(_ATTACK.format(number), now_ns + body.interval_ns)


def _affordable_lots(standing: StandingFault, ledger: LedgerState, part_atoms: int, now_ns: int) -> int:
    """The most lots that cost no more than a part of the budget, band by band of the depth as it is."""
    market, sign = ledger.markets[standing.body.instrument or 0], 1 if standing.body.buys else -1
    side = market.asks if sign > 0 else market.bids
    lots, left_atoms = 0, part_atoms
    for fill in walk(market, sign * (side[-1][1] if side else 0), None, now_ns):
        whole_atoms = max(1, abs(market.payoff.value_atoms(fill.lots, fill.price_ticks)))
        taken = min(fill.lots, fill.lots * left_atoms // whole_atoms)
        lots, left_atoms = lots + taken, left_atoms - abs(market.payoff.value_atoms(taken, fill.price_ticks))
        if taken < fill.lots:
            break
    return lots


def _order(standing: StandingFault, ledger: LedgerState, size_lots: int) -> OrderPlaced:
    body = standing.body
    assert body.account is not None
    return OrderPlaced(
        order_id=ledger.orders + 1,
        account=body.account,
        instrument=body.instrument or 0,
        leg=0,
        size_lots=size_lots,
        kind="market",
        purpose="manipulation",
    )

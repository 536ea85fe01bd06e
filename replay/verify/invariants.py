"""Whether what a venue claims always holds did hold in a record: as its run found, or as a rulebook is held against it.

1. A run that declared invariants has an event for each break, which is executed again like every other decision. Those
   events are counted here.
2. A rulebook that is asked for is held against the record as it is folded, by the same classes (`handlers/invariants`).
   So an import can be judged, in which nobody decided, and a run that declared nothing.
3. A break makes no record unsound: it says that the venue did not do what it claims.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ...events.bodies.invariants import InvariantBroken
from ...events.bodies.run import Producer
from ...events.envelope import Event
from ...events.errors import QueryError
from ...events.ledger import Ledger
from ...handlers.invariants.declared import Claims, Held, claims_in
from ...handlers.invariants.invariant import HELD, UNKNOWN, Break
from ...handlers.registry import NONE, producer_of
from ...sim.amounts import amounts_of
from ...sim.rulebooks import bundled_venues, rulebook
from ..why.names import RunNames

__all__ = ["Invariants", "OneInvariant", "invariants_of"]

_SLOT = "invariants"


class OneInvariant(msgspec.Struct):
    """What came of one: how often it was held, broken, or not to be told; the first break, in words.

    `held` and `untold` are None where the run's own events are counted, which tell of breaks only.
    """

    invariant: str
    claim: str
    broken: int = 0
    first_seq: int | None = None
    text: str = ""
    held: int | None = None
    untold: int | None = None


class Invariants:
    """Told of each event of a record once it is folded; `found` is what came of it, in the order of their list."""

    def __init__(self, claims: dict[str, str]) -> None:
        self.found = {name: OneInvariant(name, claim) for name, claim in claims.items()}

    def take(self, event: Event, ledger: Ledger) -> None:
        """Count the breaks that the run found."""
        if isinstance(event.body, InvariantBroken):
            self._broken(event.seq, event.body, ledger)

    def _broken(self, seq: int, body: InvariantBroken, ledger: Ledger) -> None:
        one = self.found.setdefault(body.invariant, OneInvariant(body.invariant, body.claim))
        one.broken += 1
        if one.first_seq is None:
            one.first_seq, one.text = seq, body.says(RunNames(ledger))


class _OfARulebook(Invariants):
    """A rulebook's, held against a record that need not have declared any."""

    def __init__(self, venue: str) -> None:
        self._table = rulebook(venue, "--invariants").get(_SLOT, {})
        if self._table.get("policy", NONE) == NONE:
            declaring = [one for one in bundled_venues() if rulebook(one).get(_SLOT, {}).get("policy", NONE) != NONE]
            message = f"--invariants: the rulebook {venue!r} declares none; choose from {', '.join(declaring)}"
            raise QueryError(message)
        super().__init__(claims_in(self._table))
        for one in self.found.values():
            one.held = one.untold = 0
        self._held: Held | None = None

    def take(self, event: Event, ledger: Ledger) -> None:
        """Hold those that the event could break."""
        if self._held is None:
            if not ledger.assets:
                return
            self._held = self._made(ledger)
        self._held.note(event)
        for invariant, outcome in self._held.judged(event, ledger):
            one = self.found[invariant.name]
            if isinstance(outcome, Break):
                body = outcome.told(invariant.name, one.claim).body
                assert isinstance(body, InvariantBroken)
                self._broken(event.seq, body, ledger)
            elif outcome is HELD:
                one.held = (one.held or 0) + 1
            elif outcome is UNKNOWN:
                one.untold = (one.untold or 0) + 1

    def _made(self, ledger: Ledger) -> Held:
        """With amounts in the atoms of the record's first asset."""
        amounts = amounts_of(ledger.assets[0].name, ledger.assets[0].decimals)
        producer = producer_of(_SLOT, self._table, "--invariants", amounts=amounts)
        assert producer is not None, "it declares some"
        return Held(msgspec.convert(producer.parameters, Claims))


def invariants_of(producers: Sequence[Producer], venue: str | None) -> Invariants:
    """Those of a rulebook, or without one those that the record's run declared.

    Raises ScenarioError where there is no such rulebook, QueryError where it declares none.
    """
    if venue is not None:
        return _OfARulebook(venue)
    claims: dict[str, str] = {}
    for producer in producers:
        if producer.slot == _SLOT:
            claims |= claims_in(producer.parameters)
    return Invariants(claims)

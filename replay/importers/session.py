"""What an importer writes to: a clock, a ledger and a record, and what is declared in it.

1. Every event is folded before it is appended, as in a run: what the ledger refuses does not reach the record.
2. `Origin.INPUT` is for facts from outside (a price, a deposit), `IMPORTED` for what a venue did, with the row it was
   read from, and `INFERRED` for all that nobody published. What is declared is inferred: the numbers and scales are
   ours.
3. A venue's own accounts are opened with the asset that they hold. An account settles in one asset: a trader with more
   than one has an account for each, the second under the name NAME:ASSET.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from hashlib import sha256

import msgspec

from ...events.bodies.base import Provenance
from ...events.bodies.inputs import InputRefused
from ...events.bodies.listing import (
    AccountKind,
    AccountMode,
    AccountOpened,
    AssetListed,
    InstrumentKind,
    InstrumentListed,
    Tier,
)
from ...events.bodies.run import Producer, RunEnded, RunStarted, SourceOpened
from ...events.envelope import Event, Origin
from ...events.errors import ScenarioError
from ...events.ledger import Ledger
from ...events.record import EventSink
from ...events.vocabulary import SCHEMA, Body
from ...handlers.pseudonyms import commitment, run_key
from .faults import Faults
from .reading import SourceFile

__all__ = ["OWN_ACCOUNTS", "UNKNOWN_TIERS", "Session"]

UNKNOWN_TIERS = (Tier(0, 0, 0),)
"""Where a venue's files do not tell its margin rules: requirements come out as 0."""

OWN_ACCOUNTS: tuple[AccountKind, ...] = ("outside", "liquidity", "insurance", "fees")
"""What a venue has of each asset that anything settles in."""


class Session:
    """One import under way; `at_ns` is the instant that events are recorded at."""

    def __init__(self, sink: EventSink, faults: Faults, venue: str) -> None:
        self.ledger, self.faults, self.venue = Ledger(), faults, venue
        self.at_ns = 0
        self.look: Callable[[Body], object] | None = None
        """Shown each event before anything is done with it: who looks at what a plug-in gives."""
        self._counts: defaultdict[type[Body], int] = defaultdict(int)
        self._append, self._fold = sink.append, self.ledger.fold
        self._assets: dict[str, int] = {}
        self._instruments: dict[str, int] = {}
        self._accounts: dict[tuple[str, int], int] = {}

    def begin(
        self, scenario: str, made_from: object, sources: tuple[SourceFile, ...], producers: tuple[Producer, ...] = ()
    ) -> None:
        """Say what the record is made from: the options and the contents of what is read, not their names.

        `producers` has the plug-in that reads it, if one does.
        """
        self.input(
            RunStarted(
                schema=SCHEMA,
                scenario=scenario,
                scenario_sha256=sha256(msgspec.json.encode(made_from)).digest(),
                rulebook=self.venue,
                rulebook_sha256=b"",
                producers=producers,
                seed=0,
                run_key_commitment=commitment(run_key(0)),
                prices="imported",
            )
        )
        for source in sources:
            self.input(SourceOpened(source.number, source.path.name, source.layout, source.sha256))

    def end(self, sources: tuple[SourceFile, ...]) -> None:
        """Say what came of each source. Raises LedgerError where a law of the ledger does not hold."""
        self.input(RunEnded(tuple(self.faults.of(source).closed(source.number) for source in sources)))
        self.ledger.check()

    def imported(
        self,
        body: Body,
        cause: int | None = None,
        links: tuple[int, ...] = (),
        origin: Origin = Origin.IMPORTED,
    ) -> int:
        """Record what a venue did, and return its number. Raises LedgerError where the ledger cannot follow."""
        if self.look is not None:
            self.look(body)
        seq = self.ledger.seq
        event = Event(seq, self.at_ns, origin, cause, links, None, body)
        self._fold(event)
        self._append(event)
        self._counts[type(body)] += 1
        return seq

    @property
    def counts(self) -> dict[str, int]:
        """How many events of each type there are so far, by name."""
        return {kind.__name__: times for kind, times in self._counts.items()}

    def input(self, body: Body) -> int:
        """Record a fact from outside."""
        return self.imported(body, None, (), Origin.INPUT)

    def inferred(self, body: Body, cause: int | None = None, links: tuple[int, ...] = ()) -> int:
        """Record what was concluded and nobody published."""
        return self.imported(body, cause, links, Origin.INFERRED)

    def missing(self, what: str, reason: str, account: int | None = None) -> int:
        """Record that something is not there or was left out: `what` names its kind, `reason` says which and why."""
        return self.inferred(InputRefused(account, what, reason))

    def asset(self, name: str, decimals: int, *, settles: bool = True) -> int:
        """The number of an asset, listed when it is first asked for; with the venue's own accounts if it `settles`."""
        known = self._assets.get(name)
        if known is not None:
            return known
        number = self._assets[name] = len(self._assets)
        self.inferred(AssetListed(number, name, decimals))
        if settles:
            for kind in OWN_ACCOUNTS:
                self.account(f"{kind}:{name}", number, kind)
        return number

    def instrument(
        self,
        name: str,
        asset: int,
        *,
        tick_size: str,
        lot_size: str,
        multiplier_atoms: int,
        kind: InstrumentKind = "linear",
        tiers: tuple[Tier, ...] = UNKNOWN_TIERS,
        expiry_ns: int | None = None,
    ) -> int:
        """The number of an instrument, listed with these scales when it is first asked for."""
        known = self._instruments.get(name)
        if known is not None:
            return known
        number = self._instruments[name] = len(self._instruments)
        self.inferred(
            InstrumentListed(
                instrument=number,
                name=name,
                venue=self.venue,
                kind=kind,
                asset=asset,
                tick_size=tick_size,
                lot_size=lot_size,
                multiplier_atoms=multiplier_atoms,
                tiers=tiers,
                expiry_ns=expiry_ns,
            )
        )
        return number

    def account(
        self,
        name: str,
        asset: int,
        kind: AccountKind = "user",
        mode: AccountMode = "cross",
        owner: int | None = None,
    ) -> int:
        """The number of an account that settles in `asset`, opened when it is first asked for."""
        known = self._accounts.get((name, asset))
        if known is not None:
            return known
        number = self._accounts[name, asset] = len(self._accounts)
        told = name if name not in self.ledger.account_ids else f"{name}:{self.ledger.assets[asset].name}"
        self.inferred(AccountOpened(number, told, self.venue, kind, mode, asset, owner))
        return number

    def outside(self, asset: int) -> int:
        """The account that stands for whoever is not in the files."""
        return self.ledger.own(asset, "outside")

    def provenance(self, source: SourceFile, row: int, venue_ns: int, received_ns: int | None = None) -> Provenance:
        """Where a row stands."""
        return Provenance(source.number, row, venue_ns, received_ns)

    def move_to(self, at_ns: int) -> None:
        """Go on to an instant. Raises ScenarioError where time would run backwards; importers look before they ask."""
        if at_ns < self.at_ns:
            message = f"time would run backwards, from {self.at_ns} to {at_ns} ns; sort the rows by time"
            raise ScenarioError(message)
        self.at_ns = at_ns

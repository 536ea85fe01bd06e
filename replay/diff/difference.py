"""Two runs held against each other: a fork and its parent, or two runs of the same inputs under other rules.

1. Events are matched by root input and path, never by number (`matching.py`); accounts, instruments and assets by name.
2. A gain is what B made of an account less what A made of it (`ending.py` says what that is): what was paid in during
   the runs is not a gain.
3. Each run is taken as it is at its own end, at its own marks.

Cost: both records are read twice: some 4 us an event before the runs part, 10 us behind that. Memory: both ledgers,
some 150 bytes an event behind where they part, and 300 a difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from ...events.bodies.inputs import PriceTicked
from ...events.bodies.listing import AccountKind, AssetListed
from ...events.bodies.run import RunForked
from ...events.errors import QueryError
from ...events.notebook import html_table
from ..run import Run
from .ending import AccountEnd, FoldedRun, Totals
from .matching import Match, match
from .origins import DifferenceOrigin, origins_of

__all__ = [
    "AccountDifference",
    "AssetDifference",
    "Difference",
    "RuleChange",
    "TypeCounts",
    "account_differences",
    "asset_differences",
    "diff",
]


class TypeCounts(msgspec.Struct, frozen=True):
    """How many events of one type are the same, and how many differ in which way."""

    type: str
    same: int
    changed: int
    only_a: int
    only_b: int

    @property
    def differing(self) -> int:
        """How many are not the same; a changed event counts once."""
        return self.changed + self.only_a + self.only_b


class RuleChange(msgspec.Struct, frozen=True):
    """A setting of who decides at the end, such as `adl.policy`, with its values; None where a run has none."""

    key: str
    a: Any
    b: Any


class AccountDifference(msgspec.Struct, frozen=True):
    """An account of that name in both runs; None where a run has none."""

    name: str
    kind: AccountKind
    asset: str
    a: AccountEnd | None
    b: AccountEnd | None

    @property
    def equity_difference_atoms(self) -> int | None:
        """Equity in B less equity in A; None where either is unknown."""
        if self.a is None or self.b is None:
            return None
        return _difference(self.a.equity_atoms, self.b.equity_atoms)

    @property
    def gain_atoms(self) -> int | None:
        """The same without what was paid in; None where either is unknown."""
        if self.a is None or self.b is None:
            return None
        return _difference(self.a.made_atoms, self.b.made_atoms)

    @property
    def differs(self) -> bool:
        """Whether it ended or fared otherwise; its number may be another."""
        if self.a is None or self.b is None:
            return True
        return msgspec.structs.replace(self.a, account=self.b.account) != self.b


class AssetDifference(msgspec.Struct, frozen=True):
    """The totals in one asset; None where a run does not list it."""

    asset: AssetListed
    a: Totals | None
    b: Totals | None


class Difference:
    """What `diff` found. For single events ask `match`: `what`, `partner`, `follows`, `changed_fields`.

    `accounts` has those of A in the order of their numbers, then those that only B has; `origins` are in the order of
    time.
    """

    def __init__(self, a: Run, b: Run) -> None:
        """Compare. Raises what `diff` raises."""
        self.a, self.b = a, b
        self.match: Match = match(a, b)
        self.types: tuple[TypeCounts, ...] = tuple(_type_counts(self.match))
        self.origins: tuple[DifferenceOrigin, ...] = origins_of(self.match)
        self.rules: tuple[RuleChange, ...] = tuple(_rule_changes(a, b))
        self.ended_a, self.ended_b = FoldedRun(a.events()), FoldedRun(b.events())
        self.assets: tuple[AssetDifference, ...] = tuple(asset_differences(self.ended_a, self.ended_b))
        self.accounts: tuple[AccountDifference, ...] = tuple(account_differences(self.ended_a, self.ended_b))

    def __repr__(self) -> str:
        """One line: what is held against what, and in how much they differ."""
        told = f"{self.differing:,} events differ, the first {self.shared_events:,} are shared"
        return f"<Difference {self.a.path} | {self.b.path}: {told}>"

    def _repr_html_(self) -> str:
        """How many events of each type differ, as a small table."""
        rows = [(one.type, one.same, one.changed, one.only_a, one.only_b) for one in self.types if one.differing]
        return html_table(repr(self).strip("<>"), rows, ("events", "same", "changed", "only A", "only B"))

    @property
    def shared_events(self) -> int:
        """How many events at the beginning of both are the same, number for number; the first may be changed."""
        return self.match.shared_events

    @property
    def differing(self) -> int:
        """How many differences there are; a changed event counts once."""
        return sum(counted.differing for counted in self.types)

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not self.differing

    @property
    def identical(self) -> bool:
        """Whether both are the same, byte for byte."""
        return self.a.count == self.b.count and self.a.head == self.b.head

    @property
    def forks(self) -> list[tuple[str, RunForked]]:
        """The forks that only one run has, each with its side, "a" or "b"."""
        found = []
        for side, run in (("a", self.a), ("b", self.b)):
            bodies = [run.event(seq).body for seq in run.forks if seq >= self.shared_events]
            found += [(side, body) for body in bodies if isinstance(body, RunForked)]
        return found

    @property
    def warnings(self) -> list[str]:
        """What whoever reads the figures must know, one line each."""
        return list(_warnings(self))


def diff(a: Run, b: Run) -> Difference:
    """Hold two runs against each other.

    Raises QueryError where a record is no whole run, or an asset has other decimals in the other run, so that amounts
    cannot be compared; LedgerError where the events of a run do not follow one another.
    """
    return Difference(a, b)


def _difference(a: int | None, b: int | None) -> int | None:
    return None if a is None or b is None else b - a


def _type_counts(match: Match) -> Iterator[TypeCounts]:
    for name, found in match.counts().items():
        yield TypeCounts(name, found["same"], found["changed"], found["only_a"], found["only_b"])


def _rule_changes(a: Run, b: Run) -> Iterator[RuleChange]:
    settings_a, settings_b = _settings(a), _settings(b)
    for key in [*settings_a, *(key for key in settings_b if key not in settings_a)]:
        if settings_a.get(key) != settings_b.get(key):
            yield RuleChange(key, settings_a.get(key), settings_b.get(key))


def _settings(run: Run) -> dict[str, Any]:
    """Every setting of who decides at the end of a run, as `slot.key`."""
    found: dict[str, Any] = {}
    for producer in run.producers_at(run.count - 1):
        own = {"policy": producer.policy, "version": producer.version, "latency_ns": producer.latency_ns}
        found |= {f"{producer.handler}.{key}": value for key, value in (own | producer.parameters).items()}
    return found


def asset_differences(a: FoldedRun, b: FoldedRun) -> Iterator[AssetDifference]:
    """The totals of both by asset. Raises QueryError where an asset has other decimals in the other."""
    listed_b = {asset.name: asset for asset in b.ledger.assets}
    for asset in a.ledger.assets:
        other = listed_b.pop(asset.name, None)
        if other is not None and other.decimals != asset.decimals:
            message = (
                f"{asset.name} has {asset.decimals} decimals in A and {other.decimals} in B, so amounts cannot be "
                "compared; compare runs that list their assets alike"
            )
            raise QueryError(message)
        yield AssetDifference(asset, a.totals(asset.asset), None if other is None else b.totals(other.asset))
    for asset in listed_b.values():
        yield AssetDifference(asset, None, b.totals(asset.asset))


def account_differences(a: FoldedRun, b: FoldedRun) -> Iterator[AccountDifference]:
    """How each account ended in both, by name: those of A in the order of their numbers, then those that only B has."""
    ledger_a, ledger_b = a.ledger, b.ledger
    for end in a.accounts:
        account, name = ledger_a.accounts[end.account], ledger_a.name(end.account)
        number = ledger_b.account_ids.get(name)
        other = None if number is None else b.accounts[number]
        yield AccountDifference(name, account.kind, ledger_a.assets[account.asset].name, end, other)
    for end in b.accounts:
        account, name = ledger_b.accounts[end.account], ledger_b.name(end.account)
        if name not in ledger_a.account_ids:
            yield AccountDifference(name, account.kind, ledger_b.assets[account.asset].name, None, end)


def _warnings(difference: Difference) -> Iterator[str]:
    prices = next((one for one in difference.types if one.type == PriceTicked.__name__), None)
    if prices is not None and 2 * prices.same < min(prices.same + prices.only_a, prices.same + prices.only_b):
        yield (
            f"of {prices.same + prices.only_a:,} prices in A and {prices.same + prices.only_b:,} in B "
            f"{prices.same:,} are the same, so hardly an event can be (another scenario, seed or data); accounts are "
            "compared by name and may be others"
        )
    if difference.a.end_ns != difference.b.end_ns:
        yield "A and B do not end at the same time; each is taken as it is at its own end"

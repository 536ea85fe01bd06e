"""Places in the queues for auto-deleveraging, in one state: who would be taken before whom.

1. A long stands in the queue against which somebody's short would be closed, and the reverse: one queue for each
   instrument and side, ranked by the policy in force at its venue, once, when it is first asked for.
2. Rank, count and score are what a round decided in this state would record.
3. Who has no place is told why. Where the policy is a plug-in that is not at hand, no place can be told.

Where an account stands at the marks: its margin, and for each position the prices that would end it.

1. What depends on a mark is None as long as an instrument that the account holds has none.
2. Liquidation and bankruptcy prices are those of traders; the venue's own accounts are never liquidated.
3. A liquidation price is the first mark at which the account would be liquidated, if no other mark moved (see
   `handlers.liquidation_price`); it is the same for all legs of one instrument.
4. A bankruptcy price is the worst price at which the position can be closed so that it costs no more than its share of
   the account's equity, shared by requirement (see `bankruptcy_values`): None where that is less than a tick.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ...events.errors import QueryError, ScenarioError
from ...events.ledger import Account, LedgerState, Market, Position, PositionKey
from ...events.payoff import PRICE_TICKS_MOST
from ...handlers.liquidation_price import LiquidationPrices, liquidation_prices
from ...handlers.options.book import holds_options
from ...handlers.policies.ranking import RankingPolicy, terms_of
from ...handlers.ranking import Ineligible, Ranked, judged
from ...handlers.valuation import BPS, MICRO, Margin, bankruptcy_values, is_marked, margin_of
from ..rankings import engine_at, ranking_of
from ..run import Run

__all__ = [
    "TRADERS",
    "Prospect",
    "QueuePlace",
    "QueueRule",
    "Queues",
    "marked_margin",
    "prospects_of",
    "queues_of",
    "ratio_bps",
    "venues_of",
]

# A position asked about is there and opposite to what it would close, so `NOT_OPPOSITE` does not come up.
_REASONS = {
    Ineligible.EXEMPT: "the venue deleverages nobody of an option",
    Ineligible.NO_TRADER: "only a trader is deleveraged",
    Ineligible.IN_LIQUIDATION: "in liquidation itself",
    Ineligible.NO_PROFIT: "no profit",
    Ineligible.NO_EQUITY: "no equity",
}

TRADERS = ("user", "vault")
"""The kinds of account that have a margin to keep."""


_LIGHTS = 5


class QueuePlace(NamedTuple):
    """Rank, counted from 1, of how many candidates, by which score: floor(score x 10^9)."""

    rank: int
    of: int
    score: int

    @property
    def lights(self) -> int:
        """Of five, as venues show it to a trader: 5 in the first fifth of the queue, 1 in the last."""
        return _LIGHTS - (self.rank - 1) * _LIGHTS // self.of


class QueueRule(NamedTuple):
    """The policy that ranks, and its name; without one nobody has a place.

    That is because of what is `missing`, or `unknown` says why it cannot be told.
    """

    policy: RankingPolicy | None
    name: str = ""
    missing: str = ""
    unknown: str = ""


class Queues:
    """The queues of a ledger that does not move on."""

    def __init__(self, ledger: LedgerState, rules: Mapping[str, QueueRule]) -> None:
        """Rank by the rule of each venue; that of the venue without a name where the run has one venue."""
        self._ledger, self._rules = ledger, rules
        self._ranked: dict[tuple[int, int], dict[int, Ranked]] = {}

    def rule_of(self, instrument: int) -> QueueRule:
        """The rule of the venue that lists an instrument."""
        return self._rules[self._ledger.venue_of_instrument(instrument)]

    def place_of(self, account: Account, key: PositionKey) -> QueuePlace | None:
        """The place of a position, or None; the first of a queue costs O(accounts log accounts)."""
        policy = self.rule_of(key[0]).policy
        if policy is None or not is_marked(account, self._ledger):
            return None
        ranked = self._queue(policy, *_closed_by(account, key))
        found = ranked.get(account.account)
        return QueuePlace(found.rank, len(ranked), found.score) if found is not None and found.leg == key[1] else None

    def lengths(self, instrument: int) -> tuple[int, int] | None:
        """How many longs and how many shorts stand in the queues of an instrument; None where nobody is ranked."""
        policy = self.rule_of(instrument).policy
        if policy is None or self._ledger.markets[instrument].marked is None:
            return None
        return len(self._queue(policy, instrument, -1)), len(self._queue(policy, instrument, 1))

    def why_not(self, account: Account, key: PositionKey) -> str:
        """Why a position without a place has none: the first of the ranking's conditions that it does not meet."""
        rule = self.rule_of(key[0])
        if rule.policy is None:
            return rule.missing
        if account.kind == "user" and not is_marked(account, self._ledger):
            return "no mark yet"
        found = judged(account, *_closed_by(account, key), self._ledger, terms_of(rule.policy))
        return _REASONS[found] if isinstance(found, Ineligible) else "another leg stands there for it"

    def _queue(self, policy: RankingPolicy, instrument: int, side: int) -> dict[int, Ranked]:
        """The places by account among those who would be taken to close positions of that side."""
        closed = instrument, side
        if closed not in self._ranked:
            ranking = ranking_of(self._ledger, *closed, policy)
            self._ranked[closed] = {ranked.candidate.account: ranked for ranked in ranking}
        return self._ranked[closed]


def _closed_by(account: Account, key: PositionKey) -> tuple[int, int]:
    """The instrument and side of the positions that this one would be taken to close."""
    return key[0], -1 if account.positions[key].size_lots > 0 else 1


def queues_of(run: Run, ledger: LedgerState) -> Queues:
    """The queues by the policy that decides next at each venue of a run; none where it has no such policy here."""
    return Queues(ledger, {venue: _rule_at(run, ledger.seq, venue) for venue in venues_of(ledger)})


def venues_of(ledger: LedgerState) -> list[str]:
    """The venues of a run in the order of their assets; one without a name where it is not of several."""
    return list(dict.fromkeys(asset.venue for asset in ledger.assets))


def _rule_at(run: Run, seq: int, venue: str) -> QueueRule:
    try:
        producer, engine = engine_at(run, seq, venue)
    except QueryError as error:
        return QueueRule(None, missing=str(error))
    except ScenarioError as error:
        return QueueRule(None, unknown=str(error))
    return QueueRule(engine.ranking_policy, producer.policy)


class Prospect(NamedTuple):
    """Prices in ticks that would end a position."""

    liquidation: LiquidationPrices
    bankruptcy_ticks: int | None


def marked_margin(ledger: LedgerState, account: Account) -> Margin | None:
    """Equity and requirement at the marks; None while an instrument that it holds has none."""
    return margin_of(account, ledger) if is_marked(account, ledger) else None


def ratio_bps(margin: Margin | None) -> int | None:
    """What counts of the equity over requirement in basis points, rounded down; None without a requirement."""
    if margin is None or not margin.requirement_microatoms:
        return None
    return margin.collateral_atoms * BPS * MICRO // margin.requirement_microatoms


def prospects_of(ledger: LedgerState, account: Account, margin: Margin | None) -> dict[PositionKey, Prospect]:
    """The prospect of each position; none without a `margin`, or for an account that is no trader's."""
    if margin is None or account.kind != "user":
        return {}
    if holds_options(account, ledger):  # no single price ends what a book is worth
        prices = {instrument: LiquidationPrices(None, None) for instrument, _ in account.positions}
    else:
        prices = liquidation_prices(account, ledger.markets, margin)
    return {
        key: Prospect(prices[key[0]], _bankruptcy_ticks(ledger.markets[key[0]], account.positions[key], value_atoms))
        for key, value_atoms in bankruptcy_values(account, ledger).items()
    }


def _bankruptcy_ticks(market: Market, held: Position, value_atoms: int) -> int | None:
    ticks = market.payoff.price_at_least(held.size_lots, value_atoms)
    return ticks if 0 < ticks < PRICE_TICKS_MOST else None

"""How traders answer a margin call: after a while, with collateral, with a reduction, or not at all.

Where calls have several levels, each may have answers of its own. A call takes the place of the one before it, and so
does its answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import msgspec

from ..events.bodies.faults import ActDelayed, DelayedAct
from ..events.bodies.margin import CollateralAdded, MarginCalled, PositionReduced
from ..events.bodies.trading import OrderPlaced
from ..events.bodies.venue import TimerFired, TimerSet
from ..events.envelope import Event
from ..events.ledger import Account, LedgerState, PositionKey
from ..events.ledger.faults import StandingFault
from ..events.vocabulary import Body
from .depth import walk
from .draws import account_key, draw_below
from .faults import due_ns, fault_on, why_nothing_trades
from .protocol import Handler, Product
from .valuation import BPS, SLACK_SCALE, bankruptcy_price, largest_position, margin_of, slack

__all__ = ["LevelMix", "LevelResponse", "LevelResponseParameters", "ResponseParameters", "TraderResponse"]

_PURPOSE = "margin response"
_ARRIVED: dict[str, DelayedAct] = {"collateral arrives": "collateral", "reduction arrives": "reduction"}
"""Purposes of the timers of what a fault held up."""


class ResponseParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of 10,000 calls, `add_bps` are met with collateral and `reduce_bps` with a reduction; the rest sit.

    They answer between `fastest_ns` and `slowest_ns` after the call. Collateral brings equity to `target_bps` of the
    requirement; a reduction closes `reduce_share_bps` of the position that needs most margin, and like any order it
    does not trade beyond the bankruptcy price. Where makers quote and traders order (slots `impact` and `orders`) it is
    an order of the trader's own, so that each fill is with whose band it trades; elsewhere outside liquidity takes it.
    """

    add_bps: int = 2_500
    reduce_bps: int = 2_500
    fastest_ns: int = 5_000_000_000
    slowest_ns: int = 120_000_000_000
    target_bps: int = 20_000
    reduce_share_bps: int = 5_000

    def __post_init__(self) -> None:
        """Refuse shares over the whole and times that are not later than now."""
        if min(self.add_bps, self.reduce_bps) < 0 or self.add_bps + self.reduce_bps > BPS:
            message = "add_bps and reduce_bps must not be negative, nor their sum be over 10000"
            raise ValueError(message)
        if not 0 <= self.reduce_share_bps <= BPS or self.target_bps < BPS:
            message = "reduce_share_bps must lie between 0 and 10000, and target_bps be at least 10000"
            raise ValueError(message)
        if not 0 < self.fastest_ns <= self.slowest_ns:
            message = "fastest_ns must be at least 1 and at most slowest_ns"
            raise ValueError(message)


class LevelMix(ResponseParameters, frozen=True, forbid_unknown_fields=True):
    """How traders answer a call at `level_bps`, and one between it and the next higher level."""

    level_bps: int = 15_000


class LevelResponseParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Answers for each level of a call; where none are stated, more answer at a lower one, and at the last sooner."""

    levels: tuple[LevelMix, ...] = (
        LevelMix(add_bps=1_000, reduce_bps=1_000),
        LevelMix(level_bps=12_500),
        LevelMix(add_bps=4_000, reduce_bps=4_000, slowest_ns=30_000_000_000, level_bps=11_000),
    )

    def __post_init__(self) -> None:
        """Refuse an answer to nothing, and two to one level."""
        found = [one.level_bps for one in self.levels]
        if not found or sorted(set(found), reverse=True) != found:
            message = "levels must hold at least one answer, each with a lower level_bps than the one before it"
            raise ValueError(message)


class TraderResponse(Handler):
    """Draws the delay and the kind of answer, keyed by the account's name and the number of its call."""

    name: ClassVar[str] = "traders"
    policy: ClassVar[str] = "mixed"
    version: ClassVar[str] = "2"
    subscribes: ClassVar[tuple[type[Body], ...]] = (MarginCalled, TimerFired)
    Parameters: ClassVar[type[msgspec.Struct]] = ResponseParameters

    def __init__(self, parameters: ResponseParameters) -> None:
        self.mix = parameters

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """A timer for each call; at the timer, the answer, if the account is still under that call."""
        body = event.body
        if type(body) is MarginCalled:
            return (self._timer(ledger.accounts[body.account], ledger, now_ns),)
        if type(body) is not TimerFired or body.account is None:
            return ()
        account = ledger.accounts[body.account]
        asked = account.status == "called" and account.called_seq is not None and account.called_seq < body.timer
        if not asked:
            return ()
        if body.purpose == _PURPOSE:
            return self._answer(account, ledger, now_ns)
        return self._arrived(_ARRIVED[body.purpose], account, ledger, now_ns) if body.purpose in _ARRIVED else ()

    def mix_of(self, account: Account) -> ResponseParameters:
        """How those answer who are called as this account is."""
        return self.mix

    def _timer(self, account: Account, ledger: LedgerState, now_ns: int) -> Product:
        mix = self.mix_of(account)
        spread_ns = mix.slowest_ns - mix.fastest_ns + 1
        delay_ns = mix.fastest_ns + _draw(ledger, account, "response delay", spread_ns)
        return TimerSet(_PURPOSE, now_ns + delay_ns, account.account)

    def _answer(self, account: Account, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """What it does about the call, unless a fault of the venue is in its way."""
        silent = _silent(account, ledger)
        if silent is not None:
            return (ActDelayed(silent.body.fault, account.account, "answer", None),)
        drawn, mix = _draw(ledger, account, "response kind", BPS), self.mix_of(account)
        if drawn < mix.add_bps:
            return self._arrived("collateral", account, ledger, now_ns)
        if drawn < mix.add_bps + mix.reduce_bps:
            return self._sent(account, ledger, now_ns)
        return ()

    def _sent(self, account: Account, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """A reduction, or what of it waits at a slow gateway."""
        key = largest_position(account, ledger)
        slow = None if key is None or not ledger.faults else fault_on(ledger, "gateway", key[0], account.account)
        return self._reduce(account, ledger, now_ns) if slow is None else _held_up("reduction", slow, account, now_ns)

    def _arrived(self, act: DelayedAct, account: Account, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """A reduction has come through the gateway; collateral comes unless the bridge is down."""
        if act == "reduction":
            return self._reduce(account, ledger, now_ns)
        down = fault_on(ledger, "bridge-down", None) if ledger.faults else None
        return self._add(account, ledger) if down is None else _held_up("collateral", down, account, now_ns)

    def _add(self, account: Account, ledger: LedgerState) -> Iterable[Product]:
        missing = -slack(margin_of(account, ledger), self.mix_of(account).target_bps)
        return (CollateralAdded(account.account, -(-missing // SLACK_SCALE)),) if missing > 0 else ()

    def _reduce(self, account: Account, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        key = largest_position(account, ledger)
        if key is None or why_nothing_trades(ledger, key[0]) is not None:
            return ()
        market, held = ledger.markets[key[0]], account.positions[key]
        wanted = -(-abs(held.size_lots) * self.mix_of(account).reduce_share_bps // BPS)
        sign = -1 if held.size_lots > 0 else 1
        limit_ticks = bankruptcy_price(account, ledger, key)
        if market.book is not None and ledger.producer("orders", self.venue) is not None:
            return (_ordered(account, ledger, key, sign * wanted, limit_ticks),) if wanted else ()
        fills = list(walk(market, sign * wanted, limit_ticks, now_ns))
        if not fills:
            return ()
        lots = sign * sum(fill.lots for fill in fills)
        value = sum(market.payoff.value_atoms(sign * fill.lots, fill.price_ticks) for fill in fills)
        price = market.payoff.price_ticks(lots, value)
        liquidity = ledger.liquidity(market.listing.asset)
        return (PositionReduced(account.account, liquidity, *key, lots, price, value, fills[-1].eaten_lots),)


class LevelResponse(TraderResponse):
    """The same, but that each level of a call has answers of its own; whoever is called again answers the last call."""

    policy: ClassVar[str] = "by-level"
    version: ClassVar[str] = "1"
    Parameters: ClassVar[type[msgspec.Struct]] = LevelResponseParameters

    def __init__(self, parameters: LevelResponseParameters) -> None:
        super().__init__(parameters.levels[0])
        self.levels = parameters.levels

    def mix_of(self, account: Account) -> ResponseParameters:
        """The answers of the lowest level that is not under that of the call; of the first where none is."""
        return next((one for one in reversed(self.levels) if one.level_bps >= account.called_bps), self.mix)


def _ordered(account: Account, ledger: LedgerState, key: PositionKey, lots: int, limit_ticks: int) -> OrderPlaced:
    return OrderPlaced(
        order_id=ledger.orders + 1,
        account=account.account,
        instrument=key[0],
        leg=key[1],
        size_lots=lots,
        kind="market",
        purpose="margin call",
        limit_ticks=limit_ticks,
        reduces=True,
    )


def _draw(ledger: LedgerState, account: Account, purpose: str, bound: int) -> int:
    seed = ledger.answers_seed
    return draw_below(seed, account_key(ledger.name(account.account)), purpose, account.calls, bound)


def _silent(account: Account, ledger: LedgerState) -> StandingFault | None:
    """The fault by which this account cannot answer; drawn for each account and fault by name."""
    silence = fault_on(ledger, "unresponsive", None, account.account) if ledger.faults else None
    if silence is None:
        return None
    seed = ledger.seed
    key, purpose = account_key(ledger.name(account.account)), f"unresponsive in fault {silence.body.fault}"
    return silence if draw_below(seed, key, purpose, 0, BPS) < silence.body.share_bps else None


def _held_up(act: DelayedAct, fault: StandingFault, account: Account, now_ns: int) -> Iterable[Product]:
    """What waits, and the timer at which it goes on: behind others at a gateway, or until the bridge is up."""
    at_ns = due_ns(fault, now_ns) if act == "reduction" else max(now_ns + 1, fault.body.until_ns)
    purpose = next(purpose for purpose, arrived in _ARRIVED.items() if arrived == act)
    return (ActDelayed(fault.body.fault, account.account, act, at_ns), TimerSet(purpose, at_ns, account.account))

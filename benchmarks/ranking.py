"""Rounds of auto-deleveraging against 100,000 candidates, held against a numpy stable sort of their ready scores.

All are short at a profit, with sizes, entries and balances of their own. The engine has met them before (their columns
and pseudonyms are at hand), then the mark moves. Timed of the engine: `handle` for a shortfall of one bankrupt account,
that is ranking, digest and reductions, for the first round at that mark; and for each of the further rounds at it,
`observe` of all that the round before said and `handle`, on average. The sort is `argsort(kind="stable")` of the same
scores, negated beforehand. `first_ever` is a round of an engine that has met nobody yet, with all that it looks up
once only.

A pro-rata round closes its 50 lots against 50 winners, and the next one scores and digests all of them again, where a
queue has one: its further rounds cost what their reductions do, so they are told by the reduction, too, and for a
shortfall of few lots (`few`).
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
from contest import Contest, Line, at_most, stopwatch

from deleverage.events.bodies.inputs import BalanceStated, PositionStated
from deleverage.events.bodies.liquidation import BankruptcyDeclared, LiquidationStarted
from deleverage.events.bodies.listing import AccountOpened, AssetListed, InstrumentListed, Tier
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.bodies.run import RunStarted
from deleverage.events.bodies.waterfall import ShortfallDeclared
from deleverage.events.envelope import Event, Origin
from deleverage.events.ledger import Ledger
from deleverage.events.vocabulary import SCHEMA, Body
from deleverage.handlers.adl_engine import AdlEngine
from deleverage.handlers.policies.adl.wealth_pro_rata import WealthProRata
from deleverage.handlers.policies.profit_leverage import ProfitLeverage
from deleverage.handlers.protocol import NoParameters

__all__ = ["measure"]

_VENUE = ("outside", "liquidity", "insurance", "fees")
_ENTRY, _MARK, _BANKRUPT_LOTS, _FEW_LOTS = 10_000, 8_000, 50, 5
_FURTHER, _FURTHER_SHORT = 20, 2


class _Stage:
    """A ledger with candidates and bankrupt accounts, and an engine that has met them."""

    def __init__(self, candidates: int, policy: type[Any]) -> None:
        self.ledger, self._policy = Ledger(), policy
        self.ledger_ticks = count()
        for body in _opening(candidates):
            self._fold(body)
        self._bankrupt: list[int] = []
        self.engine = self._new_engine()
        self._observed_types = frozenset(self.engine.observes)
        self.round(self._shortfall())

    def _new_engine(self) -> AdlEngine:
        engine = AdlEngine(self._policy(NoParameters()))
        engine.prime(self.ledger, ())
        return engine

    def _fold(self, body: Body) -> Event:
        event = Event(self.ledger.seq, self.ledger.at_ns, Origin.INPUT, None, (), None, body)
        self.ledger.fold(event)
        return event

    def _shortfall(self, lots: int = _BANKRUPT_LOTS) -> Event:
        """Another account that is bankrupt, and its shortfall."""
        number = len(self.ledger.accounts)
        self._observed(AccountOpened(number, f"bankrupt{number}", "benchmark", "user", "cross", 0))
        self._observed(PositionStated(number, 0, 0, lots, lots * _ENTRY))
        liquidation = self.ledger.liquidations_started + 1
        self._observed(LiquidationStarted(liquidation, number, 0, 0))
        self._fold(BankruptcyDeclared(liquidation, number, 0, 0, "benchmark"))
        return self._fold(ShortfallDeclared(liquidation, number, "bankruptcy", 1, 0))

    def _observed(self, body: Body) -> None:
        event = self._fold(body)
        if hasattr(self, "engine") and type(body) in self.engine.observes:
            self.engine.observe(event, self.ledger)

    def round(self, shortfall: Event) -> list[Body]:
        """What the engine says, not folded."""
        return list(self.engine.handle(shortfall, self.ledger, self.ledger.at_ns))  # type: ignore[arg-type]

    def mark(self) -> None:
        """The mark moves by a tick or two."""
        ticks = _MARK - next(self.ledger_ticks) % 7
        self._fold(MarkPriced(0, ticks, 0, ticks))

    def first(self) -> float:
        """Seconds of the first round at a new mark."""
        self.mark()
        shortfall = self._shortfall()
        said: list[Body] = []
        seconds = stopwatch(lambda: said.extend(self.round(shortfall)))
        self.said = said
        return seconds

    def further(self, rounds: int, lots: int = _BANKRUPT_LOTS) -> float:
        """Seconds of each further round at the mark of the last `first`."""
        gc.collect()
        seconds = 0.0
        for _ in range(rounds):
            events = [self._fold(body) for body in self.said]
            shortfall = self._shortfall(lots)
            start = time.perf_counter()
            self._next(events, shortfall)
            seconds += time.perf_counter() - start
        return seconds / rounds

    def few(self, rounds: int) -> float:
        """The same for shortfalls of few lots, each after another such."""
        self.further(1, _FEW_LOTS)
        return self.further(rounds, _FEW_LOTS)

    def _next(self, events: list[Event], shortfall: Event) -> None:
        for event in events:
            if type(event.body) in self._observed_types:
                self.engine.observe(event, self.ledger)
        self.said = self.round(shortfall)

    def first_ever(self) -> float:
        """Seconds of a round of an engine that has only been primed, at another mark."""
        self.mark()
        engine, shortfall = self._new_engine(), self._shortfall()
        return stopwatch(lambda: list(engine.handle(shortfall, self.ledger, self.ledger.at_ns)))

    def sort(self) -> float:
        """Seconds of a stable sort of the ready scores."""
        scores = _scores(self.engine)
        return stopwatch(lambda: np.argsort(scores, kind="stable"))


def _scores(engine: AdlEngine) -> Any:
    """The scores of the engine's ranking in the order of the accounts, negated."""
    (ranking,) = engine._rankings.values()
    places = sorted((place.candidate.account, place.score) for place in ranking)
    return -np.array([score for _, score in places], np.int64)


def _opening(candidates: int) -> Iterator[Body]:
    yield RunStarted(
        schema=SCHEMA,
        scenario="benchmark",
        scenario_sha256=b"",
        rulebook="benchmark",
        rulebook_sha256=b"",
        producers=(),
        seed=1,
        run_key_commitment=b"",
        prices="endogenous",
    )
    yield AssetListed(0, "USDT", 6)
    yield InstrumentListed(
        instrument=0,
        name="PERP",
        venue="benchmark",
        kind="linear",
        asset=0,
        tick_size="1",
        lot_size="1",
        multiplier_atoms=1,
        tiers=(Tier(0, 5_000, 0),),
        refill_half_life_ns=0,
        impact_bps=0,
    )
    for number, kind in enumerate(_VENUE):
        yield AccountOpened(number, kind, "benchmark", kind, "cross", 0)  # type: ignore[arg-type]
    for place in range(candidates):
        number, lots = len(_VENUE) + place, 1_000 + place * 7_919 % 100_003
        entry = _ENTRY - place * 31 % 1_500
        yield AccountOpened(number, f"t{number}", "benchmark", "user", "cross", 0)
        yield BalanceStated(number, lots * (500 + place * 104_729 % 30_011))
        yield PositionStated(number, 0, 0, -lots, -lots * entry)
    yield MarkPriced(0, _MARK, 0, _MARK)


_OF_PRO_RATA = ("pro_rata_further", "few")


def _pro_rata_medians(contest: Contest) -> dict[str, float]:
    """What a further round costs by the round, by the reduction, and for few lots."""
    further, few = (contest.seconds(name) for name in _OF_PRO_RATA)
    return {
        "round_ms": round(further * 1e3, 3),
        "reduction_us": round(further * 1e6 / _BANKRUPT_LOTS, 2),
        f"round_of_{_FEW_LOTS}_ms": round(few * 1e3, 3),
        f"round_of_{_FEW_LOTS}_ratio": round(contest.ratio("few", "pro_rata"), 5),
    }


def measure(*, short: bool) -> Iterator[Line]:
    """The first round at a mark by a queue and pro rata, and each further round of both."""
    candidates, rounds = (1_500, _FURTHER_SHORT) if short else (100_000, _FURTHER)
    queue, pro_rata = _Stage(candidates, ProfitLeverage), _Stage(candidates, WealthProRata)
    turns = {
        "queue": queue.first,
        "further": lambda: queue.further(rounds),
        "pro_rata": pro_rata.first,
        "pro_rata_further": lambda: pro_rata.further(rounds),
        "few": lambda: pro_rata.few(rounds),
        "first_ever": queue.first_ever,
        "sort": queue.sort,
    }
    contest = Contest(turns, short=short)
    medians = {f"{name}_ms": round(contest.seconds(name) * 1e3, 3) for name in turns if name not in _OF_PRO_RATA}
    of = f"{candidates:,} candidates, digest included"
    sort = "a stable sort of the ready scores"
    what = f"first round at a mark, a queue, {of} / {sort}"
    yield Line("ranking.queue", what, contest.ratio("queue", "sort"), bar=at_most(15), medians=medians)
    what = f"first round at a mark, pro rata, {of} / {sort}"
    yield Line("ranking.pro_rata", what, contest.ratio("pro_rata", "sort"), bar=at_most(60))
    what = "each further round at the same mark, a queue / the first"
    yield Line("ranking.further", what, contest.ratio("further", "queue"), bar=at_most(1 / 200))
    what = "each further round at the same mark, pro rata / the first"
    ratio, medians = contest.ratio("pro_rata_further", "pro_rata"), _pro_rata_medians(contest)
    yield Line("ranking.pro_rata_further", what, ratio, bar=at_most(1 / 200), medians=medians)
    what = f"first round ever, a queue, {of} / {sort}"
    yield Line("ranking.first_ever", what, contest.ratio("first_ever", "sort"))

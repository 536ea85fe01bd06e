"""Auto-deleveraging: a shortfall is closed against profitable positions on the other side, as a ranking policy says.

1. One position is closed in one round: `DeleveragingStarted`, the reductions, `DeleveragingEnded`; then the next
   position of the same account, in the order of instruments and legs.
2. A bankrupt account's position is closed at its bankruptcy value; a lot of the fund's inventory that stands at a
   loss at what the fund paid for it.
   A rulebook may have it closed at the mark or at the oracle price instead, as they are or as they stood before this
   instant (`closes_at`); what the account then lacks is left for the fund and for loss socialisation, and
   "mark unless depleted" is the bankruptcy value where the fund has not as much. A lot of the fund's is never closed at
   a value that its cash does not bear; in a drawdown it is closed at what the fund's rule allows.
3. A reduction is worth its share of the round's value (`reductions.py`).
4. Nobody loses more than their equity: a candidate gives up only as many lots as that leaves.
5. Ties are broken by account. Outside liquidity is never a candidate; of an option whose venue exempts it nobody is.
6. A policy that says no more than scores is a queue: the first place gives all it can, then the next. What a policy
   shares out itself is checked: whole lots, each place once and in order, nobody more than it can give.
7. Scores that reductions rest on are held against the formula that the policy declares, if it declares one.
8. Above a cap on profits nobody is bankrupt: winners are closed against outside liquidity at the mark, in the order of
   the ranking, as far as `profit_cap.py` says.
9. When no lot of the fund's is left to be closed and it is still short, that is said: loss socialisation goes on. In a
   drawdown the fund's rule says after each lot whether another one is to be closed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, ClassVar

import msgspec

from ..events.bodies.liquidation import BankruptcyDeclared, LiquidationEnded, LiquidationStarted
from ..events.bodies.waterfall import (
    DeleveragingEnded,
    DeleveragingStarted,
    PositionDeleveraged,
    ProfitCapExceeded,
    ShortfallDeclared,
    ShortfallTrigger,
)
from ..events.envelope import DecidedRow, Event
from ..events.errors import HandlerError
from ..events.ledger import Account, LedgerState, PositionKey
from ..events.ledger.postings import POSTINGS, Trade
from ..events.vocabulary import Body, accounts_named
from .closing_task import ClosingTask, borne, capped_task, inventory_task, price_ticks_of, priced, shortfall_remained
from .holders import Holders
from .inventory import Inventory
from .options.parameters import is_exempt
from .policies.ranking import RankingPolicy, Worth, terms_of, worth_of
from .policies.score_formula import formula_of
from .pool import Pool
from .profit_cap import to_realise_atoms, winners_down
from .protocol import Handler, NoParameters, Product
from .pseudonyms import Pseudonyms, run_key
from .ranking import Ranking
from .reductions import Shares, in_order, reductions_of, shares_of
from .valuation import bankruptcy_values

__all__ = ["AdlEngine", "ClosingSettings"]

if TYPE_CHECKING:
    from .column_ranking import ColumnKeeper, ColumnRanking

_Side = tuple[int, int]

_MANY = 1_000
"""Minimum holders of a side for the vectorised (numpy) ranking."""

_HELD_MOST = 64
"""So many scores of a round are held against the formula."""

_STANDING = (LiquidationStarted, LiquidationEnded, BankruptcyDeclared)
"""What changes whether an account may be a candidate."""

_OPENING = frozenset(kind for kind, posting in POSTINGS.items() if isinstance(posting, Trade))


class ClosingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What of the ADL slot holds for every ranking in it: at which price its rounds close."""

    closes_at: Worth = "bankruptcy"


class AdlEngine(Handler):
    """Closes a position against the candidates of a ranking until it is closed or nobody can give any more."""

    name: ClassVar[str] = "adl"
    subscribes: ClassVar[tuple[type[Body], ...]] = (ShortfallDeclared, ProfitCapExceeded, DeleveragingEnded)
    observes: ClassVar[tuple[type[Body], ...]] = (*POSTINGS, *_STANDING)
    together: ClassVar[tuple[type[Body], ...]] = (PositionDeleveraged,)
    Parameters: ClassVar[type[msgspec.Struct]] = NoParameters

    def __init__(self, ranking_policy: RankingPolicy, settings: ClosingSettings | None = None) -> None:
        """Rank by this policy; close at the price of the settings, at the policy's own without them."""
        self.ranking_policy = ranking_policy
        self.closes_at: Worth = worth_of(ranking_policy) if settings is None else settings.closes_at
        self._formula = formula_of(ranking_policy)
        silent = () if terms_of(ranking_policy).liquidating else (BankruptcyDeclared,)
        self._touching = frozenset(self.observes).difference(silent)
        self._rankings: dict[_Side, Ranking | ColumnRanking] = {}
        self._holders = Holders()
        self._inventory = Inventory()
        self._pseudonyms: Pseudonyms | None = None
        self._keeper: ColumnKeeper | None = None
        self._pool: Pool | None = None

    def observe(self, event: Event, ledger: LedgerState) -> None:
        """Note who may hold what, and who was touched since the last round."""
        body = event.body
        touched, kind = self.touched_by(body), type(body)
        if kind in _OPENING:
            self._holders.note(touched)
            if kind in Inventory.KINDS:
                self._inventory.observe(event, ledger)
        self._note_touched(touched, ledger)

    def observe_all(self, row: DecidedRow, ledger: LedgerState) -> None:
        """The same of reductions in a row: each lot of the fund's is looked at once."""
        touched = row.values("account") | row.values("against")
        self._holders.note(touched)
        self._inventory.observe_reductions(row, ledger)
        self._note_touched(touched, ledger)

    def _note_touched(self, touched: Collection[int], ledger: LedgerState) -> None:
        """These accounts are to be looked at again before the next round."""
        if self._keeper is not None:
            self._keeper.note(touched)
        if self._pool is not None:
            self._pool.note(ledger, touched)
        for ranking in self._rankings.values():
            ranking.touched.update(touched)

    def touched_by(self, body: Body) -> Collection[int]:
        """Whose place in a ranking an event may change; a bankruptcy only where those in liquidation have one."""
        return accounts_named(body) if type(body) in self._touching else ()

    def prime(self, ledger: LedgerState, past: Iterable[Event]) -> None:
        """Rank anew for each round that a further one of this instant would continue; note who was touched since."""
        self._rankings, self._keeper, self._pool = {}, None, None
        self._holders.rebuild(ledger)
        self._inventory.rebuild(ledger)
        events = list(past)
        for side, base in ledger.round_bases.items():
            if _continues(ledger, side, ledger.at_ns):
                ranking = self._rankings[side] = self._rank(ledger, side)
                for event in events:
                    if event.seq > base.seq:
                        ranking.touched.update(self.touched_by(event.body))

    def prepare(self, ledger: LedgerState) -> None:
        """Make the columns, if there is a side to be ranked in them."""
        sides = [(instrument, side) for instrument in range(len(ledger.markets)) for side in (1, -1)]
        if any(self._holders.count(ledger, *side) >= _MANY for side in sides):
            self._columns(ledger).prepare(ledger)

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """A round for the first position of whoever is short, or for the next one after a round."""
        body = event.body
        if isinstance(body, ProfitCapExceeded):
            return self._capped(body, ledger, now_ns)
        assert isinstance(body, ShortfallDeclared | DeleveragingEnded)
        after = None if isinstance(body, ShortfallDeclared) else (body.instrument, body.leg)
        account = ledger.accounts[body.account]
        if after is not None and body.trigger == "drawdown" and account.kind == "insurance":
            return ()
        task = self._next_task(body.trigger, account, ledger, after)
        if task is not None:
            return self._round(task, ledger, now_ns)
        return shortfall_remained(body.trigger, body.account, ledger) if account.kind == "insurance" else ()

    def _next_task(
        self, trigger: ShortfallTrigger, account: Account, ledger: LedgerState, after: PositionKey | None
    ) -> ClosingTask | None:
        if account.kind == "insurance":
            lots = self._inventory.following(ledger, account.account, after)
            task = inventory_task(trigger, account, ledger, lots)
        else:
            task = _bankrupt_task(trigger, account, ledger, after)
        return None if task is None else priced(task, self.closes_at, ledger)

    def _round(self, task: ClosingTask, ledger: LedgerState, now_ns: int) -> list[Product]:
        side = (task.key[0], 1 if task.size_lots > 0 else -1)
        ranking, base_round = self._ranked(side, ledger, now_ns)
        digest = self._digested(side, ranking, base_round, ledger, now_ns)
        return self._products(borne(task, len(ranking), ledger), ranking, digest, base_round, ledger)

    def _capped(self, cap: ProfitCapExceeded, ledger: LedgerState, now_ns: int) -> list[Product]:
        """A round against outside liquidity, as large as the cap still asks for."""
        if self._pool is None:
            self._pool = Pool(ledger)
        needed_atoms = to_realise_atoms(cap, self._pool, ledger)
        if not needed_atoms:
            return []
        side = (cap.instrument, -1 if cap.open_lots > 0 else 1)
        ranking, base_round = self._ranked(side, ledger, now_ns)
        shared = in_order(ranking, ledger, lambda places: winners_down(places, needed_atoms))
        if not len(shared):
            return []
        digest = self._digested(side, ranking, base_round, ledger, now_ns)
        task = capped_task(cap, sum(lots for _, lots in shared[:]), ledger)
        return self._products(task, ranking, digest, base_round, ledger, shared)

    def _ranked(self, side: _Side, ledger: LedgerState, now_ns: int) -> tuple[Ranking | ColumnRanking, int | None]:
        """The ranking as things stand, and the round that it continues; it is kept once it is digested."""
        ranking = self._rankings.get(side)
        if ranking is None or not _continues(ledger, side, now_ns):
            return self._rank(ledger, side), None
        ranking.update(ledger)
        return ranking, ledger.round_bases[side].round

    def _digested(
        self,
        side: _Side,
        ranking: Ranking | ColumnRanking,
        base_round: int | None,
        ledger: LedgerState,
        now_ns: int,
    ) -> bytes:
        """The digest of a round that is held by this ranking: over the whole of it, or over what was touched."""
        names = self._names(ledger)
        digest = ranking.full_digest(names) if base_round is None else ranking.changed_digest(names)
        if base_round is None:
            self._rankings[side] = ranking
            self._forget_old(ledger, side, now_ns)
        ranking.touched = set()
        return digest

    def _names(self, ledger: LedgerState) -> Pseudonyms:
        """What accounts are called in this run's digests."""
        if self._pseudonyms is None:
            self._pseudonyms = Pseudonyms(run_key(ledger.seed))
        return self._pseudonyms

    def _rank(self, ledger: LedgerState, side: _Side) -> Ranking | ColumnRanking:
        """Everyone who may hold the other side, scored: in columns where they are many, which gives the same."""
        if self._holders.count(ledger, side[0], -side[1]) >= _MANY and not is_exempt(ledger, side[0]):
            ranking = self._columns(ledger).rank(ledger, *side, self.ranking_policy)
            if ranking is not None:
                return ranking
        others = self._holders.of(ledger, side[0], -side[1])
        return Ranking(ledger, *side, self.ranking_policy, others)

    def _columns(self, ledger: LedgerState) -> ColumnKeeper:
        if self._keeper is None:
            from .column_ranking import ColumnKeeper  # noqa: PLC0415 - numpy is only for whoever has so many

            self._keeper = ColumnKeeper(self._names(ledger))
        return self._keeper

    def _forget_old(self, ledger: LedgerState, fresh: _Side, now_ns: int) -> None:
        """Rankings of other marks are of no more use; the one just made has no base in the ledger yet."""
        self._rankings = {s: r for s, r in self._rankings.items() if s == fresh or _continues(ledger, s, now_ns)}

    def _products(
        self,
        task: ClosingTask,
        ranking: Ranking | ColumnRanking,
        digest: bytes,
        base_round: int | None,
        ledger: LedgerState,
        shared: Shares | None = None,
    ) -> list[Product]:
        number, price = ledger.rounds + 1, price_ticks_of(task, ledger)
        instrument, leg = task.key
        started = DeleveragingStarted(
            round=number,
            trigger=task.trigger,
            liquidation_id=task.liquidation_id,
            policy=self.ranking_policy.policy,
            account=task.account,
            instrument=instrument,
            leg=leg,
            size_lots=task.size_lots,
            value_atoms=task.value_atoms,
            price_ticks=price,
            candidates=len(ranking),
            ranking_digest=digest,
            base_round=base_round,
        )
        shares = shares_of(task, ranking, self.ranking_policy, ledger, shared)
        self._hold(shares, task, ledger)
        reductions = reductions_of(task, number, price, shares, ledger)
        closed = sum(abs(reduction.size_lots) for reduction in reductions)
        left = abs(task.size_lots) - closed
        ended = DeleveragingEnded(number, task.trigger, task.liquidation_id, task.account, *task.key, closed, left)
        return [started, *reductions, ended]

    def _hold(self, shares: Shares, task: ClosingTask, ledger: LedgerState) -> None:
        """That those who are taken have the score that the declared formula gives; of many, some from first to last.

        A plug-in's guard has looked at all of its scores already, and tests at those of the builtin policies; here it
        is seen that what was scored in columns is the same. Raises HandlerError naming the figures.
        """
        if self._formula is None:
            return
        for place, _ in shares[:: -(-len(shares) // _HELD_MOST) or 1]:
            fault = self._formula.disagreement(place.candidate, place.score, (task.key[0], place.leg), ledger)
            if fault:
                message = f"policy {self.ranking_policy.policy}: {fault}"
                raise HandlerError(message)


def _bankrupt_task(
    trigger: ShortfallTrigger, account: Account, ledger: LedgerState, after: PositionKey | None
) -> ClosingTask | None:
    """The next position of an account in liquidation, at its bankruptcy value; None after the last."""
    key = min((key for key in account.positions if after is None or key > after), default=None)
    if key is None or account.liquidation_id is None:
        return None
    size_lots, value_atoms = account.positions[key].size_lots, bankruptcy_values(account, ledger)[key]
    return ClosingTask(trigger, account.account, account.liquidation_id, key, size_lots, value_atoms)


def _continues(ledger: LedgerState, side: _Side, now_ns: int) -> bool:
    """Whether a round now is at the same mark and instant as the last one of that side."""
    base = ledger.round_bases.get(side)
    return base is not None and base.repriced_seq == ledger.repriced_seq and base.at_ns == now_ns

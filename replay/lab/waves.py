"""What auto-deleveraging took, wave by wave. Source of the definitions: arXiv 2512.01112 and the code beside it.

1. A *wave* is a run of reductions less than 5 s apart.
2. Equity *taken* from an account in a wave is what it would have had at the wave's last reduction without any, less
   what it had: the value it was closed at less the value at the mark of that moment, summed over its reductions; never
   below zero.
3. *Needed* is the sum of |mark - price| x size over the reductions, each at the mark that it met; also where the price
   was better than the mark, as it is for who closes an account that still had equity.
4. The *share* taken from an account in a wave is what was taken over its equity before its first reduction of the wave.
5. A *winner* of a wave has profit and equity as it begins: its endowment is the lesser of its unrealised profit and
   its equity. What survives of it is that less what was taken.
6. The *deficit* of an account closed in a wave is how far its equity was below zero when its shortfall was declared;
   for the fund's own inventory, what the declaration says is needed.
7. PTSR is the largest surviving endowment of a wave over the sum of its deficits, PMR the same over its largest one. Of
   a run's waves the least counts; a wave without a deficit has neither.
   Of several assets all of it is in the first one, at the prices at which each is converted at that moment.
8. The Gini coefficient is over the accounts that were a winner of any wave or were reduced in one, so those that were
   spared count as zero.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

from ...events.bodies.waterfall import PositionDeleveraged, ShortfallDeclared
from ...events.envelope import Event
from ...events.ledger import Account, LedgerState
from ...handlers.conversion import coins_of, in_first
from ...handlers.valuation import margin_of, profit_atoms
from .regret import Regret

__all__ = ["WAVE_GAP_NS", "Waves", "gini"]

WAVE_GAP_NS = 5 * 10**9


class _Wave:
    """One wave, while it lasts. All figures in atoms of equity, of the first asset."""

    def __init__(self, ledger: LedgerState) -> None:
        self.winners = {a.account: given for a in ledger.accounts if (given := _endowment(a, ledger)) > 0}
        self.before: dict[int, int] = {}
        self.deficits: dict[int, int] = {}
        self.needed_atoms = self.last_ns = 0
        self._traded: dict[tuple[int, int], list[int]] = {}
        self._marks: list[int] = []

    def take(self, event: Event, body: PositionDeleveraged, deficit_atoms: int, ledger: LedgerState) -> None:
        """One reduction, which `ledger` is about to fold."""
        account, market = ledger.accounts[body.account], ledger.markets[body.instrument]
        if body.account not in self.before:
            self.before[body.account] = in_first(ledger, account.asset, margin_of(account, ledger).equity_atoms)
        self.deficits[body.against] = max(self.deficits.get(body.against, 0), deficit_atoms)
        needed_atoms = abs(market.payoff.value_atoms(body.size_lots, market.mark_ticks) - body.value_atoms)
        self.needed_atoms += in_first(ledger, account.asset, needed_atoms)
        traded = self._traded.setdefault((body.account, body.instrument), [0, 0])
        traded[0] += body.size_lots
        traded[1] += body.value_atoms
        self.last_ns, self._marks = event.at_ns, [market.mark_ticks for market in ledger.markets]

    def taken(self, ledger: LedgerState) -> dict[int, int]:
        """What was taken from each account that was reduced, at the marks of the last reduction."""
        found = dict.fromkeys(self.before, 0)
        for (account, instrument), (size_lots, value_atoms) in self._traded.items():
            at_mark_atoms = ledger.markets[instrument].payoff.value_atoms(size_lots, self._marks[instrument])
            found[account] += in_first(ledger, ledger.accounts[account].asset, value_atoms - at_mark_atoms)
        return {account: max(0, atoms) for account, atoms in found.items()}

    def survivor_atoms(self, taken: dict[int, int]) -> int:
        """The largest endowment that is left."""
        return max((atoms - taken.get(account, 0) for account, atoms in self.winners.items()), default=0)


class Waves:
    """Takes every event of a run before it is folded; `close` when there are no more."""

    def __init__(self) -> None:
        self.taken: Counter[int] = Counter()
        self.regret = Regret()
        self.needed_atoms = 0
        self.share_max = Fraction(0)
        self.ptsr: Fraction | None = None
        self.pmr: Fraction | None = None
        self._declared: dict[int, int] = {}
        self._wave: _Wave | None = None

    def take(self, event: Event, ledger: LedgerState) -> None:
        """O(1), but for the first reduction of a wave, which costs O(accounts)."""
        body = event.body
        if isinstance(body, ShortfallDeclared):
            self._declared[body.account] = _deficit(body, ledger)
        elif isinstance(body, PositionDeleveraged):
            if self._wave is not None and event.at_ns - self._wave.last_ns >= WAVE_GAP_NS:
                self.close(ledger)
            if self._wave is None:
                self._wave = _Wave(ledger)
            self._wave.take(event, body, self._declared.get(body.against, 0), ledger)

    def close(self, ledger: LedgerState) -> None:
        """End the wave under way, if there is one, and add it up."""
        wave, self._wave = self._wave, None
        if wave is None:
            return
        taken = wave.taken(ledger)
        self.taken.update(dict.fromkeys(wave.winners, 0) | taken)
        self.needed_atoms += wave.needed_atoms
        shares = (Fraction(atoms, wave.before[one]) for one, atoms in taken.items() if wave.before[one] > 0)
        self.share_max = max(self.share_max, *shares, Fraction(0))
        deficits = [atoms for atoms in wave.deficits.values() if atoms > 0]
        self.regret.take(taken, wave.winners, wave.needed_atoms, deficits)
        if deficits:
            survivor_atoms = wave.survivor_atoms(taken)
            self.ptsr = _least(self.ptsr, Fraction(survivor_atoms, sum(deficits)))
            self.pmr = _least(self.pmr, Fraction(survivor_atoms, max(deficits)))

    @property
    def taken_atoms(self) -> int:
        """What was taken from anyone in any wave."""
        return self.taken.total()

    @property
    def gini(self) -> Fraction | None:
        """Of what was taken in all waves; None where nothing was."""
        return gini(list(self.taken.values()))


def gini(amounts: Sequence[int]) -> Fraction | None:
    """The Gini coefficient of amounts that are not negative: 0 if all are equal, (n - 1) / n if one has all."""
    total, count = sum(amounts), len(amounts)
    if not total:
        return None
    weighted = sum((2 * place - count - 1) * amount for place, amount in enumerate(sorted(amounts), 1))
    return Fraction(weighted, count * total)


def _least(known: Fraction | None, other: Fraction) -> Fraction:
    return other if known is None else min(known, other)


def _deficit(body: ShortfallDeclared, ledger: LedgerState) -> int:
    account = ledger.accounts[body.account]
    if account.kind != "user":
        return in_first(ledger, account.asset, body.needed_atoms)
    return in_first(ledger, account.asset, max(0, -margin_of(account, ledger).equity_atoms))


def _endowment(account: Account, ledger: LedgerState) -> int:
    """The lesser of a trader's unrealised profit and equity; what is not positive does not count."""
    if account.kind != "user" or not account.positions:
        return 0
    markets = ledger.markets
    profit = sum(profit_atoms(markets[instrument], held) for (instrument, _), held in account.positions.items())
    worth_atoms = sum(coin.worth_atoms for coin in coins_of(ledger, account))
    return in_first(ledger, account.asset, min(profit, profit + account.balance_atoms + worth_atoms))

"""Equity and requirement, exactly.

1. equity = balance + sum of (value at mark - cost - funding owed) + what coins are worth, in atoms. Of coins only a
   part counts as collateral (`Conversion`): the rest, the haircut, is equity that bears no position.
2. requirement = sum over sides of rate_t x notional - amount_t, in microatoms, t being the tier of the notional. A side
   is all that an account holds long, or short, of one instrument: legs of one side count as one position, whose
   notional is the sum of theirs, so that nobody evades the tiers by splitting. It is continuous and convex in the
   notional (see `Tier`), so it is the greatest of one line per tier.
3. What holds an option is margined as a book (`options/book.py`); an option's own tiers require nothing.
4. A comparison is made on whole numbers: `(equity - haircut) x 10^10` with `bps x requirement`; the requirement in
   atoms is for reading.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from ..core import native
from ..events.bodies.listing import Tier
from ..events.ledger import Account, LedgerState, Market, Position, PositionKey
from ..events.ledger.account import funding_of
from ..events.payoff import InversePayoff, LinearPayoff
from .options.book import book_of, holds_options, taken_later

__all__ = [
    "BPS",
    "MICRO",
    "SLACK_SCALE",
    "Margin",
    "bankruptcy_price",
    "bankruptcy_values",
    "coins_are_priced",
    "coins_worth_atoms",
    "collateral_atoms",
    "equity_shares",
    "initial_collateral_atoms",
    "is_marked",
    "largest_position",
    "lots_worth",
    "maintenance_microatoms",
    "margin_of",
    "notional_atoms",
    "profit_atoms",
    "requirement_with",
    "requirement_without",
    "requirements",
    "side_notional_atoms",
    "sides_atoms",
    "slack",
]

MICRO = _MILLION_LOTS = 10**6
BPS = 10**4
SLACK_SCALE = MICRO * BPS

_Markets = Sequence[Market] | Mapping[int, Market]

if native is not None:
    native.know_payoffs(LinearPayoff, InversePayoff)


class Margin(msgspec.Struct, frozen=True, gc=False):
    """Equity in atoms, maintenance requirement in microatoms, what each position is worth at the mark, and the haircut.

    `haircut_atoms` is what of the equity does not count as collateral: 0 for whoever holds no coins.
    """

    equity_atoms: int
    requirement_microatoms: int
    values_atoms: list[int]
    haircut_atoms: int = 0

    @property
    def collateral_atoms(self) -> int:
        """The equity that counts: what every level is tested against."""
        return self.equity_atoms - self.haircut_atoms

    @property
    def requirement_atoms(self) -> int:
        """The requirement rounded up to an atom, for reading."""
        return -(-self.requirement_microatoms // MICRO)


def maintenance_microatoms(tiers: Sequence[Tier], notional_atoms: int) -> int:
    """The maintenance requirement of one position, exact; O(tiers)."""
    chosen = tiers[0]
    for tier in tiers:
        if tier.floor_atoms > notional_atoms:
            break
        chosen = tier
    return chosen.rate_ppm * notional_atoms - chosen.amount_microatoms


def notional_atoms(market: Market, held: Position) -> int:
    """What a position is worth at the mark, without its sign."""
    return abs(market.payoff.value_atoms(held.size_lots, market.mark_ticks))


def profit_atoms(market: Market, held: Position, mark_ticks: int | None = None) -> int:
    """Unrealised profit at the mark, or at another one, funding included."""
    lots, cumulative = held.size_lots, market.cumulative_funding_nanoatoms
    ticks = market.mark_ticks if mark_ticks is None else mark_ticks
    profit = market.payoff.value_atoms(lots, ticks) - held.cost_atoms + held.funding_atoms
    return profit - funding_of(lots, cumulative) if cumulative else profit


def lots_worth(market: Market, price_ticks: int, atoms: int, parts: int = 1) -> int:
    """How many lots at a price are worth so many atoms, or so many parts of one, rounded down.

    By what a million lots are worth, since one lot of an inverse contract may be worth less than an atom.
    """
    million_atoms = max(1, abs(market.payoff.value_atoms(_MILLION_LOTS, price_ticks)))
    return atoms * _MILLION_LOTS // (parts * million_atoms)


def margin_of(account: Account, ledger: LedgerState, markets: Mapping[int, Market] | None = None) -> Margin:
    """Equity and requirement of an account at the prices as they are; O(its positions and coins).

    `markets` stand in for the ledger's, for what would be at other marks.
    """
    marked = ledger.markets if markets is None else markets
    if native is not None and not ledger.options:
        told = native.margin_of(account, marked)
        if told is not None:
            return Margin(*told)
    margin = _margin_alone(account, marked)
    if ledger.options and holds_options(account, ledger):
        requirement = _of_book(account, ledger, marked)
        margin = Margin(margin.equity_atoms, requirement, margin.values_atoms, margin.haircut_atoms)
    return _with_coins(margin, account, ledger) if account.coins else margin


def coins_are_priced(account: Account, ledger: LedgerState) -> bool:
    """Whether every asset that an account holds, or owes, beside its own has a price."""
    return all(ledger.conversions[asset].price_ticks for asset in account.coins)


def is_marked(account: Account, ledger: LedgerState) -> bool:
    """Whether all that the account holds has a mark or a price, so that its equity can be told."""
    if 0 in [ledger.markets[instrument].mark_ticks for instrument, _ in account.positions]:
        return False
    return not account.coins or coins_are_priced(account, ledger)


def coins_worth_atoms(account: Account, ledger: LedgerState) -> int:
    """What an account's coins are worth in the asset that it settles in."""
    return sum(ledger.conversions[asset].worth_atoms(atoms) for asset, atoms in account.coins.items())


def collateral_atoms(account: Account, ledger: LedgerState) -> int:
    """The equity that counts, without what it is held against; O(its positions and coins)."""
    margin = _margin_alone(account, ledger.markets)
    return (_with_coins(margin, account, ledger) if account.coins else margin).collateral_atoms


def _of_book(account: Account, ledger: LedgerState, markets: _Markets) -> int:
    """What an account with options requires: the book, and what is not margined with it by its tiers."""
    book = book_of(account, ledger, markets)
    if all(key in book for key in account.positions):
        return sum(book.values())
    covered, by_tiers = {instrument for instrument, _ in book}, sides_atoms(account, markets)
    others = ((side[0], atoms) for side, atoms in by_tiers.items() if side[0] not in covered)
    return sum(book.values()) + sum(maintenance_microatoms(markets[one].tiers, atoms) for one, atoms in others)


def _with_coins(margin: Margin, account: Account, ledger: LedgerState) -> Margin:
    worth_atoms = counted_atoms = 0
    for asset, atoms in account.coins.items():
        conversion = ledger.conversions[asset]
        worth_atoms += conversion.worth_atoms(atoms)
        counted_atoms += conversion.counted_atoms(atoms)
    return Margin(
        margin.equity_atoms + worth_atoms,
        margin.requirement_microatoms,
        margin.values_atoms,
        worth_atoms - counted_atoms,
    )


def initial_collateral_atoms(account: Account, ledger: LedgerState) -> int:
    """The equity that counts for the initial margin of an order; O(its positions and coins)."""
    collateral_atoms = margin_of(account, ledger).collateral_atoms
    for asset, atoms in account.coins.items():
        conversion = ledger.conversions[asset]
        if conversion.initial:
            collateral_atoms += conversion.counted_initially_atoms(atoms) - conversion.counted_atoms(atoms)
    return collateral_atoms


def _margin_alone(account: Account, markets: _Markets) -> Margin:
    """The same without what the account holds of other assets."""
    equity_atoms, requirement, values_atoms = account.balance_atoms, 0, []
    for (instrument, leg), held in account.positions.items():
        if leg:
            return _margin_over_legs(account, markets)
        market = markets[instrument]
        value_atoms = market.payoff.value_atoms(held.size_lots, market.mark_ticks)
        values_atoms.append(value_atoms)
        equity_atoms += value_atoms - held.cost_atoms + held.funding_atoms
        if market.cumulative_funding_nanoatoms:
            equity_atoms -= funding_of(held.size_lots, market.cumulative_funding_nanoatoms)
        requirement += maintenance_microatoms(market.tiers, abs(value_atoms))
    return Margin(equity_atoms, requirement, values_atoms)


def _margin_over_legs(account: Account, markets: _Markets) -> Margin:
    """The same for an account that holds an instrument on several legs."""
    equity_atoms, values_atoms = account.balance_atoms, []
    for (instrument, _), held in account.positions.items():
        market = markets[instrument]
        values_atoms.append(market.payoff.value_atoms(held.size_lots, market.mark_ticks))
        equity_atoms += profit_atoms(market, held)
    sides = sides_atoms(account, markets)
    requirement = sum(maintenance_microatoms(markets[side[0]].tiers, atoms) for side, atoms in sides.items())
    return Margin(equity_atoms, requirement, values_atoms)


def sides_atoms(account: Account, markets: _Markets) -> dict[tuple[int, bool], int]:
    """The notional of each side, keyed by (instrument, whether it is long)."""
    found: dict[tuple[int, bool], int] = {}
    for (instrument, _), held in account.positions.items():
        side = (instrument, held.size_lots > 0)
        found[side] = found.get(side, 0) + notional_atoms(markets[instrument], held)
    return found


def side_notional_atoms(account: Account, markets: Sequence[Market], key: PositionKey) -> int:
    """The notional of all that the account holds on the side of one of its positions; O(its positions)."""
    return sides_atoms(account, markets)[key[0], account.positions[key].size_lots > 0]


def requirements(account: Account, ledger: LedgerState, markets: _Markets | None = None) -> dict[PositionKey, int]:
    """Each position's part of the requirement, in microatoms; O(its positions).

    What a side requires is shared among its legs by notional, rounded down, the remainder to the last of them; what a
    book with options does, as `options/book.py` says. `markets` are as in `margin_of`.
    """
    marked = ledger.markets if markets is None else markets
    found = _by_tiers(account, marked)
    if ledger.options and holds_options(account, ledger):
        found |= book_of(account, ledger, marked)
    return found


def _by_tiers(account: Account, markets: _Markets) -> dict[PositionKey, int]:
    sides = sides_atoms(account, markets)
    needs = {side: maintenance_microatoms(markets[side[0]].tiers, atoms) for side, atoms in sides.items()}
    left, last, found = dict(needs), _last_legs(account), {}
    for key, held in account.positions.items():
        side, market = (key[0], held.size_lots > 0), markets[key[0]]
        whole = last[side] == key or not sides[side]
        part = left[side] if whole else needs[side] * notional_atoms(market, held) // sides[side]
        left[side] -= part
        found[key] = part
    return found


def _last_legs(account: Account) -> dict[tuple[int, bool], PositionKey]:
    return {(key[0], held.size_lots > 0): key for key, held in account.positions.items()}


def requirement_without(account: Account, ledger: LedgerState, key: PositionKey, lots: int) -> int:
    """The account's requirement with so many lots (unsigned) of one of its positions less, in microatoms."""
    markets = ledger.markets
    market, held = markets[key[0]], account.positions[key]
    left_lots = held.size_lots - lots if held.size_lots > 0 else held.size_lots + lots
    if holds_options(account, ledger):
        return requirement_with(account, ledger, key, left_lots)
    side_atoms, worth_atoms = side_notional_atoms(account, markets, key), notional_atoms(market, held)
    left_atoms = side_atoms - worth_atoms + abs(market.payoff.value_atoms(left_lots, market.mark_ticks))
    tiers, total = market.tiers, _margin_alone(account, markets).requirement_microatoms
    return total - maintenance_microatoms(tiers, side_atoms) + maintenance_microatoms(tiers, left_atoms)


def requirement_with(account: Account, ledger: LedgerState, key: PositionKey, size_lots: int) -> int:
    """What an account would require with a position of so many lots (signed, 0 for none) of a key, in microatoms."""
    positions = dict(account.positions)
    positions[key] = Position(size_lots, 0, 0)
    if not size_lots:
        del positions[key]
    other = Account(
        account.account, account.kind, account.mode, account.asset, account.owner, account.parent, 0, positions
    )
    return sum(requirements(other, ledger).values())


def slack(margin: Margin, level_bps: int) -> int:
    """Equity that counts, less `level_bps` of the requirement, in 10^-10 atoms: negative means under that level."""
    return (margin.equity_atoms - margin.haircut_atoms) * SLACK_SCALE - level_bps * margin.requirement_microatoms


def bankruptcy_values(account: Account, ledger: LedgerState) -> dict[PositionKey, int]:
    """At what value each position would have to leave so that the account ends at exactly zero, in atoms.

    A position's bankruptcy value is its value at the mark less its share of the equity. (What funding it owes is in the
    equity and is settled as it closes.)
    """
    margin = margin_of(account, ledger)
    shares = _shares(account, margin, ledger)
    return {key: value - share for (key, share), value in zip(shares.items(), margin.values_atoms, strict=True)}


def equity_shares(account: Account, ledger: LedgerState) -> dict[PositionKey, int]:
    """Each position's part of the equity in atoms: shared by requirement, the last position takes what rounding left.

    Below zero it is what whoever takes the position at its bankruptcy value loses by it at the mark.
    """
    return _shares(account, margin_of(account, ledger), ledger)


def _shares(account: Account, margin: Margin, ledger: LedgerState) -> dict[PositionKey, int]:
    """Rounded down, in the order of the account's positions."""
    if len(account.positions) == 1:
        return dict.fromkeys(account.positions, margin.equity_atoms)
    left_atoms, shares = margin.equity_atoms, {}
    needs = requirements(account, ledger)
    last, total = next(reversed(needs), None), margin.requirement_microatoms
    for key, need in needs.items():
        shares[key] = left_atoms if key == last else (margin.equity_atoms * need // total if total else 0)
        left_atoms -= shares[key]
    return shares


def bankruptcy_price(account: Account, ledger: LedgerState, key: PositionKey) -> int:
    """The worst price in ticks at which the position can be closed on its bankruptcy value or better; at least one.

    In a book with options a hedge bears no part of the requirement: there all that the account has stands behind each.
    """
    market, held = ledger.markets[key[0]], account.positions[key]
    if holds_options(account, ledger):
        equity_atoms = margin_of(account, ledger).equity_atoms
        value_atoms = market.payoff.value_atoms(held.size_lots, market.mark_ticks) - equity_atoms
    else:
        value_atoms = bankruptcy_values(account, ledger)[key]
    return max(1, market.payoff.price_at_least(held.size_lots, value_atoms))


def largest_position(
    account: Account, ledger: LedgerState, left_out: Callable[[int], bool] = lambda _: False
) -> PositionKey | None:
    """The key of the position with the greatest requirement, the lowest key among equals; None without positions.

    Instruments that are `left_out` are passed over. Of a book with options the venue may take futures first.
    """
    held = [key for key in account.positions if not left_out(key[0])]
    if len(held) < 2:  # noqa: PLR2004 - nothing to compare
        return held[0] if held else None
    needs, later = requirements(account, ledger), taken_later(account, ledger)
    return min(held, key=lambda key: (key[0] in later, -needs[key], key))

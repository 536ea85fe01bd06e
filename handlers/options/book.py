"""What a book with options requires: by the standard margin of each short option, or by a scan of the whole.

1. Which of the two is the `margin` slot's policy. Whoever holds no option is margined by tiers in either.
2. Standard: each short option by the formula of `parameters.py`, positions in futures by their tiers. A long option
   requires nothing.
3. Portfolio: each unit as a whole (`portfolio.py`), futures on its underlying in it; other instruments by their tiers.
   A position's part of what a unit requires goes by what it loses in the worst cell; what gains there has none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from ...events.bodies.run import Producer
from ...events.ledger import Account, LedgerState, Position, PositionKey
from ...events.ledger.options import Option
from .parameters import OptionsParameters, rules_of
from .pricing import Markets
from .scan_grid import ScanParameters

if TYPE_CHECKING:
    from .portfolio import UnitRisk

__all__ = [
    "PORTFOLIO",
    "book_of",
    "holds_options",
    "initial_microatoms",
    "initial_of",
    "scan_rules",
    "scans_of",
    "taken_later",
]

PORTFOLIO = "portfolio"
"""The policy of the slot `margin` that scans."""

_PPM = 10**6
_KEPT_MOST = 8
_kept: dict[int, tuple[Producer, ScanParameters]] = {}
"""The grids that producers state, by the identity of these: read once."""


def holds_options(account: Account, ledger: LedgerState) -> bool:
    """Whether an account holds an option, so that its requirement is that of a book."""
    options = ledger.options
    return bool(options) and any(instrument in options for instrument, _ in account.positions)


def scan_rules(ledger: LedgerState, venue: str = "") -> ScanParameters | None:
    """The grid in force; None where margin is the standard one."""
    producer = ledger.producer("margin", venue)
    if producer is None or producer.policy != PORTFOLIO:
        return None
    known = _kept.get(id(producer))
    if known is not None and known[0] is producer:
        return known[1]
    own = {key: value for key, value in producer.parameters.items() if key in ScanParameters.__struct_fields__}
    if len(_kept) >= _KEPT_MOST:
        _kept.clear()
    rules = msgspec.convert(own, ScanParameters)
    _kept[id(producer)] = producer, rules
    return rules


def book_of(account: Account, ledger: LedgerState, markets: Markets) -> dict[PositionKey, int]:
    """What each option of an account requires at the marks, and what is margined together with them, in microatoms."""
    venue = ledger.venue_of(account.account)
    grid = scan_rules(ledger, venue)
    if grid is not None:
        return _scanned(scans_of(account, ledger, markets, grid))
    rules, parts = rules_of(ledger, venue), dict[PositionKey, int]()
    for key, held in account.positions.items():
        option = ledger.options.get(key[0])
        if option is not None:
            parts[key] = _maintenance(rules, option, held, markets) if held.size_lots < 0 else 0
    return parts


def initial_of(account: Account, ledger: LedgerState, markets: Markets) -> dict[PositionKey, int]:
    """The initial margin of each option of an account, and of what is margined together with them, in microatoms."""
    venue = ledger.venue_of(account.account)
    grid = scan_rules(ledger, venue)
    if grid is not None:
        maintenance = _scanned(scans_of(account, ledger, markets, grid))
        return {key: -(-needs * grid.initial_of_maintenance_ppm // _PPM) for key, needs in maintenance.items()}
    rules, options = rules_of(ledger, venue), ledger.options
    held = ((key, one) for key, one in account.positions.items() if key[0] in options)
    return {key: initial_microatoms(rules, options[key[0]], one, markets) for key, one in held}


def scans_of(account: Account, ledger: LedgerState, markets: Markets, grid: ScanParameters) -> list[UnitRisk]:
    """The risk of each unit of an account, in the order of its underlyings."""
    units: dict[int, dict[PositionKey, Position]] = {}
    for key, held in account.positions.items():
        option = ledger.options.get(key[0])
        if option is not None and option.expired_seq is None:
            units.setdefault(option.underlying, {})[key] = held
    for key, held in account.positions.items():
        if key[0] in units:
            units[key[0]][key] = held
    from .portfolio import unit_risk  # noqa: PLC0415 - numpy is only for whoever scans a book

    return [unit_risk(units[underlying], underlying, ledger, markets, grid) for underlying in sorted(units)]


def _scanned(units: Iterable[UnitRisk]) -> dict[PositionKey, int]:
    """Each position's part goes by its loss in the worst cell, rounded down; the last that loses takes the rest."""
    parts: dict[PositionKey, int] = {}
    for unit in units:
        losing = {key: loss for key, loss in unit.losses.items() if loss > 0} or dict.fromkeys(unit.losses, 1)
        total, left, last = sum(losing.values()), unit.microatoms, next(reversed(losing))
        parts |= dict.fromkeys(unit.losses, 0)
        for key, loss in losing.items():
            parts[key] = left if key == last else unit.microatoms * loss // total
            left -= parts[key]
    return parts


def taken_later(account: Account, ledger: LedgerState) -> frozenset[int]:
    """The instruments that a liquidation leaves until last: options, where the venue takes futures first."""
    if (
        not holds_options(account, ledger)
        or rules_of(ledger, ledger.venue_of(account.account)).liquidates != "futures first"
    ):
        return frozenset()
    return frozenset(ledger.options)


def _maintenance(rules: OptionsParameters, option: Option, held: Position, markets: Markets) -> int:
    """The standard maintenance margin of a short option, in microatoms, rounded up."""
    whole, mark, unit = _figures(option, held, markets)
    denominator = option.ticks_denominator
    needed = max(rules.rate_ppm * whole, rules.rate_ppm * mark * denominator)
    return -(-(needed + rules.fee_ppm * whole + _PPM * mark * denominator) * unit // denominator)


def initial_microatoms(rules: OptionsParameters, option: Option, held: Position, markets: Markets) -> int:
    """The standard initial margin of a short option, in microatoms, rounded up; none of a long one."""
    if held.size_lots > 0:
        return 0
    whole, mark, unit = _figures(option, held, markets)
    ticks, denominator = markets[option.underlying].mark_ticks, option.ticks_denominator
    out = max(0, option.strike_ticks - ticks if option.right == "call" else ticks - option.strike_ticks)
    out_of_it = whole * out // ticks
    needed = max(rules.initial_ppm * whole - _PPM * out_of_it, rules.least_ppm * whole) + _PPM * mark * denominator
    return max(-(-needed * unit // denominator), _maintenance(rules, option, held, markets))


def _figures(option: Option, held: Position, markets: Markets) -> tuple[int, int, int]:
    """What a unit of the underlying is worth in ticks of the option, x the denominator; its mark; atoms a tick."""
    ticks = markets[option.underlying].mark_ticks if option.settled_in == "cash" else 1
    market = markets[option.instrument]
    return ticks * option.ticks_numerator, market.mark_ticks, abs(held.size_lots) * market.listing.multiplier_atoms

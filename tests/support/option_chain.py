"""A small venue with options: a perpetual, and calls and puts on it, settled in cash, an atom a tick of a lot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from deleverage.events.bodies.inputs import BalanceStated, PositionStated
from deleverage.events.bodies.listing import AccountOpened, InstrumentListed, Tier
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.bodies.options import OptionListed, OptionRight, SettledIn, SmileDrawn, SurfaceSet
from deleverage.events.bodies.run import Producer
from deleverage.handlers.options.black76 import DAY_NS
from deleverage.handlers.options.keeper import OptionsKeeper
from deleverage.handlers.options.parameters import OptionsParameters
from deleverage.handlers.options.pricing import mark_ticks

from .made import made
from .venue import Book, listed

__all__ = ["DAY_NS", "PERP", "ChainBook", "keeper", "producers_of"]

PERP = 0


def producers_of(
    margin: str = "tiered", grid: Mapping[str, object] | None = None, **rules: object
) -> tuple[Producer, ...]:
    """Who decides of margin and of options; `rules` are parameters of options."""
    return (
        Producer("option_rules", "black-76", "1", dict(rules), 0),
        Producer("margin", margin, "1", dict(grid or {}), 0),
    )


def keeper(**rules: object) -> OptionsKeeper:
    """Who keeps options by these rules."""
    return OptionsKeeper(OptionsParameters(**rules))  # type: ignore[arg-type]


class ChainBook(Book):
    """Options are instruments from 1 on, in the order of `options`: (strike, right, expiry in days from the start)."""

    def __init__(
        self,
        options: Sequence[tuple[int, OptionRight, int]],
        *,
        volatility_ppb: int = 600_000_000,
        spot_ticks: int = 100_000,
        settled_in: SettledIn = "cash",
        multiplier_atoms: int = 1,
        fund_atoms: int = 0,
        producers: tuple[Producer, ...] = (),
    ) -> None:
        """List the options with a flat surface; nothing has a mark yet."""
        perpetual = listed(
            PERP, kind="linear" if settled_in == "cash" else "inverse", multiplier_atoms=multiplier_atoms
        )
        super().__init__(perpetual, fund_atoms=fund_atoms, producers=producers)
        days = sorted({day for _, _, day in options}) or [30]
        for number, (strike, right, day) in enumerate(options, 1):
            self.put(_listing(number, f"O{number}", day * DAY_NS, multiplier_atoms))
            self.put(OptionListed(number, PERP, strike, right, settled_in, 1 if settled_in == "cash" else 10**6, 1))
        flat = ((spot_ticks, volatility_ppb),)
        self.put(SurfaceSet(PERP, tuple(SmileDrawn(f"day {day}", day * DAY_NS, spot_ticks, (), flat) for day in days)))

    def mark(self, spot_ticks: int) -> None:
        """A mark of the perpetual, and all that follows of its options."""
        self.put(MarkPriced(PERP, spot_ticks, 0, spot_ticks))
        for option in self.ledger.options.values():
            if option.expired_seq is None:
                ticks = mark_ticks(self.ledger, option)
                self.put(MarkPriced(option.instrument, ticks, 0, ticks))

    def trader(self, balance_atoms: int, held: Mapping[int, int]) -> int:
        """An account with a balance that is long or short so many lots of some instruments, entered at no price."""
        number = len(self.ledger.accounts)
        self.put(AccountOpened(number, f"t{number}", "test", "user", "cross", 0))
        self.put(BalanceStated(number, balance_atoms))
        for instrument, lots in held.items():
            self.put(PositionStated(number, instrument, 0, lots, 0))
        return number


def _listing(number: int, name: str, expiry_ns: int, multiplier_atoms: int) -> InstrumentListed:
    return made(
        InstrumentListed,
        instrument=number,
        name=name,
        venue="test",
        kind="option",
        tick_size="1",
        lot_size="1",
        multiplier_atoms=multiplier_atoms,
        tiers=(Tier(0, 0, 0),),
        refill_half_life_ns=0,
        impact_bps=0,
        expiry_ns=expiry_ns,
    )

"""Random worlds for the margin monitor: instruments with tiers, and traders who hold them, some near the edge."""

from __future__ import annotations

from hypothesis import strategies as st

from deleverage.events.bodies.inputs import BalanceStated, PositionStated
from deleverage.events.bodies.listing import AccountOpened, InstrumentKind, Tier

from .oracles import requirement, worth
from .venue import Book, listed, tiers_of

__all__ = ["START_PRICE", "add_trader", "books", "tiers"]

START_PRICE = 1000
KINDS: tuple[InstrumentKind, ...] = ("linear", "inverse")
SCALES = {"linear": 1, "inverse": START_PRICE**2}


@st.composite
def tiers(draw: st.DrawFn, floor_atoms_most: int = 200_000, rate_ppm_most: int = 400_000) -> tuple[Tier, ...]:
    """One to four continuous tiers, floors around the notionals that occur, rates that grow."""
    count = draw(st.integers(1, 4))
    floors = sorted(draw(st.sets(st.integers(1, floor_atoms_most), min_size=count - 1, max_size=count - 1)))
    rates = sorted(draw(st.sets(st.integers(1_000, rate_ppm_most), min_size=count, max_size=count)))
    return tiers_of(*zip([0, *floors], rates, strict=True))


@st.composite
def books(draw: st.DrawFn, traders_most: int = 7) -> Book:
    """One to three instruments at their start price, and traders with equity around their requirement, or far above.

    Each instrument is linear or inverse; a lot of either is worth as much at the start price.
    """
    count = draw(st.integers(1, 3))
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=count, max_size=count))
    scales = [(kind, draw(st.integers(1, 3)) * SCALES[kind]) for kind in kinds]
    listings = (listed(i, tiers=draw(tiers()), multiplier_atoms=m, kind=kind) for i, (kind, m) in enumerate(scales))
    book = Book(*listings)
    book.mark(*[START_PRICE] * count)
    for _ in range(draw(st.integers(1, traders_most))):
        add_trader(book, draw)
    return book


def add_trader(book: Book, draw: st.DrawFn) -> int:
    """Open a trader with a position on some instruments and legs, and a balance from just under the requirement up."""
    keys = [(i, leg) for i in range(len(book.ledger.markets)) for leg in (0, 1, 2)]
    held = draw(st.lists(st.sampled_from(keys), max_size=4, unique=True))
    positions = [(i, leg, draw(st.integers(-60, 60).filter(bool)), draw(st.integers(700, 1300))) for i, leg in held]
    needed, profit = 0, 0
    for i, _, lots, entry in positions:
        listing = book.ledger.markets[i].listing
        value = worth(listing, lots, START_PRICE)
        needed += -(-requirement(listing.tiers, abs(value)) // 1)
        profit += value - worth(listing, lots, entry)
    spare = draw(st.one_of(st.integers(-50, 50), st.integers(0, 3 * needed + 100)))
    number = len(book.ledger.accounts)
    book.put(AccountOpened(number, f"user{number}", "test", "user", "cross", 0))
    book.put(BalanceStated(number, int(needed) - profit + spare))
    for i, leg, lots, entry in positions:
        book.put(PositionStated(number, i, leg, lots, worth(book.ledger.markets[i].listing, lots, entry)))
    return number

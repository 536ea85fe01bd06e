"""What is known of one instrument: its mark, its funding, its depth and how much of that is gone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from ..bodies.listing import InstrumentListed, LimitsStated, Tier
from ..bodies.margin import MarkPriced, RulesAnnounced
from ..bodies.trading import BookPriced, QuotesPlaced
from ..bodies.venues import IndexPriced
from ..payoff import AnyPayoff, payoff_of

if TYPE_CHECKING:
    from ..envelope import Event

__all__ = ["MakerQuote", "Market", "market_of"]


@dataclass(slots=True, repr=False)
class Market:
    """Three prices, each in ticks and 0 until there is one, the depth as quoted, and what of it was eaten.

    The *oracle* price is what came in from outside last (`PriceTicked`). The *mark* is what margin is tested against
    (`marked` is the whole of it): it follows the oracle and moves again whenever a forced order trades. The *previous*
    oracle price and mark are those that stood before the instant of the present oracle price, so that they do not
    change within an instant, however often it is marked.
    `eaten_*_lots` held at `eaten_*_at_ns`; what has been refilled since follows from the instrument's half-life.
    `impact_seq` is the last fill that moved the price.
    `book` is what the venue's own book trades at, since `booked_at_ns`, where trades make the price; `bid_makers` and
    `ask_makers` say whose each band of the depth is, `quotes` what each maker quotes (`quoted_seq` is the last time
    that one did), and `withdrawn` since when a maker has been away.
    `priced_index` is the index of several constituents, where the venue has one.
    `fund` is the insurance fund that was named for the instrument, None where its asset's first one stands behind it;
    `fund_paid_atoms` and `fund_funding_atoms` are what that fund has paid on balance for this instrument, and the
    cumulative funding at which it did (`books.py`).
    `tiers` is the maintenance margin in force: the listing's until `RulesChanged` replaces it, last in event
    `ruled_seq`; `initial` is the initial margin, empty where none is asked, and `limits` what else orders must keep to.
    `announced` is a change that is not in force yet, announced in event `announced_seq`.
    """

    listing: InstrumentListed
    payoff: AnyPayoff
    oracle_ticks: int = 0
    oracle_at_ns: int = 0
    previous_oracle_ticks: int = 0
    previous_mark_ticks: int = 0
    mark_ticks: int = 0
    marked: MarkPriced | None = None
    marked_at_ns: int = 0
    cumulative_funding_nanoatoms: int = 0
    funding_rate_ppb: int | None = None
    bids: tuple[tuple[int, int], ...] = ()
    asks: tuple[tuple[int, int], ...] = ()
    eaten_bid_lots: int = 0
    eaten_ask_lots: int = 0
    eaten_bid_at_ns: int = 0
    eaten_ask_at_ns: int = 0
    impact_seq: int | None = None
    halted_until_ns: int | None = None
    fund: int | None = None
    fund_paid_atoms: int = 0
    fund_funding_atoms: int = 0
    book: BookPriced | None = None
    booked_at_ns: int = 0
    priced_index: IndexPriced | None = None
    bid_makers: tuple[int | None, ...] = ()
    ask_makers: tuple[int | None, ...] = ()
    quotes: dict[int, MakerQuote] = field(default_factory=dict)
    quoted_seq: int | None = None
    withdrawn: dict[int, int] = field(default_factory=dict)
    tiers: tuple[Tier, ...] = ()
    initial: tuple[Tier, ...] = ()
    limits: LimitsStated | None = None
    ruled_seq: int | None = None
    announced: RulesAnnounced | None = None
    announced_seq: int | None = None

    def __repr__(self) -> str:
        """One line, without the depth."""
        return f"<Market {self.listing.name}: mark_ticks={self.mark_ticks}, oracle_ticks={self.oracle_ticks}>"

    @property
    def index_ticks(self) -> int:
        """The index of the last mark; 0 before there is one."""
        return 0 if self.marked is None else self.marked.index_ticks

    @property
    def centre_ticks(self) -> int:
        """What the depth stands around: the centre of the book, or the index where no book makes the price."""
        return self.index_ticks if self.book is None else self.book.centre_ticks

    @property
    def half_life_ns(self) -> int:
        """In what time half of what was eaten of the depth is back."""
        return self.listing.refill_half_life_ns if self.book is None else self.book.half_life_ns

    def tick(self, ticks: int, at_ns: int) -> None:
        """A price of the oracle. What stood before is kept once an instant: a second one only corrects it."""
        if self.oracle_at_ns != at_ns:
            self.previous_oracle_ticks, self.previous_mark_ticks = self.oracle_ticks, self.mark_ticks
            self.oracle_at_ns = at_ns
        self.oracle_ticks = ticks

    def follow(self, before: MarkPriced, last: MarkPriced, at_ns: int) -> None:
        """Prices that became the mark one after the other: the last of them, and the one of the instant before."""
        self.previous_oracle_ticks, self.previous_mark_ticks = before.index_ticks, before.mark_ticks
        self.oracle_ticks, self.oracle_at_ns = last.index_ticks, at_ns
        self.mark_ticks, self.marked, self.marked_at_ns = last.mark_ticks, last, at_ns

    def eat(self, size_lots: int, eaten_lots: int, at_ns: int, seq: int) -> None:
        """A trade took from the depth, of which `eaten_lots` are gone now on its side; a sale eats bids."""
        self.impact_seq = seq
        if size_lots < 0:
            self.eaten_bid_lots, self.eaten_bid_at_ns = eaten_lots, at_ns
        else:
            self.eaten_ask_lots, self.eaten_ask_at_ns = eaten_lots, at_ns

    def trade_at(self, book: BookPriced, at_ns: int) -> None:
        """The book trades at another price; what is eaten of its depth is stated anew, as it refills from here on."""
        self.book, self.booked_at_ns = book, at_ns
        self.eaten_bid_lots, self.eaten_bid_at_ns = book.eaten_bid_lots, at_ns
        self.eaten_ask_lots, self.eaten_ask_at_ns = book.eaten_ask_lots, at_ns

    def quote(self, quoted: QuotesPlaced, event: Event) -> None:
        """A maker's quotes in place of those that it had."""
        self.quoted_seq = event.seq
        self.quotes[quoted.account] = MakerQuote(
            event.at_ns, quoted.bid_bps, quoted.bid_lots, quoted.ask_bps, quoted.ask_lots
        )


class MakerQuote(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a maker quotes: since when, how far from the centre on each side, and how much."""

    at_ns: int
    bid_bps: int
    bid_lots: int
    ask_bps: int
    ask_lots: int


def market_of(listing: InstrumentListed) -> Market:
    """A market that has no price yet."""
    return Market(listing, payoff_of(listing), tiers=listing.tiers)

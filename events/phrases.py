"""What the phrases of events are written with: names, figures in real units, and the case that a paragraph is about.

Events know neither names nor scales, nor who explains them. Whoever shows a phrase offers these; `replay/why` does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .envelope import Event
    from .ledger import LedgerState, Market, PositionKey

__all__ = ["Case", "Names"]


class Names(Protocol):
    """What things are called and how figures are written in a run."""

    def account(self, number: int) -> str:
        """The name of an account."""
        ...

    def fund(self, number: int) -> str:
        """The insurance fund; by its name where the asset has several."""
        ...

    def instrument(self, number: int) -> str:
        """The name of an instrument."""
        ...

    def price(self, instrument: int, ticks: int) -> str:
        """A price in quote."""
        ...

    def size(self, instrument: int, lots: int) -> str:
        """A size in units without its sign, and the instrument's name."""
        ...

    def units(self, instrument: int, lots: int) -> str:
        """A size in units, negative when short or sold."""
        ...

    def held(self, instrument: int, lots: int) -> str:
        """A position, such as `long 1.5 BTC-PERP`."""
        ...

    def trade(self, instrument: int, lots: int, ticks: int) -> str:
        """What somebody did who traded so many lots, such as `sold 1.5 BTC-PERP at 60,000.0`."""
        ...

    def money(self, account: int, atoms: int) -> str:
        """An amount of the asset of an account, with its name."""
        ...

    def value(self, instrument: int, atoms: int) -> str:
        """An amount of the asset that an instrument settles in, without its sign."""
        ...

    def times(self, bps: int) -> str:
        """Basis points of something as a multiple of it: 12500 is `1.25 times `, 10000 nothing at all."""
        ...

    def percent_of_bps(self, bps: int) -> str:
        """Basis points as percent."""
        ...

    def percent_of_ppm(self, ppm: int) -> str:
        """Parts per million as percent."""
        ...

    def rate(self, rate_ppb: int) -> str:
        """A rate in parts per billion as percent."""
        ...

    def change(self, part: int, whole: int) -> str:
        """The share `part` / `whole` in percent with a sign, rounded to a hundredth."""
        ...

    def score(self, score: int) -> str:
        """A score as the formula gives it."""
        ...

    def time(self, at_ns: int) -> str:
        """An instant."""
        ...

    def duration(self, length_ns: int) -> str:
        """A length of time such as `1d 2h 30m`."""
        ...

    def count(self, number: int, one: str) -> str:
        """`1 round`, `2 rounds`."""
        ...


class Case(Protocol):
    """One event that is explained; `ledger` stands before it, `causes` begin with an input and end with the event."""

    @property
    def event(self) -> Event:
        """The event."""
        ...

    @property
    def causes(self) -> tuple[Event, ...]:
        """What it followed from, itself the last."""
        ...

    @property
    def ledger(self) -> LedgerState:
        """The state that it came into."""
        ...

    @property
    def names(self) -> Names:
        """Names and figures."""
        ...

    @property
    def cause(self) -> Event | None:
        """The event that the handler reacted to."""
        ...

    @property
    def figures(self) -> tuple[int, int] | None:
        """Equity and maintenance requirement of the account, worked out again; None where it has none."""
        ...

    @property
    def fund(self) -> int:
        """The account of the fund that a shortfall is about."""
        ...

    @property
    def fund_figures(self) -> tuple[str, tuple[tuple[int, int], ...]]:
        """A shortfall's figures in words, and what the fund had lost: (atoms, liquidation), the largest first."""
        ...

    @property
    def is_shared_by_ability(self) -> bool:
        """Whether who decided shares a loss in proportion to what everyone has to give."""
        ...

    @property
    def policy(self) -> str:
        """The rule that whoever decided the event follows."""
        ...

    def at(self, seq: int) -> Event:
        """Another event of the record."""
        ...

    def siblings(self) -> Iterator[Event]:
        """The events right before this one that followed from the same cause, the latest first."""
        ...

    def market(self, instrument: int) -> Market:
        """A market in the state before the event."""
        ...

    def rule(self, name: str) -> int | None:
        """A whole-number parameter of whoever decided the event; None where it has none of that name."""
        ...

    def joined(self, *sentences: str) -> str:
        """Sentences as one text, without those that have nothing to say."""
        ...

    def followed(self) -> str:
        """What the event followed from."""
        ...

    def linked(self) -> str:
        """The further events that contributed."""
        ...

    def held(self) -> str:
        """What the account held at that instant."""
        ...

    def agreement(self) -> str:
        """Whether the state rebuilt from the record gives the figures that the event recorded."""
        ...

    def threshold(self) -> str:
        """The level that the equity was held against."""
        ...

    def bankruptcy_ticks(self, account: int, key: PositionKey) -> int:
        """The price at which the account ends at zero, all of the rest being at its mark."""
        ...

    def bankruptcy_values(self, account: int) -> dict[PositionKey, int]:
        """The values of all its positions at which the account ends at zero, in atoms."""
        ...

    def profit_atoms(self, account: int) -> int:
        """What all its positions stand at, at the mark."""
        ...

    def capacity_atoms(self, fund: int) -> int:
        """A fund's cash and inventory at the mark, less its floor."""
        ...

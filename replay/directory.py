"""What a record declares: assets, instruments and accounts, by number and by name.

1. Declarations stand before the first price (in an imported run: the first fill), so reading stops there; an account
   that was opened later is looked for only when it is asked for.
2. Either may be given for the other, as `events/named.py` has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from ..events.bodies.inputs import FillReported, PriceTicked, TradeExecuted
from ..events.bodies.listing import AccountOpened, AssetListed, InstrumentListed
from ..events.envelope import Event
from ..events.errors import QueryError
from ..events.named import nearest, number_known, number_named
from ..sim.units import INT64_MAX

if TYPE_CHECKING:
    from .run import Run

__all__ = ["Directory", "directory_of", "nearest"]

_FIRST_INPUTS = (PriceTicked, FillReported, TradeExecuted)


class Directory:
    """Filled from the events of a record as far as it is needed."""

    def __init__(self, events: Iterable[Event], later: Callable[[], Iterable[Event]] | None = None) -> None:
        """Read the declarations before the first price; O(events before it).

        `later` gives what must be read for those behind it, in place of all other events.
        """
        self.assets: dict[int, AssetListed] = {}
        self.instruments: dict[int, InstrumentListed] = {}
        self.accounts: dict[int, AccountOpened] = {}
        self._numbers: dict[str, int] = {}
        rest = iter(events)
        self._later = (lambda: rest) if later is None else later
        for event in rest:
            if type(event.body) in _FIRST_INPUTS:
                break
            self.learn(event)

    def learn(self, event: Event) -> None:
        """Take in a declaration; any other event changes nothing."""
        body = event.body
        if isinstance(body, AccountOpened):
            self.accounts[body.account] = body
            self._numbers[body.name] = body.account
        elif isinstance(body, InstrumentListed):
            self.instruments[body.instrument] = body
        elif isinstance(body, AssetListed):
            self.assets[body.asset] = body

    def account_name(self, account: int) -> str:
        """The name of an account, or its number where it is not declared yet."""
        opened = self.accounts.get(account)
        return f"account {account}" if opened is None else opened.name

    def asset_listed(self, asset: int) -> AssetListed | None:
        """An asset, None where it is not declared."""
        return self.assets.get(asset)

    def instrument_listed(self, instrument: int) -> InstrumentListed | None:
        """An instrument, None where it is not declared."""
        return self.instruments.get(instrument)

    def asset_of_account(self, account: int) -> AssetListed | None:
        """The asset that an account settles in, None where it is not declared."""
        opened = self.accounts.get(account)
        return None if opened is None else self.assets.get(opened.asset)

    def find_account(self, account: int | str) -> int:
        """The account of that name or number. Raises QueryError with the nearest names."""
        found = self._known(account)
        if found is None:
            for event in self._later():
                self.learn(event)
            found = self._known(account)
        if found is None:
            told = f"there is no account {account!r}; the record has {len(self.accounts)}"
            message = f"{told}{nearest(str(account), self._numbers)}"
            raise QueryError(message)
        return found

    def find_instrument(self, instrument: int | str) -> int:
        """The instrument of that name or number. Raises QueryError with the nearest names."""
        return number_named(instrument, {one.name: number for number, one in self.instruments.items()}, "instrument")

    def find_asset(self, asset: int | str) -> int:
        """The asset of that name or number. Raises QueryError with the nearest names."""
        return number_named(asset, {one.name: number for number, one in self.assets.items()}, "asset")

    def _known(self, account: int | str) -> int | None:
        number = number_known(account, self._numbers, INT64_MAX)
        return number if number in self.accounts else None


def directory_of(run: Run) -> Directory:
    """What a record declares up to its first price; what is opened later is read when it is asked for."""

    def later() -> Iterator[Event]:
        """The openings behind the first price. The last state tells which, so that not all is read."""
        for number in range(len(run.at().accounts)):
            if number not in directory.accounts:
                openings = (event for event in run.events_naming(number) if isinstance(event.body, AccountOpened))
                yield from islice(openings, 1)

    directory = Directory(run.events(), later)
    return directory

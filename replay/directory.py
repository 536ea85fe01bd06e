"""What a record declares: assets, instruments and accounts, by number and by name.

1. Declarations stand before the first price (in an imported run: the first fill), so reading stops there; an account
   that was opened later is looked for only when it is asked for.
2. A name wins over a number: "4711" is the account of that name if there is one, else account number 4711.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from itertools import islice
from typing import TYPE_CHECKING

from ..events.bodies.inputs import FillReported, PriceTicked, TradeExecuted
from ..events.bodies.listing import AccountOpened, AssetListed, InstrumentListed
from ..events.envelope import Event
from ..events.errors import QueryError

if TYPE_CHECKING:
    from .run import Run

__all__ = ["Directory", "directory_of", "nearest"]


_NUMBER = re.compile(r"[0-9]{1,19}")


def nearest(name: str, known: Iterable[str]) -> str:
    """What a mistyped name may have meant, as the end of an error message."""
    matches = get_close_matches(name, list(known), n=3, cutoff=0.6)
    return f"; the nearest are {', '.join(matches)}" if matches else ""


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

    def find_account(self, text: str) -> int:
        """The account of that name or number. Raises QueryError with the nearest names."""
        found = self._known(text)
        if found is None:
            for event in self._later():
                self.learn(event)
            found = self._known(text)
        if found is None:
            message = f"there is no account {text!r}; the record has {len(self.accounts)}{nearest(text, self._numbers)}"
            raise QueryError(message)
        return found

    def number_of(self, account: int | str) -> int:
        """The number of an account that is given by number or by name. Raises QueryError with the nearest names."""
        return account if isinstance(account, int) else self.find_account(account)

    def _known(self, text: str) -> int | None:
        number = self._numbers.get(text)
        if number is None and _NUMBER.fullmatch(text) and int(text) in self.accounts:
            number = int(text)
        return number


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

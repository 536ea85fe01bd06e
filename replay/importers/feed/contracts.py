"""What an instrument settles in and what its sizes count: from the table of specifications, or as it was told.

1. A market is what its row in `specifications.py` says. One without a row, and an option, is refused: nothing is
   guessed. `--contract` says what it is instead.
2. `--contract SYMBOL=SIZE` makes a symbol inverse, a contract being SIZE of its quote. `SYMBOL=KIND:SIZE[:ASSET]` says
   any kind: `linear:0.01:USDT`, `inverse:100:BTC`, `quanto:0.000001:XBT`, `spot:1:USDT`.
3. An asset that was not told is the row's, if the market has one. Else an inverse contract settles in what its symbol
   has before USD (or before its quote), any other in its quote.
4. A dated contract keeps its end. A quanto contract is a linear one that settles in an asset of its own.
"""

from __future__ import annotations

import re
from calendar import FRIDAY, monthcalendar
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from ....events.bodies.listing import InstrumentKind
from ....events.errors import ScenarioError
from .items import VenueMarket
from .specifications import SPECIFICATIONS, ContractKind, Specification

__all__ = ["Contract", "Contracts", "Told"]

_MONTHS = "FGHJKMNQUVXZ"
_SUFFIX = re.compile(r"[-_](?:PERP|PERPETUAL|SWAP|[0-9]{6})$")
_QUOTES = ("FDUSD", "USDT", "USDC", "BUSD", "USDE", "DAI", "USD", "EUR", "GBP", "JPY", "TRY", "BRL", "BTC", "ETH")


class Contract(NamedTuple):
    """What a market is. `size` is what a size of 1 stands for: units, quote (inverse), asset at a price of 1 (quanto).

    `in_parts` says whether sizes may be parts of a contract.
    """

    kind: InstrumentKind
    asset: str
    size: Decimal = Decimal(1)
    is_quanto: bool = False
    in_parts: bool = True
    expiry_ns: int | None = None


class Told(NamedTuple):
    """What `--contract` says of a symbol; without an asset it follows from the symbol."""

    kind: ContractKind
    size: Decimal
    asset: str | None = None

    @property
    def text(self) -> str:
        """As the record names it."""
        if self.kind == "inverse" and self.asset is None:
            return f"{self.size:f}"
        return ":".join(filter(None, (self.kind, f"{self.size:f}", self.asset)))


class Contracts:
    """The contracts of an import; `told` is what was said of some, by symbol."""

    def __init__(self, told: Mapping[str, Told | Decimal] | None = None) -> None:
        self.told = {
            symbol: one if isinstance(one, Told) else Told("inverse", one) for symbol, one in (told or {}).items()
        }
        self._found: dict[VenueMarket, Contract | str] = {}

    def of(self, market: VenueMarket, symbol: str | None = None) -> Contract:
        """The contract behind a market, whose publisher calls it `symbol` if it goes by another name here.

        Raises ScenarioError without a place where it is not known.
        """
        found = self._found.get(market)
        if found is None:
            try:
                found = self._looked_up(market, market._replace(symbol=symbol or market.symbol))
            except ScenarioError as error:
                found = str(error)
            self._found[market] = found
        if isinstance(found, str):
            raise ScenarioError(found)
        return found

    def _looked_up(self, called: VenueMarket, market: VenueMarket) -> Contract:
        told, row = self.told.get(called.symbol, self.told.get(market.symbol)), _row_of(market)
        if told is not None:
            return _as_told(market.symbol, told, row)
        if row is None:
            raise _unknown(
                market, f"{market.symbol} of {market.exchange} is in no contract specification that is known"
            )
        specification, match = row
        if specification.kind == "option":
            raise _unknown(market, f"{market.symbol} is an option, for which there is no payoff here", advice=False)
        groups = match.groupdict()
        size = specification.size if isinstance(specification.size, str) else specification.size.get(groups["coin"])
        if size is None:
            raise _unknown(market, f"what one contract of {market.symbol} of {market.exchange} is worth is not known")
        return _contract(specification, specification.asset.format(**groups), Decimal(size), groups)


_Row = tuple[Specification, re.Match[str]]


def _row_of(market: VenueMarket) -> _Row | None:
    symbol = market.symbol.upper()
    for specification in SPECIFICATIONS:
        match = specification.pattern.fullmatch(symbol) if market.exchange in specification.exchanges else None
        if match is not None:
            return specification, match
    return None


def _unknown(market: VenueMarket, what: str, *, advice: bool = True) -> ScenarioError:
    how = f"say it with --contract {market.symbol}=KIND:SIZE:ASSET, such as linear:0.01:USDT or inverse:100:BTC"
    return ScenarioError(f"{what}; {how if advice else 'leave it out'}")


def _contract(row: Specification, asset: str, size: Decimal, groups: Mapping[str, str | None]) -> Contract:
    kind: InstrumentKind = "linear" if row.kind == "quanto" else row.kind
    return Contract(kind, asset, size, row.kind == "quanto", row.in_parts, _expiry_ns(groups, row.hour_utc))


def _as_told(symbol: str, told: Told, row: _Row | None) -> Contract:
    """A contract by what was said of it; its end, and an asset that was not told, are the row's."""
    groups, hour_utc, asset = {}, 0, told.asset
    if row is not None:
        specification, match = row
        groups, hour_utc = match.groupdict(), specification.hour_utc
        if asset is None and specification.kind == told.kind:
            asset = specification.asset.format(**groups)
    asset = asset or _asset_of(symbol, told.kind)
    kind: InstrumentKind = "linear" if told.kind == "quanto" else told.kind
    in_parts = told.kind not in ("inverse", "quanto")
    return Contract(kind, asset, told.size, told.kind == "quanto", in_parts, _expiry_ns(groups, hour_utc))


def _asset_of(symbol: str, kind: ContractKind) -> str:
    """What a symbol settles in by its letters. Raises ScenarioError where they do not tell."""
    pair = _SUFFIX.sub("", symbol.upper())
    if kind == "inverse":
        quote = next((one for one in ("USD", *_QUOTES) if pair.endswith(one) and pair != one), None)
        coin = pair if quote is None else pair.removesuffix(quote).rstrip("-_/")
        if coin != pair or pair.isalpha():
            return coin
    elif kind != "quanto":
        quote = next((one for one in _QUOTES if pair.endswith(one) and pair != one), None)
        if quote is not None:
            return quote
    message = f"what {symbol} settles in does not follow from its name; say it with --contract {symbol}=KIND:SIZE:ASSET"
    raise ScenarioError(message)


def _expiry_ns(groups: Mapping[str, str | None], hour_utc: int) -> int | None:
    """When a dated contract ends, in nanoseconds since 1970; None for a perpetual. Raises ScenarioError for no date."""
    date, day, month = groups.get("date"), groups.get("day"), groups.get("month")
    try:
        if date:
            moment = datetime.strptime(date, "%Y%m%d" if len(date) > len("yymmdd") else "%y%m%d")  # noqa: DTZ007
        elif day:
            moment = datetime.strptime(day.title(), "%d%b%y")  # noqa: DTZ007
        elif month:
            moment = _last_friday(2000 + int(groups["year"] or 0), _MONTHS.index(month) + 1)
        else:
            return None
    except ValueError:
        message = f"{date or day} is no date"
        raise ScenarioError(message) from None
    return int(moment.replace(hour=hour_utc, tzinfo=UTC).timestamp()) * 10**9


def _last_friday(year: int, month: int) -> datetime:
    return datetime(year, month, max(week[FRIDAY] for week in monthcalendar(year, month)))  # noqa: DTZ001

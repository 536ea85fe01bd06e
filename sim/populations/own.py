"""A population from a plug-in: what it gives is looked at before a run begins with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from ...events.bodies.listing import AccountMode
from ...events.bodies.run import SourceTally
from ...handlers.plugins.complaints import complaint, shown
from ..reading.tally import Tally
from ..sources.own import PLUGIN_LAYOUT, Own, each
from ..units import INT64_MAX
from .base import OpeningAccount, OpeningMarket, OpeningPosition

__all__ = ["OwnPopulation", "PopulationView"]


class PopulationView(msgspec.Struct, frozen=True):
    """What a population's plug-in may know: the seed, the markets by name as the run begins, the asset's decimals."""

    seed: int
    markets: dict[str, OpeningMarket]
    decimals: int

    def account(
        self, name: str, balance_atoms: int, lots: Mapping[str, int], *, mode: AccountMode = "cross"
    ) -> OpeningAccount:
        """An account with so many lots of each instrument, negative when short, bought at the opening price."""
        held, settles_in = [], next(iter(self.markets.values())).settles_in
        for instrument, size_lots in lots.items():
            market = self.markets[instrument]
            settles_in = market.settles_in
            cost_atoms = market.payoff.value_atoms(size_lots, market.price_ticks)
            held.append(OpeningPosition(market.scale.instrument, 0, size_lots, cost_atoms))
        return OpeningAccount(name, mode, None, balance_atoms, tuple(held), asset=settles_in.asset)


class OwnPopulation:
    """A plug-in's accounts."""

    layout = PLUGIN_LAYOUT
    size = None

    def __init__(self, own: Own, *, most: int = INT64_MAX) -> None:
        """Ask nothing yet. `most` is how many accounts it may give."""
        self._own, self._most, self._tally = own, most, Tally()
        self.name, self.sha256 = own.name, own.sha256()

    def accounts(self, markets: Sequence[OpeningMarket], decimals: int, seed: int) -> Iterator[OpeningAccount]:
        """The accounts in its order. Raises HandlerError for what is no account, or one that cannot be."""
        self._tally, names = Tally(), set[str]()
        view = PopulationView(seed, {one.scale.name: _as_recorded(one) for one in markets}, decimals)
        for account in each(self.name, "accounts()", lambda: self._own.provider.accounts(view), self._most):
            if not isinstance(account, OpeningAccount):
                raise complaint(self.name, f"accounts() gave {shown(account)}; view.account() makes one")
            fault = _fault(account, names, {one.scale.instrument: one for one in markets})
            if fault:
                raise complaint(self.name, f"accounts() gave an account that cannot be: {fault}")
            names.add(account.name)
            self._tally.rows += 1
            yield account

    def tally(self, number: int) -> SourceTally:
        """How many it gave."""
        return self._tally.closed(number)


def _as_recorded(market: OpeningMarket) -> OpeningMarket:
    """What a record keeps of it, so that whoever has that can make the accounts again."""
    return msgspec.structs.replace(market, scale=msgspec.structs.replace(market.scale, start_price=None))


def _fault(account: OpeningAccount, names: set[str], markets: Mapping[int, OpeningMarket]) -> str:
    """What is wrong with one, in words; empty where nothing is."""
    try:
        msgspec.convert(msgspec.to_builtins(account), OpeningAccount)
    except (msgspec.ValidationError, TypeError) as error:
        return f"{account!r}: {error}"
    if not account.name or account.name in names:
        return f"its name is {account.name!r}, which is empty or taken"
    if account.owner is not None and account.owner not in names:
        return f"the owner of {account.name!r} is {account.owner!r}, who does not come before it"
    if account.balance_atoms < 0:
        return f"{account.name!r} has a balance of {account.balance_atoms} atoms"
    for held in account.positions:
        market = markets.get(held.instrument)
        if market is None or market.base is not None or not held.size_lots:
            return f"{account.name!r} holds {held.size_lots} lots of instrument {held.instrument}, where nobody can"
    return ""

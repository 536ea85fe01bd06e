"""What a plug-in of a room begins with: a class that works as written, and its test."""

from __future__ import annotations

from string import Template

__all__ = ["ROOM_TEMPLATES", "ROOM_TEST"]

_PRICES = Template('''"""$title: prices, instant by instant."""

import msgspec


class $kind:
    """Say here what the prices do, and why."""

    # Raise it when the same parameters and seed give other prices. The file's hash is recorded beside it.
    version = "1"

    class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
        """What can be set, in the scenario's table: whole numbers, Decimals and texts, each with a default."""

        start_ticks: int = 1_000_000
        interval_ns: int = 1_000_000_000
        steps: int = 60
        fall_bps: int = 20

    def __init__(self, parameters):
        self.parameters = parameters

    def prices(self, view):
        """(ns after the start, {instrument: ticks}), never back in time; the first is (0, a price of each).

        `view` has the seed, and the instruments by name with their tick_size and lot_size. No float, no clock; chance
        is drawn from the seed: deleverage.handlers.draws.
        """
        ticks = dict.fromkeys(view.instruments, self.parameters.start_ticks)
        for step in range(self.parameters.steps):
            yield step * self.parameters.interval_ns, dict(ticks)
            ticks = {name: now * (10_000 - self.parameters.fall_bps) // 10_000 for name, now in ticks.items()}
''')

_DEPTH = Template('''"""$title: what rests in the book."""

import msgspec


class $kind:
    """Say here how deep the book is, and why."""

    # Raise it when the same parameters and seed give other quotes. The file's hash is recorded beside it.
    version = "1"

    class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
        """What can be set, in the scenario's table: whole numbers, Decimals and texts, each with a default."""

        lots: int = 1_000

    def __init__(self, parameters):
        self.lots = parameters.lots

    def quotes(self, view):
        """(ns after the start, instrument, bids, asks), never back in time; a quote stands until the next one.

        A side is pairs of a distance in basis points and the lots up to there: nearest first, cumulative. `view` has
        the seed, and the instruments by name with their tick_size and lot_size.
        """
        for name in view.instruments:
            side = [(10, self.lots), (50, 4 * self.lots), (200, 10 * self.lots)]
            yield 0, name, side, side
''')

_POPULATION = Template('''"""$title: who trades on the venue as the run begins."""

import msgspec


class $kind:
    """Say here who they are, and why."""

    # Raise it when the same parameters and seed give other accounts. The file's hash is recorded beside it.
    version = "1"

    class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
        """What can be set, in the scenario's table; what ends in _atoms is written there in the asset: balance = 9."""

        pairs: int = 10
        balance_atoms: int = 1_000_000_000
        lots: int = 10

    def __init__(self, parameters):
        self.parameters = parameters

    def accounts(self, view):
        """Accounts, each with a name of its own: view.account(name, balance in atoms, {instrument: lots}).

        Lots are negative when short, and bought at the opening price. `view` has the seed and the markets by name:
        their scale, price_ticks and payoff. As many lots should be long as short; what is not has no other side.
        """
        for pair in range(1, self.parameters.pairs + 1):
            for side, sign in (("long", 1), ("short", -1)):
                lots = dict.fromkeys(view.markets, sign * self.parameters.lots)
                yield view.account(f"{side}-{pair}", self.parameters.balance_atoms, lots)
''')

_ACTOR = Template('''"""$title: a trader who acts unasked in a market that makes its own price."""

import msgspec

from deleverage.events.bodies.trading import BookPriced, OrderPlaced
from deleverage.handlers.protocol import Handler


class $kind(Handler):
    """Say here what it does, and why. `deleverage policies` shows this sentence."""

    name = "actor"
    subscribes = (BookPriced,)
    # Raise it when the same inputs give other orders. The file's hash is recorded beside it.
    version = "1"

    class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
        """What can be set: `--set actor.lots=2`. The accounts are the scenario's [[actors]] called `group`."""

        group: str = "actor"
        lots: int = 1

    def handle(self, event, ledger, now_ns):
        """Below its slow average each account buys once: an order for the slot `orders`. Nothing else is read."""
        market, book = ledger.markets[event.body.instrument], event.body
        if market.halted_until_ns is not None or book.price_ticks * 10**6 >= book.trend_microticks:
            return []
        orders = []
        for account in self.accounts_of(self.settings.group, ledger):
            if account.status == "healthy" and not account.positions and account.account not in ledger.acted:
                number = ledger.orders + len(orders) + 1
                lots = self.settings.lots
                orders.append(OrderPlaced(number, account.account, book.instrument, 0, lots, "market", "below average"))
        return orders
''')

ROOM_TEST = Template('''"""$title keeps the rules that every plug-in of its room must keep."""

from pathlib import Path

from deleverage.replay.testing import check_room

PLUGIN = Path(__file__).with_name("$file")


def test_it_conforms():
    """What it gives can be, is the same in another process, and is made again from the record."""
    check_room(f"{PLUGIN}:$kind", "$slot")
''')

ROOM_TEMPLATES = {"prices": _PRICES, "depth": _DEPTH, "population": _POPULATION, "actor": _ACTOR}
"""What each room's plug-in begins with."""

"""What a plug-in of a room begins with: a class that works as written, and its test."""

from __future__ import annotations

from string import Template

__all__ = ["ROOM_TEMPLATES"]

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

_IMPORTER = Template('''"""$title: files of one's own as a record."""

from decimal import Decimal

from deleverage.events.bodies.inputs import PriceTicked

TICK, LOT = Decimal("0.01"), Decimal("0.001")


class $kind:
    """Lines of a time in milliseconds, a symbol and a price: `1760130000000,BTC-PERP,101250.5`."""

    venue = "my venue"
    # Raise it when the same files give another record. The file's hash is recorded beside it.
    version = "1"

    def survey(self, files):
        """When the record begins, in nanoseconds since 1970. The files are read once, and nothing is written."""
        return next((at_ns for _, _, at_ns, _, _ in self.prices(files)), 0)

    def take(self, files, session):
        """Record what the files hold, in the order of time.

        session.asset(...), session.instrument(...) and session.account(...) list what is new and give its number;
        session.move_to(at_ns) goes on in time. session.input(body) is for a price, a quote or a deposit,
        session.imported(body) for what a venue did, session.inferred(body) for what was concluded. session.ledger is
        the state so far. What is wrong in a line is said with file.leave_out(...).
        """
        asset = session.asset("USD", 6)
        multiplier_atoms = int(TICK * LOT * 10**6)
        for file, row, at_ns, symbol, ticks in self.prices(files):
            if at_ns < session.at_ns:
                file.leave_out("time that runs backwards", row, "it is before the line above it; sort them by time")
                continue
            session.move_to(at_ns)
            number = session.instrument(
                symbol, asset, tick_size=str(TICK), lot_size=str(LOT), multiplier_atoms=multiplier_atoms
            )
            session.input(PriceTicked(((number, ticks),), session.provenance(file.source, row, at_ns)))

    def prices(self, files):
        """File, line, time, symbol and ticks of each line that can be read."""
        for file in files:
            for row, line in file.lines():
                try:
                    milliseconds, symbol, price = line.decode().split(",")
                    ticks, rest = divmod(Decimal(price), TICK)
                    if rest or ticks <= 0:
                        raise ValueError(f"{price} is no multiple of {TICK} above 0")
                    yield file, row, int(milliseconds) * 10**6, symbol, int(ticks)
                except (ValueError, ArithmeticError) as error:
                    file.leave_out("no price", row, f"time, symbol and price are due ({error})")
''')

_ROOM_TEST = Template('''"""$title keeps the rules that every plug-in of its room must keep."""

from pathlib import Path

from deleverage.replay.testing import check_room

PLUGIN = Path(__file__).with_name("$file")


def test_it_conforms():
    """What it gives can be, is the same in another process, and is made again from the record."""
    check_room(f"{PLUGIN}:$kind", "$slot")
''')

_IMPORTER_TEST = Template('''"""$title keeps the rules that every importer must keep."""

from pathlib import Path

from deleverage.replay.testing import check_importer

PLUGIN = Path(__file__).with_name("$file")
LINES = """1760130000000,BTC-PERP,101250.5
1760130001000,ETH-PERP,3890.25
1760130001000,BTC-PERP,101200
"""


def test_it_conforms(tmp_path):
    """What it gives can be, and is the same in another process."""
    file = tmp_path / "prices.csv"
    file.write_text(LINES)
    check_importer(f"{PLUGIN}:$kind", file)
''')

_EXPORTER = Template('''"""$title: a record written out in a form of one's own."""

import json


class $kind:
    """Lines of JSON: every row of every table, with its table's name."""

    # Raise it when the same record gives other files. The file's hash is written beside them.
    version = "1"

    def write(self, tables, folder):
        """Write into a folder that is new, and give how much of what was written: whole numbers by name.

        tables.batches() gives (table, pyarrow.RecordBatch), in the order of time; tables.batches("LiquidationFilled")
        those of one table. tables.schema(table) has the columns with their units, tables.record what record it is.
        The folder stands when this returns, and is gone if it raises.
        """
        rows = 0
        with (folder / "rows.jsonl").open("w", encoding="utf-8") as file:
            for table, batch in tables.batches():
                for row in batch.drop_columns(["time"]).to_pylist():
                    file.write(json.dumps({"table": table, **row}, default=str) + "\\n")
                    rows += 1
        return {"rows": rows}
''')

_EXPORTER_TEST = Template('''"""$title keeps the rules that every exporter must keep."""

from pathlib import Path

from deleverage.replay.testing import check_exporter

PLUGIN = Path(__file__).with_name("$file")


def test_it_conforms():
    """It writes a small record, and the same bytes in another process."""
    check_exporter(f"{PLUGIN}:$kind")
''')

ROOM_TEMPLATES = {
    "prices": (_PRICES, _ROOM_TEST),
    "depth": (_DEPTH, _ROOM_TEST),
    "population": (_POPULATION, _ROOM_TEST),
    "actor": (_ACTOR, _ROOM_TEST),
    "importer": (_IMPORTER, _IMPORTER_TEST),
    "exporter": (_EXPORTER, _EXPORTER_TEST),
}
"""What each room's plug-in begins with, and its test."""

"""What one trader's account follows from: as much as the fold of the whole record says of it, and no less."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.inputs import Deposited, PriceTicked, TradeExecuted
from deleverage.events.bodies.margin import FeeCharged, FundingAccrued, RulesChanged
from deleverage.events.envelope import Event
from deleverage.events.ledger import Ledger
from deleverage.events.record import RecordSettings, RecordWriter
from deleverage.events.vocabulary import BODY_TYPES, PUBLIC_TYPES, accounts_named
from deleverage.replay.history.steps import HistoryStep, fields_of_steps, history, step_fields
from deleverage.replay.run import Run, open_run
from deleverage.replay.state.queues import TRADERS
from deleverage.replay.state.view import account_view

from .support.crash import SMALL_CRASH, checked
from .support.made import made
from .support.venue import Book
from .support.watching import WORLDS, events_of
from .support.worlds import START_PRICE, add_trader, books, tiers

SUPPORT = Path(SMALL_CRASH).parent
CHANGES = ("trade", "deposit", "mark", "tick", "fund", "rules", "fee", "open")


def kept(events: Sequence[Event], folder: Path) -> Run:
    """Events as a record."""
    writer = RecordWriter(folder / "a.run", settings=RecordSettings(durability="none"))
    writer.append_many(events)
    writer.seal("interrupted")
    return open_run(folder / "a.run")


def folded(events: Sequence[Event], accounts: Sequence[int]) -> dict[int, list[HistoryStep]]:
    """The histories of traders by folding the whole record, once."""
    ledger, found = Ledger(), {account: list[HistoryStep]() for account in accounts}

    def views() -> Iterator[dict[str, object] | None]:
        for one in named:
            yield account_view(ledger, ledger.accounts[one]) if one < len(ledger.accounts) else None

    for event in events:
        named = found.keys() & set(accounts_named(event.body))
        before = list(views())
        ledger.fold(event)
        for account, *sides in zip(named, before, views(), strict=True):
            found[account].append(HistoryStep(event, *sides))
    return found


def change(book: Book, draw: st.DrawFn) -> None:
    """One more event of a kind that is drawn, of traders and instruments that are."""
    traders = [one.account for one in book.ledger.accounts if one.kind in TRADERS]
    instrument = draw(st.integers(0, len(book.ledger.markets) - 1))
    kind, (one, other) = draw(st.sampled_from(CHANGES)), draw(st.permutations([*traders, *traders[:1], 1]))[:2]
    lots, price = draw(st.integers(-40, 40).filter(bool)), draw(st.integers(700, 1300))
    if kind == "trade" and one != other:
        value = book.ledger.markets[instrument].payoff.value_atoms(lots, price)
        sides = {"account": one, "counterparty": other, "instrument": instrument, "size_lots": lots}
        book.put(made(TradeExecuted, **sides, price_ticks=price, value_atoms=value, trade_id=1, leg=0))
    elif kind == "deposit":
        book.put(Deposited(one, price))
    elif kind == "mark":
        book.mark(*[None] * instrument, price)
    elif kind == "tick":
        book.put(PriceTicked(((instrument, price),)))
    elif kind == "fund":
        book.put(FundingAccrued(instrument, lots, START_PRICE, lots * 10**9))
    elif kind == "rules":
        book.put(made(RulesChanged, instrument=instrument, tiers=draw(tiers())))
    elif kind == "fee":
        book.put(made(FeeCharged, account=one, amount_atoms=price))
    else:
        add_trader(book, draw)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_a_trader_is_as_the_whole_record_says(data: st.DataObject) -> None:
    """Whatever happens to it, to others and to all, from whichever event on: each figure on both sides of an event."""
    book = data.draw(books(traders_most=3))
    for _ in range(data.draw(st.integers(1, 40))):
        book.now_ns += 1
        change(book, data.draw)
    traders = [one.account for one in book.ledger.accounts if one.kind in TRADERS]
    whole = folded(book.events, traders)
    first = data.draw(st.integers(0, len(book.events) - 1))
    with tempfile.TemporaryDirectory() as folder:
        run = kept(book.events, Path(folder))
        for account in traders:
            assert list(history(run, account)) == whole[account]
            later = [step for step in whole[account] if step.event.seq >= first]
            assert list(history(run, account, first)) == later
            told = [step_fields(step, run.directory) for step in later]
            assert list(fields_of_steps(later, run.directory)) == told


def happened(world: str) -> Sequence[Event]:
    """The events of a small run that is watched, or of a scenario beside it."""
    return events_of(world) if world in WORLDS else checked(str(SUPPORT / f"{world}.toml"))[0]


@pytest.mark.parametrize("world", [*WORLDS, "two-assets", "depeg", "options", "options-in-coins"])
def test_so_it_is_in_every_kind_of_world(world: str, tmp_path: Path) -> None:
    """With books, coins, several assets, options: of the traders that most events name."""
    events = happened(world)
    named = [account for event in events for account in accounts_named(event.body)]
    ledger = Ledger.of(events)
    ranked = sorted(set(named), key=lambda account: (-named.count(account), account))
    traders = list(islice((one for one in ranked if ledger.accounts[one].kind in TRADERS), 6))
    run = kept(events, tmp_path)
    for account, steps in folded(events, traders).items():
        assert list(history(run, account)) == steps
        assert steps


def test_what_is_private_names_those_who_see_it() -> None:
    """A type that moves something and names nobody is everybody's, unless it is declared to be seen in no account."""
    silent = {kind.__name__ for kind in BODY_TYPES if kind.private and kind in PUBLIC_TYPES and kind.posting}
    assert silent == set()
    assert all("instrument" in kind.__struct_fields__ for kind in BODY_TYPES if kind.replaced)

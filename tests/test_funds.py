"""Insurance funds per asset, instrument, underlying and pool: how they are opened, what each bears, what is shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage import Scenario, explain, open_run, run
from deleverage.events.bodies.inputs import BalanceStated
from deleverage.events.bodies.liquidation import LiquidationOrdered, PositionTakenOver
from deleverage.events.bodies.listing import AccountOpened, AssetListed, FundAssigned
from deleverage.events.bodies.waterfall import (
    BalanceWrittenOff,
    DeleveragingEnded,
    DeleveragingStarted,
    FundDeficitDeclared,
    InsuranceFundCredited,
    InsuranceFundDebited,
    PositionDeleveraged,
    ShortfallDeclared,
)
from deleverage.events.errors import ScenarioError
from deleverage.events.ledger import Ledger
from deleverage.events.ledger.state import STOPPED_NS
from deleverage.handlers.adl_engine import AdlEngine
from deleverage.handlers.insurance_fund import FundParameters, InsuranceFund
from deleverage.handlers.liquidation_engine import LiquidationEngine
from deleverage.handlers.loss_socialization import LossSocialization, SocializationParameters
from deleverage.handlers.policies.liquidation.whole_takeover import TakeoverParameters, WholeTakeover
from deleverage.handlers.policies.profit_leverage import ProfitLeverage
from deleverage.handlers.protocol import NoParameters
from deleverage.sim.funds import FundPart, open_funds, underlying_of
from deleverage.sim.listings import amounts_in, list_assets, list_instruments, scales_of
from deleverage.sim.settings import InstrumentSettings

from .support.command_line import call
from .support.crash import recorded
from .support.made import made
from .support.venue import FUND, Book, bodies, listed

SECOND_FUND = 4
PER = ("insurance_fund.per=instrument", "insurance_fund.balance=3_000", "population.accounts=120", "settle_ns=1m")


def two_funds(first: int, second: int) -> Book:
    """Two instruments at 1,000, each with a fund of its own."""
    book = Book(listed(0), listed(1), fund_atoms=first)
    book.put(AccountOpened(SECOND_FUND, "other", "test", "insurance", "cross", 0))
    if second:
        book.put(BalanceStated(SECOND_FUND, second))
    book.put(FundAssigned(0, FUND)), book.put(FundAssigned(1, SECOND_FUND))
    book.mark(1000, 1000)
    return book


def asked(book: Book, event: Any, **figures: Any) -> list[Any]:
    """What the fund's rule makes of an event."""
    fund = InsuranceFund(FundParameters(**{"capital_bps": 0, **figures}))
    fund.prime(book.ledger, ())
    return bodies(fund.handle(event, book.ledger, 0))


def flash(*overrides: str) -> Scenario:
    """The bundled scenario of three perpetuals."""
    return Scenario.load("flash-crash", ["population.accounts=50", *overrides])


def funds_of(*overrides: str) -> dict[str, int]:
    """What each fund of that scenario begins with, in units of the asset."""
    return {fund.name: fund.balance_atoms / 10**6 for fund in flash(*overrides).resolve().funds}  # type: ignore[misc]


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ((), {"insurance:USDT": 90}),
        (("per=instrument",), {"insurance:BTC-PERP": 30, "insurance:ETH-PERP": 30, "insurance:AVAX-PERP": 30}),
        (("per=underlying",), {"insurance:BTC": 30, "insurance:ETH": 30, "insurance:AVAX": 30}),
        (
            ("per=pool", 'pools.majors=["BTC-PERP", "ETH-PERP"]'),
            {"insurance:majors": 45, "insurance:AVAX-PERP": 45},
        ),
        (
            ("per=instrument", "balances.ETH-PERP=10"),
            {"insurance:BTC-PERP": 40, "insurance:ETH-PERP": 10, "insurance:AVAX-PERP": 40},
        ),
        (
            ("per=instrument", "balances.ETH-PERP=0"),
            {"insurance:BTC-PERP": 45, "insurance:ETH-PERP": 0, "insurance:AVAX-PERP": 45},
        ),
    ],
    ids=["asset", "instrument", "underlying", "pool", "one stated", "one without"],
)
def test_the_balance_is_split_among_the_funds(overrides: tuple[str, ...], expected: dict[str, int]) -> None:
    """Evenly but for what is stated: 90 in all, whatever there is a fund for."""
    assert funds_of("insurance_fund.balance=90", *(f"insurance_fund.{one}" for one in overrides)) == expected


@pytest.mark.parametrize(
    ("venue", "names"),
    [
        ("generic", ["USDT"]),
        ("binance", ["USDT"]),
        ("bitmex", ["BTC-PERP", "ETH-PERP", "AVAX-PERP"]),
        ("okx", ["BTC", "ETH", "AVAX"]),
        ("bybit", ["BTC-PERP", "ETH-PERP", "AVAX-PERP"]),
    ],
)
def test_the_rulebook_says_what_there_is_a_fund_for(venue: str, names: list[str]) -> None:
    """BitMEX per contract, OKX per underlying, Bybit per pool, all others one; also where another policy is set."""
    for more in ((), ("insurance_fund.policy=floor",)):
        assert [fund.label for fund in flash(f"venue={venue}", *more).resolve().funds] == names


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**9), st.lists(st.sampled_from("AB"), min_size=1, max_size=5), st.booleans())
def test_nothing_is_lost_in_the_split(whole: int, labels: list[str], pooled: bool) -> None:
    """For any balance and any grouping the funds begin with all of it, no two of a kind more than an atom apart."""
    scenario = flash()
    names = [f"I{n}-PERP" for n in range(len(labels))]
    given_settings = scenario.settings
    one = given_settings.instruments[0]
    many = tuple(_renamed(one, name) for name in names)
    assets, scales = list_assets(given_settings), scales_of(given_settings)
    (base,) = list_instruments(given_settings, assets, scales)[:1]
    listings = [_relisted(base, number, name) for number, name in enumerate(names)]
    pools = {label: [n for n, other in zip(names, labels, strict=True) if other == label] for label in set(labels)}
    table = {"per": "pool" if pooled else "instrument", "pools": pools, "balance": f"{whole} atoms"}
    funds = open_funds(table, assets[0], listings, many, FundPart(amounts_in(given_settings)))
    assert sum(fund.balance_atoms for fund in funds) == whole
    assert max(f.balance_atoms for f in funds) - min(f.balance_atoms for f in funds) <= 1
    assert sorted(i for fund in funds for i in fund.instruments or ()) == list(range(len(names)))


def _renamed(one: InstrumentSettings, name: str) -> InstrumentSettings:
    return msgspec.structs.replace(one, name=name)


def _relisted(one: Any, number: int, name: str) -> Any:
    return msgspec.structs.replace(one, instrument=number, name=name)


@pytest.mark.parametrize(
    ("name", "stated", "underlying"),
    [("BTC-PERP", None, "BTC"), ("BTC-USDT-SWAP", None, "BTC-USDT"), ("BTCUSDT", None, "BTCUSDT"), ("X-Y", "Z", "Z")],
)
def test_what_an_instrument_is_of(name: str, stated: str | None, underlying: str) -> None:
    """As stated, or the name up to its last hyphen."""
    assert underlying_of(InstrumentSettings(name, "USDT", 1, 1, (), underlying=stated)) == underlying


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("per=account",), r"\$\.insurance_fund\.per: Invalid enum value 'account'"),
        (("balances.X=1",), r"balances\.X: there is no such fund; choose from USDT"),
        (("per=instrument", "balances.BTC-PERP=91"), r"balances: they sum to 91, and balance is 90"),
        (("per=pool", 'pools.a=["SOL-PERP"]'), r"pools\.a: there is no instrument 'SOL-PERP'; choose from BTC-PERP"),
        (("per=pool", "pools.a=[]"), r"pools\.a: a pool has instruments"),
        (("per=pool", 'pools.BTC-PERP=["ETH-PERP"]'), r"pools\.BTC-PERP: .* its name is no instrument's"),
        (
            ("per=pool", 'pools.a=["BTC-PERP"]', 'pools.b=["BTC-PERP"]'),
            r"pools\.b: 'BTC-PERP' is in pool 'a' already",
        ),
        (("per=instrument", "balances.BTC-PERP=-1"), r"balances\.BTC-PERP: -1 is not an amount of USDT"),
    ],
    ids=["rule", "name", "sum", "instrument", "empty", "like an instrument", "twice", "negative"],
)
def test_what_makes_no_funds_is_refused(overrides: tuple[str, ...], message: str) -> None:
    """In one line that names the key."""
    with pytest.raises(ScenarioError, match=message):
        funds_of("insurance_fund.balance=90", *(f"insurance_fund.{one}" for one in overrides))


def test_each_position_goes_to_the_fund_of_its_instrument() -> None:
    """An account 30 short: by requirement 10 and 20 of it, each fund takes its position and stands at that loss."""
    book = two_funds(1_000, 1_000)
    user = book.user(-30, (0, 10, 1000), (1, 20, 1000))
    said = asked(book, book.bankrupt(user))
    assert said == [
        PositionTakenOver(1, user, FUND, 0, 0, 10, 10_010, 1001),
        PositionTakenOver(1, user, SECOND_FUND, 1, 0, 20, 20_020, 1001),
    ]
    book.take(said)
    assert book.account(user).balance_atoms == 0


def test_a_fund_that_cannot_take_its_part_does_not_keep_the_others_from_theirs() -> None:
    """The first fund has 9 of the 10 that it would lose: it declares that; the other takes its position over."""
    book = two_funds(9, 1_000)
    user = book.user(-30, (0, 10, 1000), (1, 20, 1000))
    said = asked(book, book.bankrupt(user))
    assert said == [
        PositionTakenOver(1, user, SECOND_FUND, 1, 0, 20, 20_020, 1001),
        ShortfallDeclared(1, user, "bankruptcy", 10, 9, 9),
    ]


def test_what_is_left_is_deleveraged_and_nothing_else() -> None:
    """The position of the fund that is short goes to its counterparty at the bankruptcy value, and the debt is gone."""
    book = two_funds(9, 1_000)
    winner = book.user(20_000, (0, -10, 1100))
    user = book.user(-30, (0, 10, 1000), (1, 20, 1000))
    event = book.take(asked(book, book.bankrupt(user)))[-1]
    engine = AdlEngine(ProfitLeverage(NoParameters()))
    engine.prime(book.ledger, ())
    said = [e.body for e in book.take(engine.handle(event, book.ledger, 0))]
    closed = [body for body in said if isinstance(body, PositionDeleveraged)]
    assert [(b.account, b.instrument, b.value_atoms) for b in closed] == [(winner, 0, 10_010)]
    assert book.account(user).balance_atoms == 0
    book.ledger.check()


@pytest.mark.parametrize(("instrument", "fund"), [(0, FUND), (1, SECOND_FUND)])
def test_a_debt_without_positions_is_the_fund_s_of_what_was_closed_last(instrument: int, fund: int) -> None:
    """Both positions deleveraged at a price that leaves 40 to pay: the fund of the second of them pays what it has."""
    book = two_funds(25, 25)
    winner = book.user(10**6, (0, -10, 1100), (1, -10, 1100))
    user = book.user(-40, (0, 10, 1000), (1, 10, 1000))
    book.bankrupt(user)
    for number, one in enumerate((1 - instrument, instrument), 1):
        book.put(
            made(
                PositionDeleveraged,
                round=number,
                liquidation_id=1,
                against=user,
                account=winner,
                instrument=one,
                size_lots=10,
                price_ticks=1000,
                value_atoms=10_000,
                rank=1,
                score=1,
            )
        )
    fund_rule = InsuranceFund(FundParameters(capital_bps=0))
    fund_rule.prime(book.ledger, ())
    book.put(
        made(
            DeleveragingStarted,
            round=1,
            trigger="bankruptcy",
            liquidation_id=1,
            policy="p",
            account=user,
            instrument=instrument,
            size_lots=10,
            value_atoms=10_000,
            price_ticks=1000,
            candidates=1,
        )
    )
    ended = book.put(DeleveragingEnded(1, "bankruptcy", 1, user, instrument, 0, 10, 0))
    said = bodies(fund_rule.handle(ended, book.ledger, 0))
    assert said == [InsuranceFundDebited(1, user, fund, 25), ShortfallDeclared(1, user, "bankruptcy", 15, 0, 0)]


def test_a_deficit_stops_the_instruments_of_its_fund_only() -> None:
    """What the first fund cannot pay halts the first instrument; in the second one liquidations go on."""
    book = two_funds(0, 1_000)
    user = book.user(-40, (0, 10, 1000))
    book.bankrupt(user)
    book.put(PositionTakenOver(1, user, FUND, 0, 0, 10, 10_000, 1000))
    event = book.put(ShortfallDeclared(1, user, "bankruptcy", 40, 0, 0))
    said = bodies(LossSocialization(SocializationParameters()).handle(event, book.ledger, 0))
    assert [type(body) for body in said] == [FundDeficitDeclared, BalanceWrittenOff]
    book.take(said)
    assert [market.halted_until_ns for market in book.ledger.markets] == [STOPPED_NS, None]
    book.liquidate(book.user(50, (0, 20, 1000), (1, 10, 1000)))
    engine = LiquidationEngine(WholeTakeover(TakeoverParameters()))
    (ordered,) = bodies(engine.handle(book.events[-1], book.ledger, 0))
    assert isinstance(ordered, LiquidationOrdered)
    assert (ordered.instrument, ordered.size_lots) == (1, -10)


def test_a_fee_goes_to_the_fund_of_its_instrument() -> None:
    """In a run each fund is paid by fills of its own instruments alone."""
    names = {}
    for event in recorded(*PER):
        body = event.body
        if isinstance(body, FundAssigned):
            names[body.fund] = body.instrument
        if isinstance(body, InsuranceFundCredited):
            assert event.cause is not None
            fill = recorded(*PER)[event.cause].body
            assert fill.instrument == names[body.fund]  # type: ignore[union-attr]
    assert len(names) == len(set(names.values()))


def test_the_laws_hold_with_several_funds() -> None:
    """After each event of a run; and the funds began with the whole balance."""
    ledger = Ledger()
    for event in recorded(*PER):
        ledger.fold(event)
        ledger.check()
    begun = [e.body for e in recorded(*PER) if isinstance(e.body, BalanceStated) and e.body.account in ledger.funds]
    assert sum(body.balance_atoms for body in begun) == 3_000 * 10**6
    assert len(ledger.funds) == len(ledger.markets)


def test_without_a_rule_the_opening_says_nothing_of_it() -> None:
    """One fund to the asset, and no event that names an instrument: other records mean what they meant."""
    events = recorded("population.accounts=60")
    assert not [event for event in events if isinstance(event.body, FundAssigned)]
    (asset,) = [event.body for event in events if isinstance(event.body, AssetListed)]
    funds = [e.body.name for e in events if isinstance(e.body, AccountOpened) and e.body.kind == "insurance"]
    assert funds == [f"insurance:{asset.name}"]


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three perpetuals with small funds of their own."""
    path = tmp_path_factory.mktemp("funds") / "a.run"
    overrides = ["population.accounts=600", "insurance_fund.balance=3_000", "insurance_fund.per=instrument"]
    overrides.append("insurance_fund.balances.ETH-PERP=50")
    run(Scenario.load("flash-crash", overrides), path)
    return path


def test_the_state_has_each_fund(record: Path) -> None:
    """As text and as JSON: cash, inventory, and the instruments that it stands behind."""
    document = json.loads(call("state", record, "--json").stdout)
    funds = document["insurance_funds"]
    assert [fund["name"] for fund in funds] == ["insurance:BTC-PERP", "insurance:ETH-PERP", "insurance:AVAX-PERP"]
    assert [fund["behind"] for fund in funds] == [["BTC-PERP"], ["ETH-PERP"], ["AVAX-PERP"]]
    assert document["insurance_fund"] == funds[0]
    text = call("state", record).stdout
    assert all(f"{fund['name']}: " in text for fund in funds)


def test_why_names_the_fund_that_was_short(record: Path) -> None:
    """A shortfall is told of the fund of its instrument, whose books reconcile to the atom."""
    opened = open_run(record)
    shortfalls = [e for e in opened.events() if isinstance(e.body, ShortfallDeclared) and e.body.needed_atoms]
    assert shortfalls
    names = set()
    for event in shortfalls[:: max(1, len(shortfalls) // 12)]:
        found = explain(opened, event.seq).fund
        assert found is not None
        assert found.reconciles
        before = opened.at(seq=event.seq - 1)
        behind = before.fund_for(before.accounts[event.body.account])  # type: ignore[union-attr]
        assert found.name == before.name(found.account)
        assert event.body.account in before.funds or found.account == behind  # type: ignore[union-attr]
        names.add(found.name)
    assert "insurance:AVAX-PERP" in names <= {"insurance:BTC-PERP", "insurance:ETH-PERP", "insurance:AVAX-PERP"}


def test_the_summary_has_each_fund() -> None:
    """The report names them below their sum, and JSON has them in a list."""
    given_settings = ("flash-crash", "--set", "population.accounts=60", "--set", "insurance_fund.per=underlying")
    text = call("run", *given_settings).stdout
    assert "3 funds together" in " ".join(text.split())
    document = json.loads(call("run", *given_settings, "--json").stdout)["fund"]
    assert [fund["instruments"] for fund in document["funds"]] == [["BTC-PERP"], ["ETH-PERP"], ["AVAX-PERP"]]
    assert sum(fund["start_atoms"] for fund in document["funds"]) == document["start_atoms"]
    assert sum(fund["end_atoms"] for fund in document["funds"]) == document["end_atoms"]


def test_a_fork_names_the_fund_whose_balance_it_changes(record: Path, tmp_path: Path) -> None:
    """`balances.NAME`; with several, `balance` alone is refused with the names, and so is another split."""
    given_settings = ("fork", record, "--at", "+00:30:00", "-o", tmp_path / "b.run", "--set")
    assert "there are 3 insurance funds" in call(*given_settings, "insurance_fund.balance=+5").stderr
    assert "settled as a run begins" in call(*given_settings, "insurance_fund.per=asset").stderr
    assert "choose from BTC-PERP" in call(*given_settings, "insurance_fund.balances.X=+5").stderr
    call(*given_settings, "insurance_fund.balances.ETH-PERP=+5_000")
    forked = open_run(tmp_path / "b.run")
    (paid,) = [e.body for e in forked.events() if type(e.body).__name__ == "Deposited"]
    assert forked.at().name(paid.account) == "insurance:ETH-PERP"  # type: ignore[union-attr]

"""Quantities: printed, read and made JSON of in one way, by the kind of the field that holds them."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deleverage.events.bodies.inputs import Deposited, FillReported, PriceTicked
from deleverage.events.bodies.liquidation import LiquidationFilled, OrdersCancelled
from deleverage.events.bodies.listing import AccountOpened, AssetListed
from deleverage.events.bodies.margin import FundingAccrued, MarginCalled, MarkPriced
from deleverage.events.errors import ScenarioError
from deleverage.events.vocabulary import Body
from deleverage.replay.directory import Directory
from deleverage.replay.log.text import figure_text
from deleverage.sim.quantities import (
    RATES,
    LedgerScales,
    Quantity,
    Scale,
    amount_scale,
    encoded,
    price_scale,
    quantity_of,
    size_scale,
)

from .support.venue import Book, listed

USDT, YEN = AssetListed(0, "USDT", 6), AssetListed(1, "YEN", 0)
LISTING = msgspec.structs.replace(listed(), tick_size="0.1", lot_size="0.001")
SCALES = [amount_scale(USDT), amount_scale(YEN), price_scale(LISTING), size_scale(LISTING), *RATES.values()]


@pytest.mark.parametrize(
    ("quantity", "told", "json"),
    [
        (
            Quantity(-1_234_567_890, amount_scale(USDT)),
            "-1,234.567890 USDT",
            {"value": "-1234.567890", "unit": "USDT", "atoms": -1_234_567_890},
        ),
        (Quantity(1_234, amount_scale(YEN)), "1,234 YEN", {"value": "1234", "unit": "YEN", "atoms": 1_234}),
        (
            Quantity(600_005, price_scale(LISTING)),
            "60,000.5 quote",
            {"value": "60000.5", "unit": "quote", "ticks": 600_005},
        ),
        (
            Quantity(-1_500, size_scale(LISTING)),
            f"-1.500 {LISTING.name}",
            {"value": "-1.500", "unit": LISTING.name, "lots": -1_500},
        ),
        (Quantity(12_550, RATES["bps"]), "125.5%", {"value": "125.50", "unit": "%", "bps": 12_550}),
        (Quantity(850_000, RATES["ppm"]), "85%", {"value": "85.0000", "unit": "%", "ppm": 850_000}),
        (Quantity(-100_000, RATES["ppb"]), "-0.01%", {"value": "-0.0100000", "unit": "%", "ppb": -100_000}),
        (Quantity(0, RATES["bps"]), "0%", {"value": "0.00", "unit": "%", "bps": 0}),
    ],
)
def test_a_quantity_is_written_in_one_way(quantity: Quantity, told: str, json: dict[str, object]) -> None:
    """For people with thousands and unit, as JSON with the plain decimal, the unit and the whole number."""
    assert str(quantity) == told
    assert quantity.as_json() == json


class Held(msgspec.Struct):
    """An answer that holds a quantity."""

    account: int
    equity: Quantity


def test_a_struct_that_holds_a_quantity_is_encoded() -> None:
    """With the hook it is an object with value, unit and atoms where it stands; anything else is refused."""
    held = Held(4, Quantity(1_500_000, amount_scale(USDT)))
    told = msgspec.json.decode(msgspec.json.encode(held, enc_hook=encoded))
    assert told == {"account": 4, "equity": {"value": "1.500000", "unit": "USDT", "atoms": 1_500_000}}
    assert held == Held(4, Quantity(1_500_000, amount_scale(USDT)))
    assert len({held.equity, Quantity(1_500_000, amount_scale(USDT)), Quantity(1, amount_scale(USDT))}) == 2
    with pytest.raises(TypeError):
        msgspec.json.encode(object(), enc_hook=encoded)


@given(number=st.integers(-(2**63) + 1, 2**63 - 1), scale=st.sampled_from(SCALES))
def test_what_is_written_is_read_as_the_same_number(number: int, scale: Scale) -> None:
    """Value and text are exact: the plain decimal parses to the number, and the text is it with commas."""
    quantity = Quantity(number, scale)
    assert Decimal(quantity.value) == number * scale.step
    assert Quantity.parse(quantity.value, scale) == quantity
    assert Decimal(quantity.text.replace(",", "").rstrip("%")) == number * scale.step


@pytest.mark.parametrize("text", ["0.0000001", "1e-7", "one", "", "1,000"])
def test_what_is_no_whole_number_of_steps_is_refused(text: str) -> None:
    """More digits than the asset has, or no number, is an error that says so."""
    with pytest.raises(ScenarioError):
        Quantity.parse(text, amount_scale(USDT))


def fields(body: Body, book: Book) -> dict[str, str]:
    """The quantities among the fields of a body, by the scales of a ledger."""
    scales = LedgerScales(book.ledger)
    found = {name: quantity_of(body, name, scales) for name in body.__struct_fields__}
    return {name: str(quantity) for name, quantity in found.items() if quantity is not None}


def test_a_field_s_scale_is_that_of_whom_it_names() -> None:
    """Money is the account's, the instrument's or the fee's asset, prices and sizes the instrument's, rates none's."""
    book = Book(LISTING)
    account = book.user()
    asset = book.ledger.assets[0].name
    name = LISTING.name
    decimals = book.ledger.assets[0].decimals

    def money(atoms: int) -> str:
        return f"{Decimal(atoms).scaleb(-decimals):,f} {asset}"

    assert fields(MarginCalled(account, 5, 70, 12_500), book) == {
        "equity_atoms": money(5),
        "requirement_atoms": money(70),
        "warning_bps": "125%",
    }
    filled = LiquidationFilled(
        liquidation_id=1,
        order_id=1,
        trade_id=1,
        account=account,
        counterparty=1,
        instrument=0,
        leg=0,
        size_lots=-1_500,
        price_ticks=6_005,
        value_atoms=-900,
        left_lots=20,
        eaten_lots=30,
    )
    assert fields(filled, book) == {
        "size_lots": f"-1.500 {name}",
        "price_ticks": "600.5 quote",
        "value_atoms": money(-900),
        "left_lots": f"0.020 {name}",
        "eaten_lots": f"0.030 {name}",
    }
    assert fields(FundingAccrued(0, 100_000, 6_005, 5), book) == {
        "rate_ppb": "0.01%",
        "mark_ticks": "600.5 quote",
        "payment_nanoatoms": f"{Decimal(5).scaleb(-decimals - 9):,f} {asset}",
    }
    assert fields(MarkPriced(0, 1, 0, 1, 1_500_000), book)["smoothed_microticks"] == "0.1500000 quote"
    reported = FillReported(
        account=account,
        instrument=0,
        leg=0,
        trade_id=1,
        order_id=None,
        size_lots=5,
        price_ticks=10,
        start_lots=None,
        closed_profit_atoms=3,
        fee_atoms=4,
        fee_asset=0,
        direction="",
    )
    assert fields(reported, book)["fee_atoms"] == money(4)
    assert "start_lots" not in fields(reported, book)


def test_what_has_no_known_scale_is_no_quantity() -> None:
    """An account that is not declared, a fee in no asset, an order's lots: nothing is guessed."""
    book = Book(LISTING)
    assert fields(Deposited(99, 5), book) == {}
    assert fields(PriceTicked(((0, 5),)), book) == {}
    for order in (0, 1):  # of which one is an instrument's number, too
        assert fields(OrdersCancelled(1, book.user(), order, 448, ""), book) == {}
    assert "fee_atoms" not in fields(
        FillReported(
            account=99,
            instrument=0,
            leg=0,
            trade_id=1,
            order_id=None,
            size_lots=5,
            price_ticks=10,
            start_lots=None,
            closed_profit_atoms=None,
            fee_atoms=4,
            fee_asset=None,
            direction="",
        ),
        book,
    )


def test_a_log_line_says_it_as_the_ledger_would() -> None:
    """The directory that reads declarations and the ledger that folds them know the same scales."""
    book = Book(LISTING)
    account = book.user()
    directory = Directory(book.events)
    body = MarginCalled(account, 5, 70, 12_500)
    assert isinstance(directory.accounts[account], AccountOpened)
    for name in ("equity_atoms", "requirement_atoms", "warning_bps"):
        told = quantity_of(body, name, LedgerScales(book.ledger))
        assert told is not None
        assert figure_text(body, name, directory) == told.text

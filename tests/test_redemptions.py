"""Traders who redeem a coin instead of having it sold: how much, what it costs them meanwhile, and when it is paid."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.collateral import CollateralSold
from deleverage.events.bodies.margin import MarginCalled, MarkPriced
from deleverage.events.bodies.redemption import RedemptionPaid, RedemptionRequested
from deleverage.events.bodies.venue import TimerFired, TimerSet
from deleverage.handlers.collateral.redemptions import Redemptions, RedemptionsParameters
from deleverage.handlers.collateral.rules import CollateralParameters
from deleverage.handlers.valuation import BPS, margin_of, slack

from .support.venue import listed
from .support.wallet import PERP, Wallet

RULES = CollateralParameters({"USDE": ((0, 900_000),)}, debt_most_atoms=10**12)
HOUR_NS = 3_600 * 10**9


def a_wallet(price: str = "0.7") -> Wallet:
    """USDe at a price, and a perpetual of a lot of one dollar."""
    perpetual = listed(PERP, multiplier_atoms=10**6)
    return Wallet(RULES, ("USDE", 6, Decimal(price)), perpetual=perpetual)


def redeeming(share_bps: int = 10_000) -> Redemptions:
    """At one dollar, after an hour."""
    return Redemptions(RedemptionsParameters({"USDE": ("", 1_000_000)}, {"USDE": HOUR_NS}, share_bps))


def marked(wallet: Wallet, handler: Redemptions) -> list[RedemptionRequested]:
    """What is requested at a mark."""
    handler.prime(wallet.ledger, ())
    said = wallet.tell(MarkPriced(PERP, 1, 0, 1), handler)
    return [body for body in said if isinstance(body, RedemptionRequested)]


def test_a_debt_is_redeemed_for_and_paid_after_the_delay() -> None:
    """700 is owed: 700 USDe go, at a dollar each, while the market gives 0.70; until then they are nobody's."""
    wallet, handler = a_wallet(), redeeming()
    number = wallet.holder(-700, {"USDE": 3_000})
    (asked,) = marked(wallet, handler)
    assert (asked.account, asked.amount_atoms, asked.price_ticks) == (number, 700 * 10**6, 10**6)
    assert (asked.owed_atoms, asked.due_ns) == (700 * 10**6, HOUR_NS)
    assert wallet.collateral(number) == Decimal(2_300) * Decimal("0.63") - 700
    assert marked(wallet, handler) == []
    wallet.now_ns = HOUR_NS
    timer = next(seq for seq, one in wallet.ledger.timers.items() if one.timer.purpose == "redemption")
    wallet.tell(TimerFired(timer, "redemption", number, None, None), handler)
    assert wallet.account(number).balance_atoms == 0
    assert not wallet.ledger.redemptions
    wallet.ledger.check()


def test_what_is_paid_is_by_the_price_of_then() -> None:
    """What the coin is redeemed for has risen by a tenth meanwhile."""
    wallet = Wallet(RULES, ("USDE", 6, Decimal("0.7")), perpetual=listed(PERP, multiplier_atoms=10**6))
    handler = Redemptions(RedemptionsParameters({"USDE": ("I0", 1_000_000)}, {"USDE": HOUR_NS}))
    wallet.mark(10)
    number = wallet.holder(-1_000, {"USDE": 3_000})
    handler.prime(wallet.ledger, ())
    asked = [b for b in wallet.tell(MarkPriced(PERP, 10, 0, 10), handler) if isinstance(b, RedemptionRequested)]
    assert [wallet.units(body.amount_atoms) for body in asked] == [100]
    wallet.now_ns = HOUR_NS
    wallet.mark(11)
    timer = next(seq for seq, one in wallet.ledger.timers.items() if one.timer.purpose == "redemption")
    said = wallet.tell(TimerFired(timer, "redemption", number, None, None), handler)
    assert [wallet.units(body.amount_atoms) for body in said if isinstance(body, RedemptionPaid)] == [1_100]


def test_under_a_call_a_trader_redeems_what_its_requirement_spares() -> None:
    """Whoever is called is short of twice the requirement, and keeps what the requirement itself needs."""
    wallet, handler = a_wallet("1"), redeeming()
    number = wallet.holder(100, {"USDE": 1_000})
    wallet.hold(number, PERP, 8_600, 1)
    said = wallet.tell(MarginCalled(number, 1_000 * 10**6, 860 * 10**6, 12_500), handler)
    (asked,) = [body for body in said if isinstance(body, RedemptionRequested)]
    margin = margin_of(wallet.account(number), wallet.ledger)
    assert asked.owed_atoms == 0
    assert slack(margin, BPS) >= 0
    assert wallet.units(asked.amount_atoms).quantize(Decimal(1)) == 140
    assert any(isinstance(body, TimerSet) for body in said)


def test_a_share_of_the_traders_redeems() -> None:
    """None at 0, all at 10,000, and about so many between."""
    counts = []
    for share_bps in (0, 3_000, 10_000):
        wallet = a_wallet()
        for _ in range(60):
            wallet.holder(-10, {"USDE": 100})
        counts.append(len(marked(wallet, redeeming(share_bps))))
    assert (counts[0], counts[2]) == (0, 60)
    assert 8 <= counts[1] <= 28


def test_without_redemption_it_is_sold() -> None:
    """The keeper sells for a debt that is over what may be owed; a redemption comes before it."""
    rules = msgspec.structs.replace(RULES, debt_most_atoms=0)
    wallet = Wallet(rules, ("USDE", 6, Decimal("0.7")))
    wallet.holder(-700, {"USDE": 3_000})
    assert [type(body) for body in wallet.repaid()] == [CollateralSold]


@settings(max_examples=60)
@given(
    balance=st.integers(-3_000, 3_000),
    coins=st.integers(1, 4_000),
    lots=st.integers(-9_000, 9_000),
    price=st.integers(1, 200),
    called=st.booleans(),
)
def test_nobody_redeems_itself_into_a_liquidation(
    balance: int, coins: int, lots: int, price: int, called: bool
) -> None:
    """Whoever met the requirement still meets it, nothing more is redeemed than there is, and the laws hold."""
    wallet, handler = a_wallet(str(Decimal(price) / 100)), redeeming()
    number = wallet.holder(balance, {"USDE": coins})
    if lots:
        wallet.hold(number, PERP, lots, 1)
    before = slack(margin_of(wallet.account(number), wallet.ledger), BPS)
    handler.prime(wallet.ledger, ())
    body = MarginCalled(number, 0, 0, 12_500) if called else MarkPriced(PERP, 1, 0, 1)
    said = wallet.tell(body, handler)
    after = slack(margin_of(wallet.account(number), wallet.ledger), BPS)
    asked = [one for one in said if isinstance(one, RedemptionRequested)]
    assert (after >= 0) == (before >= 0)
    assert not asked or before >= 0
    assert sum(one.amount_atoms for one in asked) <= coins * 10**6
    if balance or not lots:
        wallet.ledger.check()


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        ({"redeems": {"USDE": ("", 0)}, "delays_ns": {"USDE": 1}}, "at least a millionth"),
        ({"redeems": {"USDE": ("", 1)}, "delays_ns": {"USDE": 0}}, "take at least a nanosecond"),
        ({"redeems": {"USDE": ("", 1)}}, "must have each asset of redeems"),
        ({"share_bps": 10_001}, "share_bps must lie between"),
        ({"target_bps": 9_999}, "target_bps be at least 10000"),
    ],
)
def test_what_is_no_rule_is_refused(stated: dict[str, object], told: str) -> None:
    """In a line that says what it must be."""
    with pytest.raises(msgspec.ValidationError, match=told):
        msgspec.convert(stated, RedemptionsParameters)

"""What `why` says of collateral comes out, worked out from the page's own text, of every kind of event about it."""

from __future__ import annotations

import json
import re
from collections import Counter
from decimal import ROUND_DOWN, Decimal
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

from deleverage import fork, open_run
from deleverage.events.bodies.collateral import CollateralSold, ConversionPriced, InterestCharged
from deleverage.events.bodies.liquidation import BankruptcyDeclared, LiquidationEnded, LiquidationStarted
from deleverage.events.bodies.margin import CollateralAdded, MarginCalled, MarginCallMet
from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.replay.fork.changes import Changes
from deleverage.replay.why.explain import explain

from .support.collateral_runs import DEPEG, ran
from .support.command_line import call

F = r"(-?[\d,]+(?:\.\d+)?)"
COIN = rf"{F} USDE of collateral at {F}, (?:.*?), were worth {F} USDT; (of that {F}% counts|[^:]*): {F} USDT\."
PART = rf"{F}% of {F} USDE"
MARGIN = rf": balance {F} USDT, equity {F} USDT, of which {F} USDT counts after a haircut of {F} USDT"
POSITION = rf"^  BTC-PERP +{F} +{F} +{F} +{F}$"
CALLED = rf"its equity of {F} USDT, after a haircut of {F} USDT on its collateral, was (?:under|back at)"
MOVED = (
    rf"The price at which USDE is converted (fell|rose|went) from {F} \(event \d+\) to {F} \(event \d+\), which on the "
    rf"{F} USDE that it held at first (cost|brought) it {F} USDT\. (.*?)"
    rf"All else, .*?, (cost|brought) it {F} USDT up to this decision\."
)
SOLD_ON_THE_WAY = (
    rf"{F} USDE of its collateral were sold (?:in \d+ sales )?for {F} USDT \(events? \d+(?: to \d+)?\), while the "
    rf"price at which it is converted made that {F} USDT: that (cost|brought) it {F} USDT\."
)
EQUITIES = (
    rf"It had an equity of {F} USDT at event \d+, .*?, and an equity of {F} USDT at event \d+, the last mark before "
    rf"this was decided\.(?: What was forced of it after that mark left it with an equity of {F} USDT)?"
)
DEBT = rf"was charged {F} USDT of interest, {F}% of {F} USDT\. It owed {F} USDT, of which {F} USDT is free"
SOLD = rf"{F} USDE of the collateral of \S+ were sold in the market of USDE-USDT at {F}, .* That brought {F} USDT"


def number(text: str) -> Decimal:
    """A figure as it is printed."""
    return Decimal(text.replace(",", ""))


def signed(word: str, text: str) -> Decimal:
    """What it brought, negative for what it cost."""
    return number(text) if word == "brought" else -number(text)


def atoms(worth: Decimal) -> Decimal:
    """Rounded down to an atom of USDT."""
    return worth.quantize(Decimal("0.000001"), ROUND_DOWN)


def page(path: Path, seq: int) -> str:
    """What `why` prints, each paragraph in a line."""
    return call("why", path, str(seq), COLUMNS="4000").stdout


@cache
def asked(kind: type, most: int = 12) -> tuple[tuple[Path, int], ...]:
    """Events of a type about an account settled in USDT, and those of a fork with redemption and tiers reached into."""
    found = []
    for path in (ran(DEPEG)[1], redeemed()):
        run = open_run(path)
        ledger = run.at()
        seqs = [event.seq for event in run.events() if isinstance(event.body, kind) and _in_usdt(event.body, ledger)]
        found += [(path, seq) for seq in seqs[:most]]
    return tuple(found)


def _in_usdt(body: object, ledger: object) -> bool:
    account = getattr(body, "account", None)
    return account is None or ledger.accounts[account].asset == 0  # type: ignore[attr-defined]


@cache
def redeemed() -> Path:
    """The run as another oracle would have had it, with ratios that few amounts lie under."""
    path = Path(mkdtemp(prefix="deleverage-collateral-")) / "redeemed.run"
    settings = (
        "oracle.policy=redemption",
        'oracle.redeems={USDE=["", 1_000_000]}',
        "oracle.own_weight_bps=3000",
        "collateral.ratios_ppm.USDE=[[0, 950_000], [100, 900_000], [1_000, 500_000]]",
    )
    run = open_run(ran(DEPEG)[1])
    fork(run, run.last_seq("+30s"), Changes(settings), path)
    return path


def check_coins(text: str) -> int:
    """Amount x price is the worth, and the parts of it are what counts; how many were told."""
    found = list(re.finditer(COIN, text))
    for one in found:
        amount, price, worth, counted = (number(one[place]) for place in (1, 2, 3, 6))
        parts = [(number(a), number(b)) for a, b in re.findall(PART, one[4])]
        parts = parts or [(number(one[5]), amount)]
        assert atoms(amount * price) == worth
        assert sum(part for _, part in parts) == amount
        assert atoms(sum(ratio * part for ratio, part in parts) * price / 100) == counted
    return len(found)


@pytest.mark.parametrize("kind", [MarginCalled, MarginCallMet, LiquidationStarted, CollateralAdded, CollateralSold])
def test_the_margin_of_who_holds_collateral_comes_out(kind: type) -> None:
    """Balance, profit and worth make the equity; less the haircut it is what was compared, the same as recorded."""
    seen = Counter[str]()
    for path, seq in asked(kind):
        text = page(path, seq)
        seen["coins"] += check_coins(text)
        margin = re.search(MARGIN, text)
        if margin is None:
            continue
        balance, equity, counted, haircut = (number(part) for part in margin.groups())
        told = text[margin.end() :].split("What its figures rest on")[0]
        coins = list(re.finditer(COIN, told))
        profit = sum(number(one[4]) for one in re.finditer(POSITION, told, re.MULTILINE))
        assert balance + profit + sum(number(one[3]) for one in coins) == equity
        assert sum(number(one[3]) - number(one[6]) for one in coins) == haircut
        assert equity - haircut == counted
        seen["margins"] += 1
        compared = re.search(CALLED, text)
        if compared is not None:
            assert (number(compared[1]), number(compared[2])) == (counted, haircut)
            seen["compared"] += 1
        assert "DIFFER" not in text
        assert "NOT what" not in text
    assert seen["margins"] >= 4
    assert seen["coins"] >= seen["margins"]
    assert seen["compared"] or kind in (CollateralAdded, CollateralSold)


def test_whose_price_it_was_is_said() -> None:
    """That of its own market, or that of the policy with its own market beside it."""
    for path, seq in asked(LiquidationStarted):
        text = page(path, seq)
        whose = (
            "the price of its own market" if path != redeemed() else "the price that redemption sets, its own market"
        )
        assert "of collateral at" not in text or whose in text


def test_every_account_of_an_event_agrees_with_the_record() -> None:
    """Whatever the event recorded of the equity: all that there was, or what of it counts."""
    for kind in (MarginCalled, MarginCallMet, LiquidationStarted, LiquidationEnded, BankruptcyDeclared):
        for path, seq in asked(kind, 40):
            evidence = explain(open_run(path), seq).event.evidence
            assert evidence is None or evidence.compared is None or evidence.compared.agrees, (kind, seq)


def test_what_the_fall_of_a_coin_cost_stands_beside_what_all_else_did() -> None:
    """Price, sales and all else sum to the change of the equity; the first is amount x move of the price."""
    seen = sales = 0
    for path, seq in asked(PositionDeleveraged, 40):
        text = page(path, seq)
        moved, ends = re.search(MOVED, text), re.search(EQUITIES, text)
        if moved is None:
            continue
        assert ends is not None
        coin, other = signed(moved[5], moved[6]), signed(moved[8], moved[9])
        sold = [signed(one[4], one[5]) for one in re.finditer(SOLD_ON_THE_WAY, moved[7])]
        assert [number(one[2]) - number(one[3]) for one in re.finditer(SOLD_ON_THE_WAY, moved[7])] == sold
        assert bool(sold) is bool(moved[7].strip())
        assert coin + sum(sold) + other == number(ends[3] or ends[2]) - number(ends[1])
        sales += len(sold)
        begun, ended, held = (number(moved[place]) for place in (2, 3, 4))
        assert (ended < begun) is (moved[1] == "fell")
        assert abs(held * (ended - begun) - coin) <= Decimal("0.0001")
        seen += 1
    assert seen >= 3
    assert sales >= 1


def test_a_sale_and_interest_come_out() -> None:
    """Amount x price is what a sale brought; the rate of what is not free is the interest."""
    for path, seq in asked(CollateralSold):
        one = re.search(SOLD, page(path, seq))
        assert one is not None
        assert atoms(number(one[1]) * number(one[2])) == number(one[3])
    for path, seq in asked(InterestCharged):
        one = re.search(DEBT, page(path, seq))
        assert one is not None
        charged, rate, debt, owed, free = (number(part) for part in one.groups())
        assert atoms(debt * rate / 100) == charged
        assert owed - free == debt


def test_a_price_says_where_it_is_from() -> None:
    """The mark of its own market, or what redemption makes of it; and how it moved."""
    for path, seq in asked(ConversionPriced, 400)[-3:] + asked(ConversionPriced, 400)[:3]:
        text = page(path, seq)
        assert re.search(rf"was converted at {F}(, [+-][\d.]+% from the {F} before)?\.", text)
        own = "That is the mark of its own market"
        assert own in text or re.search(rf"The mark of its own market was {F}; redemption sets another price", text)


def test_the_grounds_name_price_rating_and_amount() -> None:
    """Each by the event that set it last, and the price rests on the mark of the coin's market."""
    (path, seq), *_ = asked(MarginCalled)
    found = {ground.sets: ground for ground in explain(open_run(path), seq).grounds}
    account = explain(open_run(path), seq).event.evidence
    assert account is not None
    named = {sets for sets in found if "USDE" in sets}
    priced = next(ground for sets, ground in found.items() if sets == "the price at which USDE is converted")
    assert named >= {"the price at which USDE is converted", "how much of USDE counts", f"the USDE of {account.name}"}
    assert [one.step.type for one in priced.rests_on][:1] == ["MarkPriced"]


def test_json_has_value_unit_and_atoms() -> None:
    """Of each coin, and of what counts."""
    (path, seq), *_ = asked(MarginCalled)
    evidence = json.loads(call("why", path, str(seq), "--json").stdout)["event"]["evidence"]
    (coin,) = evidence["coins"]
    assert coin["amount"]["unit"] == "USDE"
    assert coin["worth"]["unit"] == evidence["counted"]["unit"] == "USDT"
    assert evidence["equity"]["atoms"] - evidence["haircut"]["atoms"] == evidence["counted"]["atoms"]
    assert Decimal(coin["amount"]["value"]) * 10**6 == coin["amount"]["atoms"]

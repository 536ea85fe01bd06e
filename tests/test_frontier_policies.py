"""Learning, delay with bail-in, insurance against being deleveraged, and vaults in tranches: what each does to whom."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import log
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deleverage.events.bodies.auctions import VaultDeposited, VaultShared
from deleverage.events.bodies.inputs import PriceTicked
from deleverage.events.bodies.sharing import AdlCompensated, AdlPremiumPaid, BailInCharged, BatchSettled
from deleverage.events.bodies.venue import TimerFired
from deleverage.events.bodies.waterfall import PositionDeleveraged, ShortfallDeclared
from deleverage.events.ledger import Ledger
from deleverage.handlers.adl_engine import AdlEngine
from deleverage.handlers.adl_engines.delayed import DelayedParameters
from deleverage.handlers.adl_engines.insured import InsuredParameters
from deleverage.handlers.policies.adl.choices import ADL_CHOICES
from deleverage.handlers.policies.adl.online_learning import (
    LIBRARY,
    ONE,
    OnlineLearningParameters,
    losses_after,
    weights_of,
)
from deleverage.handlers.policies.fund.tranched_vault import TranchedVaultParameters, tranche_parts
from deleverage.handlers.valuation import margin_of

from .support.command_line import call
from .support.crash import SMALL_CRASH, recorded
from .support.venue import FUND, Book

SHORT = "prices.duration_ns=35m"
TRANCHES = (
    'actors=[{name="junior",balance=9_000,accounts=2},{name="senior",balance=9_000,accounts=1}]',
    "insurance_fund.policy=tranched-vault",
    "insurance_fund.share_interval_ns=60s",
    "insurance_fund.balance=2_000",
)


def engine_of(name: str, **parameters: Any) -> AdlEngine:
    """The engine of a policy with these parameters."""
    choice = ADL_CHOICES[name]
    made: Any = choice.make(choice.parameters(**parameters))
    return made  # type: ignore[no-any-return]


def staged(*winners: tuple[int, int, int]) -> tuple[Book, int]:
    """Shorts of (balance, lots, entry), and a long of 10 from 1000 with 40 that is bankrupt at 900: it owes 960."""
    book = Book()
    for balance, lots, entry in winners:
        book.user(balance, (0, -lots, entry))
    user = book.user(40, (0, 10, 1_000))
    book.mark(900)
    book.bankrupt(user)
    return book, user


def told(engine: AdlEngine, book: Book, body: Any) -> list[Any]:
    """What the engine makes of an event; it is folded too."""
    event = book.put(body)
    return [one.body for one in book.take(engine.handle(event, book.ledger, book.now_ns))]


LOSS_ROUNDS = st.lists(
    st.lists(st.integers(0, 1_000), min_size=len(LIBRARY), max_size=len(LIBRARY)), min_size=1, max_size=60
)


@given(LOSS_ROUNDS, st.sampled_from([100_000, 500_000, 2_000_000]))
def test_the_mix_s_regret_is_bounded_whatever_the_losses(rounds: list[list[int]], eta_ppm: int) -> None:
    """Sum of the mix's losses - that of the best rule <= ln(rules) / eta + eta x rounds / 8, by the noted sums."""
    noted: Sequence[int] = ()
    for billionths in rounds:
        weights = weights_of(noted, len(LIBRARY), eta_ppm)
        losses = [loss * ONE for loss in billionths]
        mixed = sum(w * loss for w, loss in zip(weights, losses, strict=True)) // sum(weights)
        noted = losses_after(noted, [mixed, *losses])
    if noted:
        eta = eta_ppm / 10**6
        slack = 1e-6 * len(rounds)
        assert (noted[0] - min(noted[1:])) / ONE <= log(len(LIBRARY)) / eta + eta * len(rounds) / 8 + slack


def test_a_rule_that_does_worse_loses_weight() -> None:
    """Alike at first; after a loss of one, e^-eta of the weight is left."""
    assert weights_of((), 2, 500_000) == [ONE, ONE]
    assert weights_of((0, 0, ONE), 2, 500_000) == [ONE, 606_530_660]
    with pytest.raises(ValueError, match="eta_ppm must lie in"):
        OnlineLearningParameters(0)


def test_half_of_the_loss_is_bailed_in_and_the_rest_closed_later() -> None:
    """480 of 960 by profits of 3,000 and 1,000, at once; the position thirty seconds later, at a better price."""
    book, user = staged((50_000, 10, 1_200), (50_000, 10, 1_000))
    engine = engine_of("delayed")
    engine.prime(book.ledger, ())
    number = book.account(user).liquidation_id
    *bailed, timer = told(engine, book, ShortfallDeclared(number, user, "bankruptcy", 1, 0))
    assert bailed == [BailInCharged(1, user, 4, 960, 360), BailInCharged(1, user, 5, 960, 120)]
    assert book.account(user).positions
    seq, book.now_ns = book.ledger.seq - 1, timer.due_ns
    assert book.now_ns == 30 * 10**9
    products = told(engine, book, TimerFired(seq, timer.purpose, timer.account, None, timer.liquidation_id))
    (taken,) = [body for body in products if isinstance(body, PositionDeleveraged)]
    assert (taken.account, taken.value_atoms) == (4, 9_000 + 480)
    assert book.account(user).balance_atoms == 0
    with pytest.raises(ValueError, match="bail_in_bps lie in"):
        DelayedParameters(bail_in_bps=10_001)


@pytest.mark.parametrize(("cover", "first", "paid"), [("last", 5, 0), ("compensated", 4, 100)])
def test_the_insured_are_last_or_compensated(cover: str, first: int, paid: int) -> None:
    """Account 4 stands first by profit and leverage, and pays a premium; 5 does not want any."""
    book, user = staged((3_000, 10, 1_200), (50_000, 10, 1_000))
    book.put(AdlPremiumPaid(4, FUND, 100, 10**9))
    engine = engine_of("insured", cover=cover)
    engine.prime(book.ledger, ())
    number = book.account(user).liquidation_id
    products = told(engine, book, ShortfallDeclared(number, user, "bankruptcy", 1, 0))
    assert [body.account for body in products if isinstance(body, PositionDeleveraged)] == [first]
    payouts = [body for body in products if isinstance(body, AdlCompensated)]
    assert payouts == ([AdlCompensated(1, 4, FUND, 960, paid)] if paid else [])
    book.ledger.check()


def test_who_wants_to_be_insured_pays_a_part_of_its_notional() -> None:
    """Everybody: 20 millionths of 9,000,000 are 180, once for an interval; not who would be under its requirement."""
    book = Book()
    rich = book.user(10**7, (0, 10_000, 1_000))
    book.user(1_000_100, (0, 10_000, 1_000))
    book.mark(900)
    engine = engine_of("insured", insured_bps=10_000)
    said = told(engine, book, PriceTicked(((0, 900),)))
    premiums = [body for body in said if isinstance(body, AdlPremiumPaid)]
    assert premiums == [AdlPremiumPaid(rich, FUND, 180, 60 * 10**9)]
    assert told(engine, book, PriceTicked(((0, 900),))) == []
    with pytest.raises(ValueError, match="insured_bps must lie in"):
        InsuredParameters(10_001)


CLAIMS = st.lists(st.integers(0, 1_000), min_size=5, max_size=5)


@given(CLAIMS, st.integers(-6_000, 6_000))
def test_tranches_bear_a_loss_in_their_order(claims: list[int], gained: int) -> None:
    """The parts sum to the result; nobody loses while a tranche before has anything left; weights share gains."""
    held, tranches = dict(enumerate(claims)), [[1, 2], [3, 4]]
    parts = tranche_parts(gained, held, 0, tranches, (3, 1))
    after = {account: claim + parts.get(account, 0) for account, claim in held.items()}
    assert sum(parts.values()) == gained
    left = -gained
    for tranche in ([0], *tranches):
        had = sum(held[account] for account in tranche)
        if gained < 0:
            due = min(left, had) if tranche != [0] else min(left, had) + max(0, left - sum(claims))
            assert had - sum(after[account] for account in tranche) == due
            left -= min(left, had)
    weights = {account: held[account] * (1 if account in (3, 4) else 3) for account in held}
    if gained > 0 and sum(weights.values()):
        for account, weight in weights.items():
            assert abs(parts[account] - Fraction(gained * weight, sum(weights.values()))) < 1


def test_a_vault_in_tranches_through_a_crash() -> None:
    """Providers pay in by name, results are shared with the laws of the ledger kept, claims sum to what it is worth."""
    events = recorded(SHORT, *TRANCHES)
    deposits = [event.body for event in events if isinstance(event.body, VaultDeposited)]
    ledger = Ledger()
    losses: dict[int, int] = {}
    for event in events:
        ledger.fold(event)
        if isinstance(event.body, VaultShared):
            number = event.body.account
            losses[number] = losses.get(number, 0) + min(0, event.body.part_atoms)
    ledger.check()
    assert [ledger.name(body.account) for body in deposits] == ["junior-1", "junior-2", "senior-1"]
    fund = deposits[0].fund
    assert losses[fund] < 0
    shared = next(event for event in reversed(events) if isinstance(event.body, VaultShared))
    then = Ledger.of(events[: shared.seq + 1])
    last = [event for event in events if isinstance(event.body, VaultShared) and event.cause == shared.cause]
    assert (
        sum(then.vaults[fund].values())
        == margin_of(then.accounts[fund], then).equity_atoms
        == sum(event.body.claim_atoms for event in last)
    )
    with pytest.raises(ValueError, match="groups and fee_weights"):
        TranchedVaultParameters(fee_weights=(1,))


@pytest.mark.parametrize(
    ("settings_of", "kind"),
    [
        (("adl.policy=uniform-price",), BatchSettled),
        (("adl.policy=delayed",), BailInCharged),
        (("adl.policy=insured", "adl.cover=compensated", "adl.insured_bps=9_000"), AdlPremiumPaid),
        (("adl.policy=insured", "adl.cover=compensated", "adl.insured_bps=9_000"), AdlCompensated),
    ],
)
def test_why_answers_for_what_is_new(settings_of: tuple[str, ...], kind: type[Any], tmp_path: Path) -> None:
    """The first event of the type says what it was, and what it rests on."""
    path = tmp_path / "it.run"
    overrides = [part for one in (SHORT, *settings_of) for part in ("--set", one)]
    assert call("run", SMALL_CRASH, *overrides, "-o", path).exit_code == 0
    seq = next(event.seq for event in recorded(SHORT, *settings_of) if isinstance(event.body, kind))
    answer = call("why", path, str(seq))
    assert answer.exit_code == 0
    assert kind.__name__ in answer.stdout
    assert "What its figures rest on" in answer.stdout

"""What Drift's vault pays for one market: figures worked out by hand from drift-labs/protocol-v2@0ae3e3b.

controller/liquidation.rs, resolve_perp_bankruptcy: if_payment = min(loss, vault - 1, quote_max_insurance -
quote_settled_insurance), which quote_settled_insurance is then raised by; the rest is socialised.
instructions/admin.rs: quote_max_insurance is at most 100,000,000 in tier A, 1,000,000 in B, 100,000 in C, else nothing.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.inputs import BalanceStated
from deleverage.events.bodies.liquidation import BankruptcyDeclared, LiquidationOrdered, OrdersCancelled
from deleverage.events.bodies.waterfall import InsuranceFundDebited, LossSocialized, ShortfallDeclared
from deleverage.events.vocabulary import Body
from deleverage.handlers.insurance_fund import Payment
from deleverage.handlers.policies.fund.insurance_fee import InsuranceFee, InsuranceFeeParameters
from deleverage.handlers.policies.socialization.open_interest import OpenInterest
from deleverage.handlers.protocol import NoParameters
from deleverage.sim.scenario import Scenario

from .support.funded import Funded
from .support.made import made
from .support.venue import FUND, Book, bodies, listed


def vault(atoms: int, cap_atoms: int, payment: Payment = "partial") -> Funded:
    """A vault that keeps an atom, behind two markets with a cap each."""
    book = Book(listed(0), listed(1), fund_atoms=atoms)
    book.mark(1000, 1000)
    rules = InsuranceFeeParameters(floor_atoms=1, market_payment_max_atoms=cap_atoms, payment=payment)
    return Funded(book, InsuranceFee(rules))


def owing(funded: Funded, loss_atoms: int, market: int = 0) -> list[Body]:
    """What the vault says of an account that was closed in this market and owes so much."""
    book = funded.book
    user = book.user(-loss_atoms)
    number, order = book.liquidate(user), book.ledger.orders + 1
    funded.put(
        made(
            LiquidationOrdered,
            liquidation_id=number,
            order_id=order,
            account=user,
            instrument=market,
            size_lots=-1,
            step=1,
            whole=True,
        )
    )
    funded.put(OrdersCancelled(number, user, order, 1, "test"))
    return funded.asked(funded.put(BankruptcyDeclared(number, user, -loss_atoms, 0, "test")))


def paid(said: list[Body]) -> int:
    """What of a loss the vault paid."""
    return sum(body.amount_atoms for body in said if isinstance(body, InsuranceFundDebited))


def lacking(said: list[Body]) -> int:
    """What of it is left for others."""
    return sum(body.needed_atoms for body in said if isinstance(body, ShortfallDeclared))


@pytest.mark.parametrize(("stated", "expected"), [("", 100_000_000), ("1_000_000", 1_000_000), ("0", 0)])
def test_the_rulebook_has_the_cap_of_the_safest_tier(stated: str, expected: int) -> None:
    """100,000,000 of the asset for each market, or what a scenario states, as a run records it."""
    settings_of_one = [f"insurance_fund.market_payment_max={stated}"] if stated else []
    scenario = Scenario.load("calm", ["venue=drift", *settings_of_one])
    (fund,) = [one for one in scenario.producers if one.handler == "insurance_fund"]
    assert fund.parameters["market_payment_max_atoms"] == expected * 10**6


def test_a_market_uses_its_cap_up_over_several_bankruptcies() -> None:
    """Of 100 a market the first loss gets 60, the second 40 and the third nothing; the other market has its own 100."""
    funded = vault(1_000, 100)
    first = [owing(funded, 60) for _ in range(3)]
    assert [(paid(said), lacking(said)) for said in first] == [(60, 0), (40, 20), (0, 60)]
    other = [owing(funded, 60, 1) for _ in range(2)]
    assert [(paid(said), lacking(said)) for said in other] == [(60, 0), (40, 20)]
    assert [body.cash_atoms for said in first + other for body in said if isinstance(body, ShortfallDeclared)] == [
        0
    ] * 3
    assert funded.book.account(FUND).balance_atoms == 800


@pytest.mark.parametrize(
    ("vault_atoms", "cap_atoms", "expected"),
    [(101, 1_000, 100), (100, 1_000, 99), (1_000, 99, 99), (1_000, 0, 0), (1, 1_000, 0)],
    ids=["the loss", "the vault less an atom", "the cap", "a speculative market", "an atom is no money"],
)
def test_the_least_of_loss_vault_and_cap(vault_atoms: int, cap_atoms: int, expected: int) -> None:
    """A loss of 100."""
    said = owing(vault(vault_atoms, cap_atoms), 100)
    assert (paid(said), lacking(said)) == (expected, 100 - expected)


def test_what_is_beyond_the_cap_is_socialised() -> None:
    """The 20 that are left of the second loss: 2 a unit over 5 long and 5 short, 10 from each."""
    funded = vault(1_000, 100)
    book = funded.book
    long, short = book.user(10_000, (0, 5, 1000)), book.user(10_000, (0, -5, 1000))
    owing(funded, 60), owing(funded, 60)
    (event,) = [event for event in book.events if isinstance(event.body, ShortfallDeclared)]
    said = bodies(OpenInterest(NoParameters()).handle(event, book.ledger, 0))
    debtor = len(book.ledger.accounts) - 1
    assert said == [LossSocialized(2, debtor, long, 10), LossSocialized(2, debtor, short, 10)]


def test_a_vault_that_pays_in_full_or_not_at_all_pays_no_part_of_a_loss() -> None:
    """With `payment = "whole"` a debt over what is left of the cap is not paid, and a lesser one is."""
    funded = vault(1_000, 100, "whole")
    assert [paid(owing(funded, loss)) for loss in (60, 41, 40, 1)] == [60, 0, 40, 0]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 200), st.integers(0, 1)), max_size=12), st.integers(0, 300))
def test_no_market_is_ever_paid_more_than_its_cap(losses: list[tuple[int, int]], cap_atoms: int) -> None:
    """Against a sum kept by hand, whatever the order; a handler made anew goes on from what the ledger has."""
    funded, settled = vault(500, cap_atoms), [0, 0]
    for loss_atoms, market in losses:
        money_atoms = funded.book.account(FUND).balance_atoms - 1
        due = min(loss_atoms, money_atoms, cap_atoms - settled[market])
        settled[market] += due
        rules = InsuranceFeeParameters(floor_atoms=1, market_payment_max_atoms=cap_atoms)
        assert paid(owing(Funded(funded.book, InsuranceFee(rules)), loss_atoms, market)) == due


def test_what_the_vault_is_given_does_not_raise_the_cap() -> None:
    """Money that comes in is there for the other market."""
    funded = vault(101, 100)
    assert paid(owing(funded, 100)) == 100
    funded.put(BalanceStated(FUND, 1_000))
    assert [paid(owing(funded, 100)), paid(owing(funded, 100, 1))] == [0, 100]

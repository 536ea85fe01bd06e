"""Auto-deleveraging of options: as of any instrument, or of nobody where the venue exempts them."""

from __future__ import annotations

from pathlib import Path

import pytest

from deleverage import Scenario, open_run, run
from deleverage.events.bodies.waterfall import DeleveragingStarted, LossSocialized, PositionDeleveraged
from deleverage.events.envelope import Event
from deleverage.events.ledger import Ledger
from deleverage.handlers.options.parameters import VENUES
from deleverage.replay.verify.verification import verify
from deleverage.replay.why.explain import explain

from .support.crash import checked

BROKE = (
    "venue=bybit",
    "liquidation={}",
    "population.accounts=20",
    "prices.interval_ns=10s",
    "option_holders[0].margin=[0.9, 1.2]",
    'option_holders[0].books={"short put" = 2, "long put" = 2}',
    "options[0].depth=[]",
    "insurance_fund={balance=0}",
)
"""Nobody quotes options and the fund has nothing: what writers lose in a fall is left for whoever stands behind it."""

DELEVERAGED = "option_rules.deleverages=true"


def _deleveraged(events: tuple[Event, ...], ledger: Ledger) -> tuple[list[DeleveragingStarted], int]:
    """The rounds over options, and how many reductions of options there are."""
    rounds = [one.body for one in events if isinstance(one.body, DeleveragingStarted)]
    taken = [one.body for one in events if isinstance(one.body, PositionDeleveraged)]
    options = ledger.options
    return [one for one in rounds if one.instrument in options], sum(one.instrument in options for one in taken)


def test_options_are_deleveraged_unless_they_are_exempt() -> None:
    """The rounds are there either way; where they are exempt there are no candidates, and the loss is socialised."""
    rounds, taken = _deleveraged(*checked("options", *BROKE, DELEVERAGED))
    assert any(one.candidates for one in rounds)
    assert taken
    events, ledger = checked("options", *BROKE)
    rounds, taken = _deleveraged(events, ledger)
    assert rounds
    assert not any(one.candidates for one in rounds)
    assert not taken
    assert any(isinstance(one.body, LossSocialized) for one in events)


def test_an_exempt_round_is_verified_and_says_why_nobody_was_taken(tmp_path: Path) -> None:
    """Executed again, its ranking made again, and of another account the reason."""
    path = tmp_path / "exempt.run"
    run(Scenario.load("options", BROKE), path)
    assert verify(path).sound
    record = open_run(path)
    _, ledger = checked("options", *BROKE)
    rounds = (one for one in record.events() if isinstance(one.body, DeleveragingStarted))
    started = next(one for one in rounds if one.body.instrument in ledger.options)
    other = next(name for name, number in ledger.account_ids.items() if number != started.body.account)
    answer = explain(record, started.seq, against=other)
    assert answer.spared is not None
    assert answer.spared.reason == "exempt"
    assert "the venue exempts options" in answer.spared.text


@pytest.mark.parametrize(("venue", "deleverages"), [("deribit", False), ("bybit", False), ("okx", None)])
def test_the_rulebooks_declare_it(venue: str, deleverages: bool | None) -> None:
    """Deribit in words, Bybit by leaving them out; OKX names them among what it deleverages."""
    assert VENUES[venue].get("deleverages") is deleverages

"""A venue that deleverages nobody: there is no queue, and that is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from deleverage import Scenario, open_run, run
from deleverage.events.errors import QueryError
from deleverage.replay.rankings import policy_at
from deleverage.replay.state.queues import queues_of

from .support.command_line import call
from .support.crash import SMALL_CRASH


def test_nobody_is_ranked(tmp_path: Path) -> None:
    """With `socialized-loss` in the adl slot, places are null with the reason, and `state` answers all the same."""
    path = tmp_path / "a.run"
    run(Scenario.load(SMALL_CRASH, ["adl.policy=socialized-loss", "prices.duration_ns=2m", "prices.phases=[]"]), path)
    recorded = open_run(path)
    with pytest.raises(QueryError, match="adl:socialized-loss ranks nobody"):
        policy_at(recorded, recorded.count)
    ledger = recorded.at()
    trader = next(account for account in ledger.accounts if account.kind == "user" and account.positions)
    assert queues_of(recorded, ledger).place_of(trader, next(iter(trader.positions))) is None
    shown = call("state", path, "--account", ledger.name(trader.account))
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert "ranks nobody" in " ".join(shown.stdout.split())

"""What somebody writes who has installed the package: checked by mypy in strict mode (`.ci/run`), never executed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from deleverage import (
    Answer,
    Changes,
    Ledger,
    Run,
    RunResult,
    Scenario,
    __version__,
    diff,
    explain,
    fork,
    open_run,
    receipt_of,
    run,
    verify,
)
from deleverage.events.envelope import Event

__all__ = ["asked", "built", "listened"]


def built(folder: Path) -> RunResult:
    """A scenario in typed keywords, recorded at a path; by name and by text, too."""
    scenario = Scenario.build(
        name="mine",
        start=datetime(2025, 10, 10, 21, tzinfo=UTC),
        assets=[{"name": "USDT", "decimals": 6}],
        instruments=[
            {
                "name": "SOL-PERP",
                "asset": "USDT",
                "tick_size": Decimal("0.01"),
                "lot_size": 0.1,
                "tiers": [{"floor": 0, "rate": 0.02}],
            }
        ],
        prices={"source": "generator", "duration_ns": timedelta(minutes=40), "interval_ns": "5s", "volatility": 0.05},
        population={"source": "seeded", "accounts": 200},
        insurance_fund={"balance": 20_000},
        folder=folder,
    )
    Scenario.load(folder / "mine.toml", ["seed=2"])
    run("calm", str(folder / "calm.run"))
    return run(scenario, folder / "mine.run")


def asked(path: Path | str) -> str:
    """Names and times at the edge, and what comes back."""
    past: Run = open_run(path)
    ledger: Ledger = past.at("21:16")
    seqs = [event.seq for event in past.events(type=["MarginCalled"], account="trader-1", since=datetime.now(UTC))]
    answer: Answer = explain(past, seqs[0])
    befallen = explain(past, account="trader-1", against=7)
    first: Answer | None = befallen.answer
    child = fork(past, "21:16", ["adl.policy=queue"], Path("child.run"))
    fork(past, 77_241, Changes(("adl.policy=queue",)))
    gains = [one.gain_atoms for one in diff(past, open_run(past)).accounts]
    equity: tuple[Decimal, ...] = past.equity("trader-1", until="21:20").equity
    past.to_arrow("PositionDeleveraged", account="trader-1", since="21:16")
    balance: int = ledger.account("trader-1").balance_atoms
    sound: bool | None = verify(past).sound
    told = child.head, gains, equity, balance, sound, first, receipt_of(past, seqs[0]).head, __version__
    return f"{answer} {told}"


def listened(scenario: Scenario) -> list[int]:
    """A tap with the types that it is given."""
    found: list[int] = []

    def tap(event: Event, ledger: Ledger) -> None:
        found.append(event.seq + len(ledger.accounts))

    run(scenario, on_start=lambda simulation: simulation.bus.tap(tap))
    return found

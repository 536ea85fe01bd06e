"""The kit for the plug-ins of the rooms: whether one keeps the rules that every one must keep.

    can be         what it gives is taken, and the laws of the ledger hold after it
    deterministic  another process with another hash seed makes the same record
    made again     the record is verified with the plug-in's file at hand: from what a record keeps the same comes out

It needs no pytest: what is not kept is an AssertionError, a ScenarioError or a HandlerError that says what, and where.
The policies of slots have `deleverage.handlers.testing.check_policy`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..handlers.plugins.files import file_named
from ..handlers.plugins.rooms import INPUT_ROOMS
from ..sim.runner import run
from ..sim.scenario import Scenario
from .verify.verification import verify

__all__ = ["check_room"]

_HASH_SEED = "2"

_WORLD: Mapping[str, Any] = {
    "name": "room",
    "assets": [{"name": "USDT", "decimals": 6}],
    "instruments": [
        {"name": name, "asset": "USDT", "tick_size": "0.1", "lot_size": "0.001", "start_price": 100_000}
        | {"tiers": [{"floor": 0, "rate": "0.01"}]}
        for name in ("BTC-PERP", "ETH-PERP")
    ],
    "prices": {"source": "generator", "duration_ns": "2m", "interval_ns": "2s", "volatility": "0.3"},
    "depth": {"source": "profile", "bands": [[10, 30_000], [100, 240_000]]},
    "population": {"source": "seeded", "accounts": 20, "median_notional": 500, "max_notional": 5_000}
    | {"leverage": [[3, 1]]},
    "insurance_fund": {"balance": 1_000},
}
_LIVING: Mapping[str, Any] = {
    "impact": {"policy": "power-law", "depth": 150_000},
    "mark": {"policy": "book"},
    "makers": {"policy": "banded"},
    "orders": {"policy": "book"},
    "actors": [{"name": "maker", "accounts": 2, "balance": 60_000}, {"name": "actor", "balance": 10_000}],
}
"""What a market that makes its own price has besides; depth is its makers'."""


def check_room(plugin: str, room: str, *, seconds: int = 60, **parameters: Any) -> None:
    """Run a plug-in (`file.py:Class`, `package.module:Class` or its name) in its room of a small world.

    Raises AssertionError for the first rule that it does not keep, ScenarioError where it cannot be built, HandlerError
    where it raises or gives what cannot be.
    """
    path, named = file_named(plugin), plugin
    if path is not None:
        named = f"{Path(path).resolve()}:{plugin.rpartition(':')[2]}"
    tree = _world(named, room, parameters)
    with TemporaryDirectory() as folder:
        record = Path(folder) / "room.run"
        head = run(Scenario(tree), record).head
        elsewhere = _head_elsewhere(tree, seconds)
        assert head == elsewhere, f"{plugin} is not deterministic: another process made another record"
        found = verify(record, plugins=() if path is None else Path(path).resolve().parent)
        assert path is None or found.sound, f"{plugin}: {found.fault.text if found.fault else found.refused}"


def _world(plugin: str, room: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    if room in INPUT_ROOMS:
        return {**_WORLD, room: {"source": plugin, **parameters}}
    return {**{key: table for key, table in _WORLD.items() if key != "depth"}, **_LIVING} | {
        room: {"policy": plugin, **parameters}
    }


_ELSEWHERE = """
import json, sys
from deleverage import Scenario, run
print(run(Scenario(json.load(sys.stdin))).head)
"""


def _head_elsewhere(tree: Mapping[str, Any], seconds: int) -> str:
    """The head of the same world in another process with another hash seed. Raises AssertionError without one."""
    try:
        done = subprocess.run(  # noqa: S603 - the interpreter that runs here, and the lines above
            [sys.executable, "-c", _ELSEWHERE],
            input=json.dumps(tree),
            env={**os.environ, "PYTHONHASHSEED": _HASH_SEED},
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        message = f"it does not end within {seconds} s"
        raise AssertionError(message) from None
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()

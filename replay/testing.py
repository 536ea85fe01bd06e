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
from ..sim.rooms import own_named
from ..sim.runner import run
from ..sim.scenario import Scenario
from .export.export import export
from .importers.importing import run_import
from .importers.own import OwnImporter
from .run import open_run
from .verify.verification import verify

__all__ = ["check_exporter", "check_importer", "check_room"]

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
    path = file_named(plugin)
    tree = _world(_from_anywhere(plugin), room, parameters)
    with TemporaryDirectory() as folder:
        record = Path(folder) / "room.run"
        head = run(Scenario(tree), record).head
        elsewhere = _elsewhere(_RUN, tree, seconds)
        assert head == elsewhere, f"{plugin} is not deterministic: another process made another record"
        found = verify(record, plugins=() if path is None else Path(path).resolve().parent)
        assert path is None or found.sound, f"{plugin}: {found.fault.text if found.fault else found.refused}"


def check_importer(plugin: str, *files: str | Path, seconds: int = 60, **parameters: Any) -> None:
    """Import files with a plug-in, here and in another process, without leaving a line out.

    Raises AssertionError for the first rule that it does not keep, ScenarioError for what a file's line is to blame
    for, HandlerError where the plug-in raises or gives what cannot be.
    """
    named, paths = _from_anywhere(plugin), [str(Path(file).resolve()) for file in files]
    with TemporaryDirectory() as folder:
        record = Path(folder) / "room.run"
        head = run_import(OwnImporter(own_named("importer", named, parameters), paths), record).head
        elsewhere = _elsewhere(_IMPORT, [named, paths, parameters], seconds)
        assert head == elsewhere, f"{plugin} is not deterministic: another process made another record"
        found = verify(record)
        assert found.fault is None, f"{plugin}: {found.fault.text}"


def check_exporter(plugin: str, *, seconds: int = 60, **parameters: Any) -> None:
    """Write the record of a small world with a plug-in, here and in another process.

    Raises AssertionError where other bytes come of it, ScenarioError where it cannot be built, HandlerError where it
    raises or gives what cannot be.
    """
    named = _from_anywhere(plugin)
    with TemporaryDirectory() as folder:
        record, here, there = (Path(folder) / name for name in ("room.run", "here", "there"))
        run(Scenario(dict(_WORLD)), record)
        export(open_run(record), here, named, own=own_named("exporter", named, parameters))
        _elsewhere(_EXPORT, [named, str(record), str(there), parameters], seconds)
        names = [sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file()) for one in (here, there)]
        assert names[0] == names[1], f"{plugin} is not deterministic: another process wrote other files"
        for name in names[0]:
            same = (here / name).read_bytes() == (there / name).read_bytes()
            assert same, f"{plugin} is not deterministic: another process wrote {name} otherwise"


def _from_anywhere(plugin: str) -> str:
    """A plug-in as it is named from any folder."""
    path = file_named(plugin)
    return plugin if path is None else f"{Path(path).resolve()}:{plugin.rpartition(':')[2]}"


def _world(plugin: str, room: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    if room in INPUT_ROOMS:
        return {**_WORLD, room: {"source": plugin, **parameters}}
    return {**{key: table for key, table in _WORLD.items() if key != "depth"}, **_LIVING} | {
        room: {"policy": plugin, **parameters}
    }


_RUN = """
import json, sys
from deleverage import Scenario, run
print(run(Scenario(json.load(sys.stdin))).head)
"""

_IMPORT = """
import json, sys
from tempfile import TemporaryDirectory
from pathlib import Path
from deleverage.replay.importers.importing import run_import
from deleverage.replay.importers.own import OwnImporter
from deleverage.sim.rooms import own_named
named, paths, parameters = json.load(sys.stdin)
with TemporaryDirectory() as folder:
    print(run_import(OwnImporter(own_named("importer", named, parameters), paths), Path(folder) / "room.run").head)
"""


_EXPORT = """
import json, sys
from pathlib import Path
from deleverage import open_run
from deleverage.replay.export.export import export
from deleverage.sim.rooms import own_named
named, record, output, parameters = json.load(sys.stdin)
export(open_run(record), Path(output), named, own=own_named("exporter", named, parameters))
"""


def _elsewhere(program: str, told: Any, seconds: int) -> str:
    """What the same comes to in another process with another hash seed. Raises AssertionError without an answer."""
    try:
        done = subprocess.run(  # noqa: S603 - the interpreter that runs here, and the lines above
            [sys.executable, "-c", program],
            input=json.dumps(told),
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

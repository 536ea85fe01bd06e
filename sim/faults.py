"""The faults of a scenario (`[[faults]]`) and of a fork (`--fault`), checked and in whole numbers.

A fork's fault is written in one line, the kind first: `outage for=5m`, `gateway for=2m delay=500ms from=30s`. The keys
are those of a scenario's table, of which `_ns` may be left off.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from ..events.errors import ScenarioError
from ..events.venue_names import venue_of
from ..handlers.fault_plan import FAULT_KINDS, PlannedFailure, PlannedManipulation
from ..handlers.registry import Amounts
from .toml_tree import apply_override, with_durations

__all__ = ["FaultTargets", "check_oracle", "fault_named", "planned_fault", "planned_faults"]


class FaultTargets(NamedTuple):
    """What a fault can be of: the instruments by name, what each actor has in atoms, and how amounts are written."""

    instruments: Collection[str]
    capital_atoms: Mapping[str, int]
    amounts: Amounts


def planned_faults(tables: Sequence[Mapping[str, Any]], targets: FaultTargets, mark: str | None) -> dict[str, Any]:
    """A scenario's faults as the settings of the slot. Raises ScenarioError naming the key."""
    if not tables:
        return {}
    planned = [planned_fault(table, f"$.faults[{place}]", targets) for place, table in enumerate(tables)]
    for place, one in enumerate(planned):
        check_oracle(one, f"$.faults[{place}]", mark)
    return {"policy": "scheduled", "planned": planned}


def check_oracle(planned: Mapping[str, Any], where: str, mark: str | None) -> None:
    """Refuse a fault of the oracle where the policy of the marks looks at none. Raises ScenarioError."""
    if planned["kind"].startswith("oracle-") and mark == "book":
        message = (
            f'{where}: mark.policy = "book" looks at no oracle, so that {planned["kind"]} would change nothing; '
            'use mark.policy = "median", "smoothed" or "index"'
        )
        raise ScenarioError(message)


def planned_fault(table: Mapping[str, Any], where: str, targets: FaultTargets, since_seq: int = 0) -> dict[str, Any]:
    """One fault as it is recorded. Raises ScenarioError naming the key under `where`."""
    kind = table.get("kind")
    if kind not in FAULT_KINDS:
        message = f"{where}.kind: there is no fault {kind!r}; choose from {', '.join(FAULT_KINDS)}"
        raise ScenarioError(message)
    given = dict(table)
    if "since_seq" in given:
        message = f"{where}.since_seq: a fork sets it; say from_ns, counted from the start of the run"
        raise ScenarioError(message)
    if "budget_atoms" in given:
        message = f"{where}.budget_atoms: amounts are stated in the asset, not in atoms; write budget"
        raise ScenarioError(message)
    try:
        if "budget" in given:
            given["budget_atoms"] = targets.amounts.to_atoms(given.pop("budget"))
        planned = msgspec.convert({**given, "since_seq": since_seq}, FAULT_KINDS[kind])
    except ScenarioError as error:
        message = f"{where}.budget: {error}"
        raise ScenarioError(message) from None
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$")
        message = f"{where}{path.rstrip('`')}: {what}; a fault of kind {kind} has {', '.join(_keys(kind))}"
        raise ScenarioError(message) from None
    _check_targets(planned, where, targets)
    found: dict[str, Any] = msgspec.to_builtins(planned)
    return found


def _keys(kind: str) -> list[str]:
    """What may be said of a fault of a kind."""
    fields = FAULT_KINDS[kind].__struct_fields__
    return [name.removesuffix("_atoms") for name in fields if name != "since_seq"]


def _check_targets(planned: Any, where: str, targets: FaultTargets) -> None:
    name = getattr(planned, "instrument", None)
    if name is not None and name not in targets.instruments:
        message = f"{where}.instrument: there is no {name!r}; choose from {', '.join(targets.instruments)}"
        raise ScenarioError(message)
    if isinstance(planned, PlannedFailure):
        _check_venue(planned.venue, where, targets)
    if not isinstance(planned, PlannedManipulation):
        return
    if name is None and len(targets.instruments) > 1:
        message = f"{where}.instrument: say which one is manipulated: {', '.join(targets.instruments)}"
        raise ScenarioError(message)
    capital_atoms = targets.capital_atoms.get(planned.account)
    if capital_atoms is None:
        message = f"{where}.account: there is no actor {planned.account!r}; list it under [[actors]] with its balance"
        raise ScenarioError(message)
    if planned.budget_atoms > capital_atoms:
        has = targets.amounts.of_atoms(capital_atoms)
        message = f"{where}.budget: {planned.account} has {has:f}; a budget cannot be more than that"
        raise ScenarioError(message)


def _check_venue(venue: str, where: str, targets: FaultTargets) -> None:
    """Only one of several venues can fail: the others are what goes on."""
    venues = dict.fromkeys(filter(None, map(venue_of, targets.instruments)))
    if venue not in venues:
        choice = f"choose from {', '.join(venues)}" if venues else "the run has only one; plan an outage instead"
        message = f"{where}.venue: there is no venue {venue!r}; {choice}"
        raise ScenarioError(message)


def fault_named(text: str) -> dict[str, Any]:
    """A fork's fault, as one writes it in a line, as a scenario's table. Raises ScenarioError."""
    kind, *settings = text.split() or [""]
    if kind not in FAULT_KINDS:
        message = f"--fault {text!r}: there is no fault {kind!r}; choose from {', '.join(FAULT_KINDS)}"
        raise ScenarioError(message)
    fields, tree = FAULT_KINDS[kind].__struct_fields__, dict[str, Any]()
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not (key and equals and value):
            message = f"--fault {text!r}: {setting!r} is no setting; write it like 'outage for=5m'"
            raise ScenarioError(message)
        apply_override(tree, f"{key}_ns={value}" if f"{key}_ns" in fields else setting)
    table: dict[str, Any] = with_durations(tree, f"--fault {text!r}")
    return {"kind": kind, **table}

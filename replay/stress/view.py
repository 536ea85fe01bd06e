"""A stress as plain data: the document that `stress --json` prints and the study keeps. Its names are stable."""

from __future__ import annotations

from typing import Any

import msgspec

from ...sim.units import format_time_ns
from ..run import Run
from .history import shapes
from .stress import Critical, ShockOutcome, Sized, Stress

__all__ = ["stress_view"]

Document = dict[str, Any]


def stress_view(run: Run, found: Stress) -> Document:
    """The whole of it: amounts in atoms of `asset`, shocks by direction in its unit, distances in thousandths."""
    start, asked = found.asked.start, found.asked
    names = [one.name for one in start.directions]
    return {
        "run": str(run.path),
        "head": run.head,
        "after_seq": start.after_seq,
        "at": format_time_ns(run.event(start.after_seq).at_ns),
        "asset": run.directory.assets[0].name,
        "until": start.target,
        "met_at_rest": found.at_rest.met,
        "within_ns": start.steps * start.step_ns,
        "held_ns": start.held * start.step_ns,
        "directions": [{"name": one.name, "unit": one.unit, "most": one.most} for one in start.directions],
        "covariance": msgspec.to_builtins(asked.covariance),
        "resolution": asked.resolution,
        "rays": [_told(names, one) for one in found.rays],
        "mixtures": [_told(names, one) for one in found.mixtures],
        "found": None
        if found.found is None
        else {
            **_told(names, found.found.smallest),
            "account": None if found.found.account is None else _critical(found.found.account),
            "without": [_critical(one) for one in found.found.directions],
            "outcome": _outcome(run, found.found.outcome),
        },
        "history": [_outcome(run, one) for one in found.history],
        "sources": [msgspec.to_builtins(shape) for shape in shapes()],
        "concentration": [
            {"name": run.directory.account_name(one.account), **msgspec.to_builtins(one)} for one in found.concentration
        ],
        "volumes": {run.directory.instruments[number].name: msgspec.to_builtins(one) for number, one in asked.volumes},
        "executions": found.executions,
    }


def _told(names: list[str], told: Sized) -> Document:
    bracket = told.bracket
    return {
        "ray": bracket.ray.name,
        "weights": dict(zip(names, bracket.ray.weights, strict=True)),
        "spared_at": dict(zip(names, bracket.spares, strict=True)),
        "spared_distance": told.spares_distance,
        "not_spared_at": None if bracket.meets is None else dict(zip(names, bracket.meets, strict=True)),
        "not_spared_distance": told.meets_distance,
    }


def _critical(one: Critical) -> Document:
    return {"name": one.name, "lacked_atoms": one.lacked_atoms, "reading": msgspec.to_builtins(one.reading)}


def _outcome(run: Run, one: ShockOutcome) -> Document:
    covers = [
        {"names": [run.directory.account_name(number) for number in cover.accounts], **msgspec.to_builtins(cover)}
        for cover in one.covers
    ]
    return {"name": one.name, "reading": msgspec.to_builtins(one.reading), "covers": covers}

"""A difference as plain data: what `diff --json` prints. Its names are stable.

    a, b            run, head, scenario, seed, prices, status (complete, broken off or torn), events, start_ns, end_ns
    same            nothing differs; identical: both records are the same, byte for byte
    warnings        what must be known to read the figures, one line each
    shared_events   so many events at the beginning of both are the same, number for number
    forks           side, parent_head, at_seq, changes: the forks that only one run has
    rules           key, a, b: settings of who decides at the end, such as adl.policy
    events          same, changed, only_a, only_b; types: the same by type
    origins         count; by_slot: slot (null: inputs), origins, differing, following;
                    shown: the first and the largest, --top of them, in the order of time
    totals          by asset: asset, decimals, a, b (null where a run does not list it)
    accounts        those that ended or fared otherwise: name, kind, asset, a, b, equity_difference_atoms, gain_atoms

In `totals` a and b have liquidations, accounts_liquidated, accounts_bankrupt, rounds, reductions, accounts_deleveraged,
deleveraged_lots, deleveraged_value_atoms, equity_taken_atoms, fund_paid_in_atoms, fund_fees_atoms, fund_cash_atoms,
fund_equity_atoms, fund_used_atoms, socialised_loss_atoms, written_off_atoms, deficit_atoms, owed_atoms, margin_calls,
accounts_called, collateral_sold_atoms and interest_atoms. In `accounts` they have account (the number), balance_atoms,
equity_atoms, coins (what there is of other assets, by name), paid_in_atoms, coins_in_atoms, coins_sold_atoms, calls,
liquidations, bankruptcies, reductions, deleveraged_lots and equity_taken_atoms, and are null where a run does not have
the account.

1. Amounts are whole atoms of the asset, sizes lots by instrument, differences B less A; what is not known is null.
2. An origin has at_ns, slot, cause_a and cause_b (the numbers of the event that it answers), seq_a and seq_b (the first
   of its events that differ), how many of its events are changed, only_a and only_b, and how many differences are
   following; then of the first of its events cause_type, type, what, account, instrument, and changes (field, a, b).
3. `gain_atoms` is the equity difference less the difference of what was paid in: over all accounts it sums to zero.
4. `equity_taken_atoms` is the value at the mark of what an account was made to trade, less the value it was traded at:
   below zero the account gave up.
5. `fund_used_atoms` is what was paid into the fund, with its fees, less its equity at the end.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..run import Run
from .difference import AccountDifference, AssetDifference, Difference
from .ending import AccountEnd
from .shown import OriginShown, by_slot, shown

__all__ = ["difference_view"]

View = dict[str, Any]


def difference_view(difference: Difference, top: int) -> View:
    """Everything, with `top` origins in detail."""
    return {
        "a": _run_view(difference.a),
        "b": _run_view(difference.b),
        "same": difference.same,
        "identical": difference.identical,
        "warnings": difference.warnings,
        "shared_events": difference.shared_events,
        "forks": _forks_view(difference),
        "rules": [msgspec.structs.asdict(rule) for rule in difference.rules],
        "events": _events_view(difference),
        "origins": {
            "count": len(difference.origins),
            "by_slot": [msgspec.structs.asdict(one) for one in by_slot(difference.origins)],
            "shown": [_origin_view(one) for one in shown(difference, top)],
        },
        "totals": [_asset_view(one) for one in difference.assets],
        "accounts": [_account_view(one) for one in difference.accounts if one.differs],
    }


def _run_view(run: Run) -> View:
    started = run.started
    return {
        "run": str(run.path),
        "head": run.head,
        "scenario": started.scenario,
        "seed": started.seed,
        "prices": started.prices,
        "status": run.ending,
        "events": run.count,
        "start_ns": run.start_ns,
        "end_ns": run.end_ns,
    }


def _forks_view(difference: Difference) -> list[View]:
    return [
        {
            "side": side,
            "parent_head": body.parent_head.hex(),
            "at_seq": body.at_seq,
            "changes": [{"key": key, "value": value} for key, value in body.changes],
        }
        for side, body in difference.forks
    ]


def _events_view(difference: Difference) -> View:
    types = [msgspec.structs.asdict(counted) for counted in difference.types]
    whats = ("same", "changed", "only_a", "only_b")
    return {**{what: sum(counted[what] for counted in types) for what in whats}, "types": types}


def _origin_view(one: OriginShown) -> View:
    return {
        **msgspec.structs.asdict(one.origin),
        "cause_type": one.cause_type,
        "type": one.kind.__name__,
        "what": one.what,
        "account": one.account,
        "instrument": one.instrument,
        "changes": [{"field": field, "a": a, "b": b} for field, a, b, *_ in one.changes],
    }


def _asset_view(one: AssetDifference) -> View:
    totals = {
        side: None if found is None else msgspec.structs.asdict(found) for side, found in (("a", one.a), ("b", one.b))
    }
    return {"asset": one.asset.name, "decimals": one.asset.decimals, **totals}


def _account_view(one: AccountDifference) -> View:
    return {
        "name": one.name,
        "kind": one.kind,
        "asset": one.asset,
        "a": _end_view(one.a),
        "b": _end_view(one.b),
        "equity_difference_atoms": one.equity_difference_atoms,
        "gain_atoms": one.gain_atoms,
    }


def _end_view(end: AccountEnd | None) -> View | None:
    if end is None:
        return None
    own: View = {"account": end.account, "balance_atoms": end.balance_atoms, "equity_atoms": end.equity_atoms}
    own["coins"] = end.coins
    return own | msgspec.structs.asdict(end.befallen)

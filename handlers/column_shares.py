"""Shares of many candidates at once, equal to those of `in_proportion` to the last lot.

Whole numbers of 64 bits throughout; where a product might not fit, there are none (`Unfit`).
"""

from __future__ import annotations

import numpy as np

from .columns import Column, Eligible, Unfit
from .policies.allocation import BPS
from .policies.ranking import Closing

__all__ = ["column_caps", "column_shares"]

_LIMIT = 2**62


def column_caps(closing: Closing, eligible: Eligible, cap_bps: int | None) -> Column:
    """The lots that each can give: `Closing.most`, or with `cap_bps` as `wealth_lots` has it. Raises Unfit."""
    caps = np.minimum(np.abs(eligible.size), closing.lots)
    if closing.loss_atoms <= 0:
        return caps
    caps = np.minimum(caps, _product(eligible.equity - 1, closing.lots) // closing.loss_atoms)
    if cap_bps is not None:
        atoms = _product(np.minimum(eligible.profit, eligible.equity), cap_bps) // BPS
        caps = np.minimum(caps, _product(atoms, closing.lots) // closing.loss_atoms)
    return np.maximum(caps, 0)


def column_shares(lots: int, weights: Column, caps: Column) -> Column:
    """Shares of `lots` by weight below the caps. Raises Unfit where some have no weight, too."""
    _product(weights, max(lots, len(weights)))
    _product(caps, len(caps))
    if lots >= int(caps.sum()):
        return caps
    if not int(weights.min(initial=1)):
        message = "no weight"
        raise Unfit(message)
    shares, left, still = np.zeros_like(caps), lots, np.arange(len(caps))
    while left:
        total = int(weights[still].sum())
        quotas = weights[still] * left // total
        capped = quotas >= caps[still]
        if not capped.any():
            _round(shares, still, quotas, weights[still] * left % total, left)
            break
        shares[still[capped]] = caps[still[capped]]
        left -= int(caps[still[capped]].sum())
        still = still[~capped]
    return shares


def _round(shares: Column, still: Column, quotas: Column, remainders: Column, left: int) -> None:
    """Rounded down, and a lot more for each of the largest remainders, the first among equals."""
    largest = np.argsort(-remainders, kind="stable")[: left - int(quotas.sum())]
    quotas[largest] += 1
    shares[still] = quotas


def _product(column: Column, times: int) -> Column:
    if int(column.max(initial=0)) * times >= _LIMIT:
        message = "shares beyond 62 bits"
        raise Unfit(message)
    return column * times

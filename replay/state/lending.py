"""A lending protocol in one state: who is how safe, what stands as collateral several times, and in which chains.

As plain data: `exposures` of a state has each asset of which anything is claimed or owed, with the figures that
`handlers/onchain/exposure.py` describes; multiples are in basis points, rounded down. `lending` of an account has its
`health_factor_ppb`, in parts per billion, rounded down (under 10^9 anybody may liquidate it), what it owes with all
interest, and its chain: the layers as they began, of which the first `standing` ones stand. Null is the health factor
of who owes nothing, or before there is a price. In a run without a lending protocol none of this is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import nsmallest
from typing import Any, NamedTuple

from ...events.bodies.chain import factor_told
from ...events.ledger import Account, LedgerState
from ...events.ledger.chain import Loop
from ...handlers.onchain.borrowers import debts_of, health
from ...handlers.onchain.exposure import Exposure, bought_atoms, exposures
from ...handlers.onchain.lending import LendingParameters
from ...handlers.onchain.protocols.choices import rules_in_force
from ...handlers.onchain.worth import Health
from ...handlers.valuation import coins_are_priced
from ...sim.figures import count, exact_money
from ...sim.units import divide_half_even
from .queues import venues_of

__all__ = ["borrower_rows", "exposure_rows", "exposures_view", "has_lending", "lending_view", "loan_rows"]

Rows = Iterator[tuple[str, str]]

_LEAST_SAFE = 10
_BPS = 10**4


def has_lending(ledger: LedgerState) -> bool:
    """Whether a lending protocol is in force anywhere."""
    return any(rules_in_force(ledger, venue) is not None for venue in venues_of(ledger))


def exposures_view(ledger: LedgerState) -> dict[str, Any]:
    """What is claimed of each asset; nothing without a lending protocol."""
    if not has_lending(ledger):
        return {}
    return {"exposures": [_exposure_view(ledger, one) for one in _exposures(ledger)]}


def _exposure_view(ledger: LedgerState, one: Exposure) -> dict[str, Any]:
    figures = {name: value for name, value in one._asdict().items() if name != "asset"}
    return {
        "asset": ledger.assets[one.asset].name,
        **figures,
        "claims_atoms": one.claims_atoms,
        "there_atoms": one.there_atoms,
        "multiple_bps": one.multiple_bps,
        "own_multiple_bps": one.own_multiple_bps,
    }


def _exposures(ledger: LedgerState) -> Iterator[Exposure]:
    for venue in venues_of(ledger):
        protocol = rules_in_force(ledger, venue)
        if protocol is not None:
            yield from exposures(protocol, ledger, venue)


class _Loan(NamedTuple):
    """What an account owes, by asset, the chain that it has, and its health factor where it owes at known prices."""

    debts: dict[int, int]
    loop: Loop | None
    factor_ppb: int | None


def _loan_of(account: Account, ledger: LedgerState) -> _Loan | None:
    """None where an account has neither debt nor chain with a protocol."""
    protocol, loop = _protocol_of(account, ledger), ledger.chain.loops.get(account.account)
    debts = debts_of(account, ledger)
    if protocol is None or not (debts or loop):
        return None
    found = _health(account, protocol, ledger)
    return _Loan(debts, loop, found.factor_ppb if found is not None and found.debt else None)


def lending_view(ledger: LedgerState, account: Account) -> dict[str, Any]:
    """How an account stands with the lending protocol; nothing where it has neither debt nor chain there."""
    loan = _loan_of(account, ledger)
    if loan is None:
        return {}
    view: dict[str, Any] = {
        "health_factor_ppb": loan.factor_ppb,
        "debts": [{"asset": ledger.assets[asset].name, "atoms": atoms} for asset, atoms in loan.debts.items()],
        "loop": None,
    }
    if (loop := loan.loop) is not None:
        view["loop"] = {
            "asset": ledger.assets[loop.asset].name,
            "debt_asset": ledger.assets[loop.debt_asset].name,
            "standing": loop.standing,
            "bought_atoms": bought_atoms(account, ledger),
            "layers": [{"amount_atoms": one.amount_atoms, "borrowed_atoms": one.borrowed_atoms} for one in loop.layers],
        }
    return {"lending": view}


def _protocol_of(account: Account, ledger: LedgerState) -> LendingParameters | None:
    """The protocol of an account's venue, of who may borrow there: not of the protocol's own accounts."""
    venue = ledger.venue_of(account.account)
    protocol = rules_in_force(ledger, ledger.assets[account.asset].venue) if account.kind == "user" else None
    own = () if protocol is None else protocol.own_accounts(ledger, venue)
    return None if account.account in own else protocol


def _health(account: Account, protocol: LendingParameters, ledger: LedgerState) -> Health | None:
    """None before there is a price of each asset that it has or owes."""
    return health(account, protocol.weights(), ledger) if coins_are_priced(account, ledger) else None


def exposure_rows(ledger: LedgerState) -> Iterator[tuple[str, ...]]:
    """Asset, collateral, supply, what of both is owed, and the multiple; amounts in whole units."""
    for one in _exposures(ledger):
        unit = 10 ** ledger.assets[one.asset].decimals
        figures = (one.collateral_atoms, one.supplied_atoms, one.owed_atoms)
        whole = [f"{divide_half_even(atoms, unit):,}" for atoms in figures]
        yield ledger.assets[one.asset].name, *whole, _times(one.multiple_bps), _looped(ledger, one)


def _looped(ledger: LedgerState, one: Exposure) -> str:
    """What of the collateral was bought with loans, and how much of it stands on a unit of the borrowers' own."""
    if not one.looped:
        return ""
    bought = divide_half_even(one.bought_atoms, 10 ** ledger.assets[one.asset].decimals)
    return f"{bought:,} in {count(one.looped, 'chain')}: {_times(one.own_multiple_bps)}"


def borrower_rows(ledger: LedgerState) -> Iterator[tuple[str, ...]]:
    """Who is least safe: name, what is owed, in whole units, the health factor, and the layers of its chain; O(n)."""
    found: list[tuple[int, int, Health]] = []
    protocols = {venue: rules_in_force(ledger, venue) for venue in venues_of(ledger)}
    own = {n for v, one in protocols.items() if one is not None for n in one.own_accounts(ledger, v)}
    for account in ledger.accounts:
        protocol = protocols.get(ledger.assets[account.asset].venue)
        if protocol is None or account.kind != "user" or account.account in own or not debts_of(account, ledger):
            continue
        one = _health(account, protocol, ledger)
        if one is not None:
            found.append((one.factor_ppb, account.account, one))
    for factor_ppb, number, one in nsmallest(_LEAST_SAFE, found):
        unit = 10 ** ledger.assets[ledger.accounts[number].asset].decimals
        loop = ledger.chain.loops.get(number)
        layers = "" if loop is None else f"{loop.standing} of {len(loop.layers)}"
        yield ledger.name(number), f"{divide_half_even(one.debt, unit):,}", factor_told(factor_ppb), layers


def loan_rows(ledger: LedgerState, account: Account) -> Rows:
    """What an account owes, how safe it is and its chain; nothing where it owes nothing to a protocol."""
    loan = _loan_of(account, ledger)
    if loan is None:
        return
    first = "owes"
    for asset, atoms in loan.debts.items():
        yield first, f"{exact_money(atoms, ledger.assets[asset])} {ledger.assets[asset].name} with interest"
        first = ""
    if loan.factor_ppb is not None:
        yield "health", f"{factor_told(loan.factor_ppb)}; anybody may liquidate it below 1"
    if loan.loop is not None:
        yield from _loop(ledger, account, loan.loop)


def _loop(ledger: LedgerState, account: Account, loop: Loop) -> Rows:
    bought = exact_money(bought_atoms(account, ledger), ledger.assets[loop.asset])
    told = f"{loop.standing} of {count(len(loop.layers), 'layer')} stand"
    name = ledger.assets[loop.asset].name
    yield "chain", f"{told}: {bought} {name} bought with loans and supplied again" if loop.standing else told
    for number, layer in enumerate(loop.layers[: loop.standing], 1):
        amount = exact_money(layer.amount_atoms, ledger.assets[loop.asset])
        borrowed = exact_money(layer.borrowed_atoms, ledger.assets[loop.debt_asset])
        yield "", f"layer {number}: {amount} for {borrowed} {ledger.assets[loop.debt_asset].name}"


def _times(multiple_bps: int | None) -> str:
    """A multiple with two decimals, rounded down: 1.14x."""
    return "-" if multiple_bps is None else f"{multiple_bps // _BPS:,}.{multiple_bps % _BPS // 100:02d}x"

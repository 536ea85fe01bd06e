"""What each kind of event does to the perpetuals' accounts: the one place that reads the venue's own fields.

    deposit, withdraw          between outside and the account; a withdrawal pays a fee
    internalTransfer           from `user`, who pays a fee, to `destination`; subAccountTransfer likewise
    send                       likewise where it leaves a perpetuals' account (`sourceDex` is not spot) and arrives at
                               one; from or to the outside where one side is spot
    accountClassTransfer       between an account's own spot and perpetual side: outside; perpDexClassTransfer likewise
    vaultCreate, vaultDeposit  from `user` to the vault
    vaultWithdraw              what arrived, from the vault to `user`; its commission is the leader's
    vaultDistribution          from the vault to who is named beside it
    vaultLeaderCommission      from that vault to its leader
    liquidation                the account's value, and whether cross or isolated

1. Spot is not kept. spotTransfer, spotGenesis, rewardsClaim, accountActivationGas, deployGasAuction, borrowLend and
   cStakingTransfer move spot and staking balances only, and are not taken.
2. The venue names a token, sometimes with its address behind a colon. An account of the perpetuals settles in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ....sim.units import atoms_to_text
from ..digits import snapped
from .scales import ATOM_DECIMALS
from .survey import DEFAULT_ASSET

__all__ = ["Liquidated", "Move", "moves_of"]

Delta = dict[str, Any]

_WITHDRAWN = ("requestedUsd", "commission", "closingCost")
_SPOT = "spot"
_LIQUIDATION = "liquidation"


class Move(NamedTuple):
    """What one event does: `kind` names it, `to` is the other account of a transfer or the coin of a rate."""

    kind: str
    account: str
    to: str
    amount: str
    asset: str = DEFAULT_ASSET


class Liquidated(NamedTuple):
    """Who was liquidated: the account's value, the address, whether isolated, the coins that were held."""

    value: str
    address: str
    isolated: bool
    coins: tuple[str, ...]


def moves_of(inner: dict[str, Any]) -> tuple[tuple[Move, ...], str, Liquidated | None]:
    """What an event does, the name of what is not taken, and who was liquidated.

    Raises ScenarioError, KeyError or TypeError for what does not say what it must.
    """
    moves, ignored, liquidated = _told(inner)
    for move in moves:
        _check(move)
    return moves, ignored, liquidated


def _check(move: Move) -> None:
    """Refuse a move without the names that it needs. Raises TypeError."""
    needed = {"rate": (move.to,), "transfer": (move.account, move.to)}.get(move.kind, (move.account,))
    if not all(isinstance(name, str) and name for name in needed):
        message = f"{move.kind} does not say whose it is"
        raise TypeError(message)


def _told(inner: dict[str, Any]) -> tuple[tuple[Move, ...], str, Liquidated | None]:
    if "Funding" in inner:
        funding = inner["Funding"]
        deltas = funding.get("deltas", [funding])
        return tuple(move for delta in deltas for move in _funding(delta)), "", None
    if "LedgerUpdate" not in inner:
        return (), next(iter(inner), "nothing"), None
    update = inner["LedgerUpdate"]
    delta: Delta = update["delta"]
    if not isinstance(delta, dict):
        message = "its delta is no object"
        raise TypeError(message)
    kind, users = str(delta.get("type", next(iter(delta), "nothing"))), update.get("users") or [""]
    if kind == _LIQUIDATION:
        return (), "", _liquidated(delta, users)
    told = _DELTAS.get(kind)
    return ((), kind, None) if told is None else (tuple(told(delta, users)), "", None)


def _liquidated(delta: Delta, users: list[str]) -> Liquidated:
    isolated = str(delta.get("leverageType", "")).lower() == "isolated"
    coins = tuple(str(one["coin"]) for one in delta.get("liquidatedPositions") or ())
    return Liquidated(str(delta["accountValue"]), users[0], isolated, coins)


def _funding(delta: Delta) -> Iterator[Move]:
    amount = delta["funding_amount"] if "funding_amount" in delta else delta["usdc"]
    yield Move("funding", delta["user"], "", str(amount))
    rate = delta.get("fundingRate", delta.get("funding_rate"))
    if rate is not None:
        yield Move("rate", "", delta["coin"], str(rate))


def _deposit(delta: Delta, users: list[str]) -> Iterator[Move]:
    yield Move("deposit", users[0], "", str(delta["usdc"]))


def _withdraw(delta: Delta, users: list[str]) -> Iterator[Move]:
    yield Move("withdrawal", users[0], "", str(delta["usdc"]))
    yield Move("withdrawal fee", users[0], "", str(delta.get("fee", "0.0")))


def _transfer(delta: Delta, _users: list[str]) -> Iterator[Move]:
    yield Move("transfer", delta["user"], delta["destination"], str(delta["usdc"]))
    yield Move("transfer fee", delta["user"], "", str(delta.get("fee", "0.0")))


def _send(delta: Delta, _users: list[str]) -> Iterator[Move]:
    """Between perpetuals' accounts, or from or to somebody's spot side; one between two spot sides moves nothing."""
    sender, receiver, token = delta["user"], delta["destination"], _token(delta["token"])
    leaves, arrives = delta.get("sourceDex", "") != _SPOT, delta.get("destinationDex", "") != _SPOT
    amount = str(delta["amount"])
    if leaves and arrives:
        yield Move("transfer", sender, receiver, amount, token)
    elif leaves:
        yield Move("withdrawal", sender, "", amount, token)
    elif arrives:
        yield Move("deposit", receiver, "", amount, token)
    fee_token = _token(delta.get("feeToken") or DEFAULT_ASSET)
    if leaves and fee_token == token:
        yield Move("transfer fee", sender, "", str(delta.get("fee", "0.0")), token)


def _class_transfer(delta: Delta, users: list[str]) -> Iterator[Move]:
    yield Move("deposit" if delta["toPerp"] else "withdrawal", users[0], "", str(delta["usdc"]))


def _dex_class_transfer(delta: Delta, users: list[str]) -> Iterator[Move]:
    kind = "deposit" if delta["toPerp"] else "withdrawal"
    yield Move(kind, users[0], "", str(delta["amount"]), _token(delta["token"]))


def _vault_deposit(delta: Delta, users: list[str]) -> Iterator[Move]:
    user = delta.get("user") or _beside_vault(delta, users)
    yield Move("transfer", user, delta["vault"], str(delta["usdc"]))
    yield Move("vault fee", user, "", str(delta.get("fee", "0.0")))


def _vault_withdraw(delta: Delta, users: list[str]) -> Iterator[Move]:
    """What arrived: without the commission and the cost of closing, which older files leave to be taken off."""
    arrived = delta.get("netWithdrawnUsd")
    if arrived is None:
        asked, *taken = (snapped(str(delta[name]), ATOM_DECIMALS).value for name in _WITHDRAWN)
        arrived = atoms_to_text(asked - sum(taken), ATOM_DECIMALS)
    yield Move("transfer", delta["vault"], delta.get("user") or _beside_vault(delta, users), str(arrived))
    yield Move("commission", delta["vault"], "", str(delta.get("commission", "0.0")))


def _vault_distribution(delta: Delta, users: list[str]) -> Iterator[Move]:
    yield Move("transfer", delta["vault"], delta.get("user") or _beside_vault(delta, users), str(delta["usdc"]))


def _leader_commission(delta: Delta, users: list[str]) -> Iterator[Move]:
    yield Move("leader", delta.get("user") or users[0], "", str(delta["usdc"]))


def _beside_vault(delta: Delta, users: list[str]) -> str:
    return next((user for user in users if user != delta["vault"]), users[0])


def _token(name: str) -> str:
    return str(name).partition(":")[0]


_DELTAS: dict[str, Callable[[Delta, list[str]], Iterator[Move]]] = {
    "deposit": _deposit,
    "withdraw": _withdraw,
    "internalTransfer": _transfer,
    "subAccountTransfer": _transfer,
    "send": _send,
    "accountClassTransfer": _class_transfer,
    "perpDexClassTransfer": _dex_class_transfer,
    "vaultCreate": _vault_deposit,
    "vaultDeposit": _vault_deposit,
    "vaultWithdraw": _vault_withdraw,
    "vaultDistribution": _vault_distribution,
    "vaultLeaderCommission": _leader_commission,
}

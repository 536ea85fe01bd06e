"""What a fork changes: who decides and by which figures, what the fund or an account has, which inputs still come.

1. `slot.key=value` is written as for `deleverage run --set`: another policy takes nothing of the old one's figures. Of
   a table, such as `collateral.ratios_ppm.USDE=[[0, 900_000]]`, what is not named stays.
2. `insurance_fund.balance=X` makes the fund's cash X at the fork, `+X` or `-X` so much more or less: as a deposit or a
   withdrawal that is recorded like any input. Of several funds it is `insurance_fund.balances.NAME=X`, where the
   account is called "insurance:NAME". Which funds there are is settled as a run begins.
3. A deposit into an account, in what it settles in or of another asset as collateral, or a trade of its position with
   outside liquidity at the mark, is recorded as an input. The venue's own accounts do not trade, nor does one in a
   liquidation.
4. A fault of the venue can be put in, as in a scenario; its times count from the fork.
5. What may come in any order within an instant can come in another one (`events/ledger/ordering.py`): by a key, or
   choice by choice.
6. An input can be taken away, unless it declares something or ends the run.
7. What is not yet seen can be drawn anew: traders' answers by another seed, which is noted in the ledger as an input,
   and prices, which whoever drives the fork gives in place of what is left of the record's (`Fork.follow_instead`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from ...events.bodies.collateral import CoinDeposited, CoinWithdrawn
from ...events.bodies.inputs import Deposited, TradeExecuted, Withdrawn
from ...events.bodies.ordering import OrderingSet
from ...events.bodies.run import Producer
from ...events.bodies.venue import HandlerStateNoted
from ...events.errors import QueryError, ScenarioError
from ...events.ledger import LedgerState, PositionKey
from ...events.ledger.ordering import RECORDED, Ordering
from ...events.ledger.state import ANSWERS
from ...events.venue_names import at_venue, plain
from ...events.vocabulary import Body
from ...handlers.plugins.at_hand import Plugins
from ...handlers.plugins.rooms import INPUT_ROOMS
from ...handlers.registry import NONE, OVER_VENUES, SLOTS, producer_of, producer_with, without_folders
from ...sim.amounts import amounts_of
from ...sim.conversions import check_redemptions
from ...sim.faults import FaultTargets, check_oracle, fault_named, planned_fault
from ...sim.figures import exact_money, size
from ...sim.limits import refusal
from ...sim.quantities import Quantity, amount_scale, size_scale
from ...sim.rulebooks import slot_table
from ...sim.toml_tree import apply_override, with_durations
from ...sim.units import INT64_MAX
from ..directory import Directory

__all__ = ["Changes", "Deposit", "OutsideTrade"]

_FUND_BALANCE = "insurance_fund.balance"
_FUND_BALANCES = "insurance_fund.balances."
_SETTLED = ("insurance_fund.per", "insurance_fund.pools")
_TRADERS = ("user", "vault")
_PRICE_RISE = 100
"""What is traded must still fit into 64 bits at so many times its price."""


class Deposit(msgspec.Struct, frozen=True):
    """Money from outside into an account; negative: out of it. In what the account settles in, or another asset."""

    account: int
    amount_atoms: int
    asset: int | None = None

    @classmethod
    def of(cls, directory: Directory, account: int | str, amount: str, asset: int | str | None = None) -> Deposit:
        """A deposit as people write it: "250.5" into the account of a name. Raises QueryError or ScenarioError."""
        number = directory.find_account(account)
        other = None if asset is None else directory.find_asset(asset)
        listed = directory.assets[directory.accounts[number].asset if other is None else other]
        return cls(number, Quantity.parse(amount, amount_scale(listed)).number, other)


class OutsideTrade(msgspec.Struct, frozen=True):
    """An account trades so many lots of its position with outside liquidity at the mark; negative sells."""

    account: int
    key: PositionKey
    size_lots: int

    @classmethod
    def of(
        cls, directory: Directory, ledger: LedgerState, account: int | str, instrument: int | str, units: str
    ) -> OutsideTrade:
        """A trade as people write it, "-0.25" units of an instrument, on the leg that the account holds in the ledger.

        Raises QueryError or ScenarioError.
        """
        number, traded = directory.find_account(account), directory.find_instrument(instrument)
        positions = ledger.accounts[number].positions if number < len(ledger.accounts) else {}
        held = next((key for key in positions if key[0] == traded), (traded, 0))
        return cls(number, held, Quantity.parse(units, size_scale(directory.instruments[traded])).number)


class Changes(msgspec.Struct, frozen=True):
    """Everything that a fork does otherwise; nothing by default."""

    settings: tuple[str, ...] = ()
    deposits: tuple[Deposit, ...] = ()
    trades: tuple[OutsideTrade, ...] = ()
    removed: tuple[int, ...] = ()
    faults: tuple[str, ...] = ()
    order: str = RECORDED
    prices: str = ""
    answers_seed: int | None = None

    def __bool__(self) -> bool:
        """Whether anything is changed."""
        told = self.settings or self.deposits or self.trades or self.removed or self.faults or self.prices
        return bool(told) or self.order != RECORDED or self.answers_seed is not None

    def described(self, ledger: LedgerState) -> tuple[tuple[str, str], ...]:
        """(key, new value) of each change, as `RunForked` has them."""
        settings = (setting.partition("=") for setting in self.settings)
        told = [(key, without_folders(value) if key.endswith(".policy") else value) for key, _, value in settings]
        for paid in self.deposits:
            asset = ledger.assets[ledger.accounts[paid.account].asset if paid.asset is None else paid.asset]
            told.append(
                (f"{ledger.name(paid.account)}.deposit", f"{exact_money(paid.amount_atoms, asset)} {asset.name}")
            )
        for one in self.trades:
            listing = ledger.markets[one.key[0]].listing
            side = "bought" if one.size_lots > 0 else "sold"
            told.append((f"{ledger.name(one.account)}.{listing.name}", f"{side} {size(abs(one.size_lots), listing)}"))
        told += [("fault", text) for text in self.faults]
        told += [("order", self.order)] if self.order != RECORDED else []
        told += [("prices", self.prices)] if self.prices else []
        told += [] if self.answers_seed is None else [("answers", f"drawn by {self.answers_seed}")]
        return (*told, *((f"input {seq}", "removed") for seq in self.removed))

    def producers(
        self, before: tuple[Producer, ...], ledger: LedgerState, plugins: Plugins | None = None
    ) -> tuple[Producer, ...]:
        """Who decides with these settings, in the order of the slots. Raises ScenarioError naming the key.

        A policy in a setting is named by whoever forks; one that stays is named by the record.
        """
        known = {producer.handler: producer for producer in before}
        changed = self._tables(known)
        names = [name for slot in SLOTS for name in _names_of(slot, before)]
        found: list[Producer] = []
        for unknown in changed.keys() - {*names, *SLOTS}:
            message = f"--set {unknown}: the run has no such venue; choose from {', '.join(names)}"
            raise ScenarioError(message)
        for name in names:
            producer, own = known.get(name), {**changed.get(plain(name), {}), **changed.get(name, {})}
            if own:
                producer = _changed(name, producer, own, plugins or Plugins(), ledger)
            if name == "faults" and self.faults:
                producer = self._with_faults(producer, ledger)
            if producer is not None:
                found.append(producer)
        found += [producer for producer in before if producer.slot in INPUT_ROOMS]
        _check_halts(known, found, ledger)
        self._check_faults(found, ledger)
        _check_auctions(found, ledger)
        quotes = {conversion.quote for conversion in ledger.conversions.values()}
        counted = (plain(one.listing.name) for one in ledger.markets if one.listing.asset in quotes)
        check_redemptions(found, (plain(asset.name) for asset in ledger.assets), counted)
        return tuple(found)

    def _with_faults(self, producer: Producer | None, ledger: LedgerState) -> Producer | None:
        """Who starts faults, with those of this fork put to the others. Raises ScenarioError."""
        if not ledger.assets:
            message = "--fault: no asset is listed yet at the fork; fork at a later point"
            raise QueryError(message)
        amounts = amounts_of(ledger.assets[0].name, ledger.assets[0].decimals)
        capital = {ledger.name(one.account): one.balance_atoms for one in ledger.accounts if one.kind == "user"}
        targets = FaultTargets([market.listing.name for market in ledger.markets], capital, amounts)
        if producer is not None and "planned" not in producer.parameters:
            message = (
                f"--fault: {producer.policy} decides on faults and takes none; set faults.policy=scheduled as well"
            )
            raise ScenarioError(message)
        planned = [] if producer is None else list(producer.parameters["planned"])
        for text in self.faults:
            planned.append(planned_fault(fault_named(text), f"--fault {text!r}", targets, ledger.seq))
        latency_ns = 0 if producer is None else producer.latency_ns
        return producer_of("faults", {"policy": "scheduled", "planned": planned, "latency_ns": latency_ns}, "$.faults")

    def _check_faults(self, after: Sequence[Producer], ledger: LedgerState) -> None:
        """A fault that is on must have someone to end it, and one of the oracle a mark that looks at one."""
        slots = {one.handler: one for one in after}
        planned = slots["faults"].parameters.get("planned", []) if "faults" in slots else []
        for number in ledger.faults:
            if number > len(planned):
                message = f"$.faults.policy: fault {number} is on there; fork before it began or after it ended"
                raise ScenarioError(message)
        for text, one in zip(reversed(self.faults), reversed(planned), strict=False):
            check_oracle(one, f"--fault {text!r}", slots["mark"].policy if "mark" in slots else None)

    def _tables(self, known: Mapping[str, Producer]) -> dict[str, dict[str, Any]]:
        """The settings of each slot that has any; of a table that is set in part, what it had as well."""
        tree: dict[str, Any] = {}
        for setting in self.settings:
            key = setting.partition("=")[0]
            if key.startswith(_SETTLED):
                message = f"--set {key}: which insurance funds there are is settled as a run begins; run it anew"
                raise ScenarioError(message)
            if not _is_balance(key):
                self._keep_table(tree, key, known)
                apply_override(tree, setting)
        for slot, table in tree.items():
            if plain(slot) not in SLOTS or not isinstance(table, dict):
                message = (
                    f"--set {slot}: a fork can change {', '.join(SLOTS)} (slot.key=value) and {_FUND_BALANCE}; "
                    "what came in from outside is changed by taking an input away"
                )
                raise ScenarioError(message)
        tables: dict[str, dict[str, Any]] = with_durations(tree, "$")
        return tables

    def _keep_table(self, tree: dict[str, Any], key: str, known: Mapping[str, Producer]) -> None:
        """Where a setting is of one entry of a table, begin with the table as the policy has it, if that one stays."""
        slot, _, rest = key.partition(".")
        name, _, entry = rest.partition(".")
        another = any(setting.startswith(f"{slot}.policy=") for setting in self.settings)
        kept = known[slot].parameters.get(name) if slot in known else None
        if entry and isinstance(kept, dict) and not another:
            tree.setdefault(slot, {}).setdefault(name, dict(kept))

    def inputs(self, ledger: LedgerState) -> list[Body]:
        """What is put in at the fork, in the state there. Raises ScenarioError or QueryError for what cannot be."""
        bodies = [_money(paid, ledger) for paid in self._fund_deposits(ledger) if paid.amount_atoms]
        bodies += [_money(one, ledger) for one in self.deposits if one.amount_atoms]
        bodies += [_trade(one, ledger) for one in self.trades]
        if self.order != RECORDED:
            bodies.append(OrderingSet(Ordering.of(self.order, ledger.seq).text))
        return bodies if self.answers_seed is None else [*bodies, HandlerStateNoted(*ANSWERS, (self.answers_seed,))]

    def _fund_deposits(self, ledger: LedgerState) -> list[Deposit]:
        """How much more a fund has after each setting of its balance."""
        held: dict[int, int] = {}
        found = []
        for key, _, text in (setting.partition("=") for setting in self.settings):
            if not _is_balance(key):
                continue
            fund = _fund(key, ledger)
            held_atoms = held.get(fund, ledger.accounts[fund].balance_atoms)
            scale = amount_scale(ledger.assets[ledger.accounts[fund].asset])
            atoms = Quantity.parse(text.replace("_", ""), scale).number
            more_atoms = atoms if text.startswith(("+", "-")) else atoms - held_atoms
            held[fund] = held_atoms + more_atoms
            found.append(Deposit(fund, more_atoms))
        return found


def _changed(
    slot: str, producer: Producer | None, own: dict[str, Any], plugins: Plugins, ledger: LedgerState
) -> Producer | None:
    """A slot's producer with some of its settings replaced; amounts are in the asset, as in a scenario."""
    if not ledger.assets:
        message = f"$.{slot}: no asset is listed yet at the fork, which amounts are counted in; fork at a later point"
        raise QueryError(message)
    amounts = amounts_of(ledger.assets[0].name, ledger.assets[0].decimals)
    if producer is None:
        if own.get("policy", NONE) == NONE:
            message = f"$.{slot}: the run has none; set {slot}.policy as well"
            raise ScenarioError(message)
        return producer_of(slot, own, f"$.{slot}", plugins, None, amounts)
    if "policy" not in own:
        return producer_with(producer, own, f"$.{slot}", plugins, amounts)
    kept = slot_table({"policy": producer.policy, **producer.parameters}, {"policy": own["policy"]})
    settings = {"latency_ns": producer.latency_ns, **own}
    return producer_of(slot, settings, f"$.{slot}", plugins, None, amounts, recorded=kept)


def _names_of(slot: str, before: Iterable[Producer]) -> list[str]:
    """What fills a slot is called: after it, and where there are several venues after the venue as well."""
    venues = dict.fromkeys(producer.venue for producer in before if producer.venue)
    return [slot] if not venues or slot in OVER_VENUES else [at_venue(slot, venue) for venue in venues]


def _check_halts(before: dict[str, Producer], after: Sequence[Producer], ledger: LedgerState) -> None:
    """A halt must have someone to end it."""
    gone = {name for name in before if plain(name) == "breaker"} - {one.handler for one in after}
    for number, market in enumerate(ledger.markets):
        venue = ledger.venue_of_instrument(number)
        if market.halted_until_ns is not None and at_venue("breaker", venue) in gone:
            message = f"$.breaker.policy: {market.listing.name} is halted there; fork after it resumed"
            raise ScenarioError(message)


def _check_auctions(after: Sequence[Producer], ledger: LedgerState) -> None:
    """An order that is offered must have someone to end the auction."""
    if ledger.auctions and not any((one.handler, one.policy) == ("market", "auction") for one in after):
        order_id = next(iter(ledger.auctions.values())).body.order_id
        message = f"$.market.policy: order {order_id} is offered in an auction there; fork before it or after it ended"
        raise ScenarioError(message)


def _is_balance(key: str) -> bool:
    return key == _FUND_BALANCE or key.startswith(_FUND_BALANCES)


def _fund(key: str, ledger: LedgerState) -> int:
    """Whose balance is set."""
    funds = {ledger.name(fund).partition(":")[2]: fund for fund in ledger.funds}
    if not funds:
        message = "there is no insurance fund yet at the fork; fork at a later point"
        raise QueryError(message)
    name = key.removeprefix(_FUND_BALANCES)
    if name in funds:
        return funds[name]
    if key != _FUND_BALANCE:
        message = f"--set {key}: there is no such insurance fund; choose from {', '.join(funds)}"
        raise ScenarioError(message)
    if len(funds) > 1:
        message = f"--set {key}: there are {len(funds)} insurance funds; write {_FUND_BALANCES}NAME, NAME one of "
        raise ScenarioError(message + ", ".join(funds))
    return next(iter(funds.values()))


def _money(one: Deposit, ledger: LedgerState) -> Body:
    _check_open(one.account, ledger)
    if one.asset is not None and one.asset != ledger.accounts[one.account].asset:
        return _coin(one, one.asset, ledger)
    if one.amount_atoms < 0:
        return Withdrawn(one.account, -one.amount_atoms)
    return Deposited(one.account, one.amount_atoms)


def _coin(one: Deposit, asset: int, ledger: LedgerState) -> Body:
    """Collateral in another asset. Raises QueryError for one that the account cannot hold, or more than it has."""
    account = ledger.accounts[one.account]
    conversion, name = ledger.conversions.get(asset), ledger.assets[asset].name
    sold = conversion is not None and ledger.markets[conversion.instrument].listing.kind == "spot"
    if account.kind not in _TRADERS or conversion is None or not sold or conversion.quote != account.asset:
        settles = f"{ledger.name(one.account)} settles in {ledger.assets[account.asset].name}"
        message = f"--deposit: {settles} and cannot hold {name} as collateral; name another account or asset"
        raise QueryError(message)
    if one.amount_atoms > 0:
        return CoinDeposited(one.account, asset, one.amount_atoms)
    body = CoinWithdrawn(one.account, asset, -one.amount_atoms)
    reason = refusal(ledger, body)
    if reason is not None:
        message = f"--deposit: {ledger.name(one.account)} cannot withdraw so much {name}: {reason}; name less"
        raise QueryError(message)
    return body


def _check_open(account: int, ledger: LedgerState) -> None:
    if not 0 <= account < len(ledger.accounts):
        message = f"account {account} is not open at the fork; fork at a later point"
        raise QueryError(message)


def _trade(one: OutsideTrade, ledger: LedgerState) -> Body:
    _check_open(one.account, ledger)
    market = ledger.markets[one.key[0]] if one.key[0] < len(ledger.markets) else None
    if market is None or not market.mark_ticks:
        raise _no_trade(one, ledger, "there is no mark to trade at; fork at a later point")
    if ledger.accounts[one.account].kind not in _TRADERS:
        raise _no_trade(one, ledger, "it is the venue's own account; name a trader's")
    liquidity = ledger.liquidity(market.listing.asset)
    value_atoms = market.payoff.value_atoms(one.size_lots, market.mark_ticks)
    if not one.size_lots or abs(value_atoms) > INT64_MAX // _PRICE_RISE:
        told = size(one.size_lots, market.listing)
        raise _no_trade(one, ledger, f"{told} {market.listing.name} is nothing or too much to book; give another size")
    body = TradeExecuted(one.account, liquidity, *one.key, 0, one.size_lots, market.mark_ticks, value_atoms, trade_id=0)
    reason = refusal(ledger, body)
    if reason is not None:
        raise _no_trade(one, ledger, f"{reason}; fork at another point")
    return body


def _no_trade(one: OutsideTrade, ledger: LedgerState, reason: str) -> QueryError:
    message = f"{ledger.name(one.account)} cannot trade at the fork: {reason}"
    return QueryError(message)

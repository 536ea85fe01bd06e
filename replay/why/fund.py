"""How the fund came to be unable to pay: what was needed, what it had, and every drain since the start of the run.

1. The figures are those of the instant at which the shortfall was declared, rebuilt from the record.
2. opening + fees + what else came in - cash paid + gains and losses per liquidation + rounding - floor = capacity, to
   the atom. A liquidation's gain or loss is what its lots realised (sold, deleveraged) and what those held stand at.
3. The ten largest losses stand alone; the others are summed, and so are the gains, unless the whole is asked for.
4. Rounding is funding: the rule settles it on the sum of an instrument's lots, the books lot by lot, each toward zero.
5. `fund_now` is the fund when a round was decided, with what the rounds before it in that instant changed. A round that
   closes a lot of the fund's at another value than the mark's changes its capacity by the difference; one that closes
   a bankrupt account's position changes nothing of the fund.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from ...events.bodies.margin import MarkPriced
from ...events.bodies.run import Producer
from ...events.bodies.waterfall import DeleveragingStarted, PositionDeleveraged, ShortfallDeclared
from ...events.envelope import Event
from ...events.ledger import Account, LedgerState
from ...handlers.insurance_fund import InsuranceFund
from ...handlers.inventory import Inventory
from ...handlers.valuation import equity_shares
from ...sim.figures import count
from ...sim.quantities import Quantity
from ...sim.units import format_time_ns
from ..run import Run
from .fund_books import FundBooks, accruals_of
from .names import RunNames, percent_of_bps
from .parts import Fund, FundKind, FundLine, FundNow, FundRound
from .watching import mark_before

__all__ = ["FundPast", "fund_behind", "fund_now", "fund_of", "fund_past"]

_SHOWN = 10
_PAYMENTS: tuple[tuple[FundKind, str, str], ...] = (
    ("fees", "liquidation fee", "liquidation fees"),
    ("other", "other payment", "other payments"),
    ("socialised", "payment by traders for its losses", "payments by traders for its losses"),
    ("cash_paid", "negative balance paid in cash", "negative balances paid in cash"),
)


class FundPast(NamedTuple):
    """The books of the fund, and the events of the liquidations asked for that name it."""

    books: FundBooks
    lot_events: tuple[Event, ...]


def fund_behind(shortfall: Event, ledger: LedgerState) -> int:
    """The fund that declared a shortfall; `ledger` stands before it."""
    assert isinstance(shortfall.body, ShortfallDeclared)
    account = ledger.accounts[shortfall.body.account]
    return account.account if account.kind == "insurance" else ledger.fund_for(account)


def fund_past(run: Run, ledger: LedgerState, number: int, liquidation_id: int | None) -> FundPast:
    """The books of fund `number` where `ledger` stands: one pass over the events that name it."""
    fund = ledger.accounts[number]
    books, lot_events = FundBooks(fund, accruals_of(run, ledger)), []
    for event in run.events_naming(fund.account, 0, ledger.seq):
        books.fold(event)
        if liquidation_id is not None and getattr(event.body, "liquidation_id", None) == liquidation_id:
            lot_events.append(event)
    return FundPast(books, tuple(lot_events))


def fund_of(
    run: Run, shortfall: Event, ledger: LedgerState, books: FundBooks, names: RunNames, *, whole: bool = False
) -> Fund:
    """The fund's part of the answer; `ledger` and `books` stand before the shortfall; `whole` for every liquidation."""
    body = shortfall.body
    assert isinstance(body, ShortfallDeclared)
    fund = books.account.account
    rules = _rules_at(run, shortfall, ledger.venue_of(fund))
    lines = tuple(_lines(books, ledger, rules.floor_atoms, names, whole=whole))
    bankrupt = ledger.accounts[body.account] if body.trigger == "bankruptcy" else None
    had_atoms = body.capacity_atoms if bankrupt is None or bankrupt.positions else _payable_atoms(body)
    barred_by = None if bankrupt is None or not _is_barred(body, bankrupt) else rules.policy
    had_atoms = 0 if barred_by else had_atoms
    total = sum(line.amount.number for line in lines)
    equity_atoms = None if bankrupt is None else _equity_atoms(bankrupt, fund, ledger)
    found = Fund(
        account=fund,
        name=names.account(fund),
        shortfall_seq=shortfall.seq,
        at=format_time_ns(shortfall.at_ns),
        trigger=body.trigger,
        needed=names.money_of(fund, body.needed_atoms),
        capacity=names.money_of(fund, body.capacity_atoms),
        cash=None if body.cash_atoms is None else names.money_of(fund, body.cash_atoms),
        missing=names.money_of(fund, body.needed_atoms - had_atoms),
        equity=None if equity_atoms is None else names.money_of(fund, equity_atoms),
        capital=None if equity_atoms is None else names.money_of(fund, body.needed_atoms + equity_atoms),
        text="",
        lines=lines,
        sum=names.money_of(fund, total),
        reconciles=total == body.capacity_atoms and books.agree_with(ledger),
        barred_by=barred_by,
    )
    return msgspec.structs.replace(found, text=_told(found, body, bankrupt, rules, names))


def _equity_atoms(bankrupt: Account, fund: int, ledger: LedgerState) -> int:
    """What of an account's equity falls to the positions that this fund stands behind; all of it without positions."""
    if not bankrupt.positions:
        return bankrupt.balance_atoms
    return sum(atoms for key, atoms in equity_shares(bankrupt, ledger).items() if ledger.fund_of(key[0]) == fund)


class _Rules(NamedTuple):
    floor_atoms: int
    capital_bps: int | None
    fallen: str = ""
    policy: str = InsuranceFund.policy


_FALLEN = {
    "peak": "It had fallen {} further from its peak",
    "average": "It had fallen {} further below its average",
    "symbol": "Its gain by one instrument had fallen {} further from its greatest",
}
"""How far it fell, by what the rule holds it against."""


def _fallen(producer: Producer) -> str:
    return _FALLEN["symbol" if producer.policy == "symbol-drawdown" else producer.parameters.get("against", "peak")]


def _rules_at(run: Run, event: Event, venue: str) -> _Rules:
    """The fund's parameters in force; a policy without a floor has none."""
    for producer in run.producers_at(event.seq):
        if (producer.slot, producer.venue) == (InsuranceFund.name, venue):
            given = producer.parameters
            return _Rules(given.get("floor_atoms", 0), given.get("capital_bps"), _fallen(producer), producer.policy)
    return _Rules(0, None, _FALLEN["peak"])


def _payable_atoms(body: ShortfallDeclared) -> int:
    """What the fund could pay out: its capacity or its cash over the floor, whichever is less."""
    return max(0, body.capacity_atoms if body.cash_atoms is None else min(body.capacity_atoms, body.cash_atoms))


def _is_barred(body: ShortfallDeclared, bankrupt: Account) -> bool:
    """Whether an account was not taken on, or its debt not paid, though the fund had as much."""
    had_atoms = body.capacity_atoms if bankrupt.positions else _payable_atoms(body)
    return had_atoms >= body.needed_atoms > 0


def _told(fund: Fund, body: ShortfallDeclared, bankrupt: Account | None, rules: _Rules, names: RunNames) -> str:
    """Needed and had, in words."""
    if fund.trigger == "drawdown":
        return (
            f"{rules.fallen.format(fund.needed)} within the window than the rule allows, for which there is "
            "auto-deleveraging though its capacity (cash and inventory at the mark, less its floor) was still "
            f"{fund.capacity}."
        )
    if bankrupt is None:
        return _own_told(fund)
    who = names.account(body.account)
    if bankrupt.positions:
        return _takeover_told(fund, who, rules)
    owed, payable = f"{who} owed {fund.needed} more than it had", names.money(fund.account, _payable_atoms(body))
    if fund.barred_by:
        return f"{owed}. The fund had {payable}, which its rule ({fund.barred_by}) does not let it pay for that."
    return f"{owed}; the fund could pay {payable}. {fund.missing} was missing."


def _takeover_told(fund: Fund, who: str, rules: _Rules) -> str:
    """What taking an account over would have asked of the fund."""
    assert fund.equity is not None
    needed, had, missing = fund.needed, fund.capacity, f"{fund.missing} was missing."
    if needed.number < 0:
        return f"{who} would have brought the fund {abs(needed)}, which was {abs(had)} under its floor. {missing}"
    if needed == -fund.equity and fund.barred_by:
        barred = f"which its rule ({fund.barred_by}) does not let it spend on that"
        return f"{who} owed {needed} more than it had. The fund could bear {had}, {barred}."
    if needed == -fund.equity:
        return f"{who} owed {needed} more than it had; the fund could bear {had}. {missing}"
    capital_bps = rules.capital_bps
    share = "" if capital_bps is None else f" ({percent_of_bps(capital_bps)} of all that it would then have held)"
    missing = f"Its rule ({fund.barred_by}) does not let it." if fund.barred_by else missing
    return (
        f"To take over {who}, whose equity was {fund.equity}, the fund had to keep {fund.capital} of capital{share}: "
        f"it needed {needed} and had {had}. {missing}"
    )


def _own_told(fund: Fund) -> str:
    """Of its own inventory: what the capacity was, or what a sale would have taken the cash down to."""
    capacity = f"Its capacity (cash and inventory at the mark, less its floor) was {fund.capacity}"
    if fund.cash is None or fund.needed == -fund.capacity:
        return f"{capacity}; it needed {fund.needed}."
    return (
        f"{capacity}, {fund.cash} of it in cash. The part of its inventory that was to be sold would have lost "
        f"{fund.needed} more than the cash at the depth there was."
    )


def _lines(
    books: FundBooks, ledger: LedgerState, floor_atoms: int, names: RunNames, *, whole: bool
) -> Iterator[FundLine]:
    """The whole account, in the order in which it is read."""
    fund = books.account.account
    yield _line("opening", "opening balance", books.paid_atoms["opening"], fund, names)
    for kind, one, many in _PAYMENTS:
        if books.payments[kind]:
            yield _line(kind, count(books.payments[kind], one, many), books.paid_atoms[kind], fund, names)
    unrealised = books.unrealised_atoms(ledger)
    yield from _liquidations(books, unrealised, names, whole=whole)
    index = Inventory()
    index.rebuild(ledger)
    rounding = index.profit_atoms(ledger, fund) - sum(unrealised.values())
    if rounding:
        yield _line("rounding", "funding, rounded over all lots and not one by one", rounding, fund, names)
    if floor_atoms:
        yield _line("floor", "the floor that it keeps", -floor_atoms, fund, names)


def _line(kind: FundKind, text: str, atoms: int, fund: int, names: RunNames) -> FundLine:
    return FundLine(kind, text, names.money_of(fund, atoms))


def _liquidations(books: FundBooks, unrealised: dict[int, int], names: RunNames, *, whole: bool) -> Iterator[FundLine]:
    """What each liquidation cost it: the ten largest losses, the other losses, the gains; each alone if `whole`."""
    totals = {leg: realised + unrealised.get(leg, 0) for leg, realised in books.realised_atoms.items()}
    losses = [leg for _, leg in sorted((atoms, leg) for leg, atoms in totals.items() if atoms < 0)]
    gains = [leg for leg, atoms in totals.items() if atoms >= 0]
    if whole:
        gains.sort(key=lambda leg: (totals[leg], leg))
        yield from (_drain(books, leg, unrealised.get(leg, 0), names) for leg in losses)
        yield from (_drain(books, leg, unrealised.get(leg, 0), names, "gain") for leg in gains)
        return
    for leg in losses[:_SHOWN]:
        yield _drain(books, leg, unrealised.get(leg, 0), names)
    if losses[_SHOWN:]:
        yield _rest("drains", "other liquidation that cost it", losses[_SHOWN:], totals, books, names)
    if gains:
        yield _rest("gains", "liquidation that cost it nothing", gains, totals, books, names)


def _drain(books: FundBooks, leg: int, unrealised_atoms: int, names: RunNames, kind: FundKind = "drain") -> FundLine:
    """One liquidation, with the account that it was of."""
    fund, realised_atoms = books.account.account, books.realised_atoms[leg]
    account = books.sources.get(leg)
    name = None if account is None else names.account(account)
    realised, unrealised = names.money_of(fund, realised_atoms), names.money_of(fund, unrealised_atoms)
    told = "all of it realised" if not unrealised_atoms else "none of it realised"
    if realised_atoms and unrealised_atoms:
        told = _apart(realised, unrealised)
    return FundLine(
        kind=kind,
        text=f"liquidation {leg}{f' of {name}' if name else ''}, {told}",
        amount=names.money_of(fund, realised_atoms + unrealised_atoms),
        realised=realised,
        unrealised=unrealised,
        liquidation_id=leg,
        account=account,
        name=name,
    )


def _apart(realised: Quantity, unrealised: Quantity) -> str:
    """What is realised and what is not, both in figures."""
    return f"{realised} of it realised and {unrealised} on what it still holds"


def _rest(
    kind: FundKind, one: str, legs: list[int], totals: dict[int, int], books: FundBooks, names: RunNames
) -> FundLine:
    """Several liquidations in one line."""
    atoms, realised_atoms = sum(totals[leg] for leg in legs), sum(books.realised_atoms[leg] for leg in legs)
    parts = atoms, realised_atoms, atoms - realised_atoms
    amount, realised, unrealised = (names.money_of(books.account.account, part) for part in parts)
    told = count(len(legs), one, one.replace("liquidation", "liquidations", 1))
    return FundLine(kind, f"{told}, {_apart(realised, unrealised)}", amount, len(legs), realised, unrealised)


def fund_now(run: Run, fund: Fund, started: Event, ledger: LedgerState, names: RunNames) -> FundNow:
    """The fund at a round that the shortfall led to; `ledger` stands before the round."""
    account, number = ledger.accounts[fund.account], fund.account
    rules = _rules_at(run, started, ledger.venue_of(number))
    inventory = Inventory()
    inventory.rebuild(ledger)
    cost_atoms = sum(position.cost_atoms for position in account.positions.values())
    profit_atoms = inventory.profit_atoms(ledger, number)
    capacity_atoms = account.balance_atoms + profit_atoms - rules.floor_atoms
    between = run.events(fund.shortfall_seq, started.seq)
    rounds = _rounds(run, number, fund.shortfall_seq, started, ledger, names)
    rounds_atoms = sum(one.gained.number for one in rounds if one.started_seq > fund.shortfall_seq)

    def money(atoms: int) -> Quantity:
        return names.money_of(number, atoms)

    return FundNow(
        before_seq=started.seq,
        cash=money(account.balance_atoms),
        inventory_cost=money(cost_atoms),
        inventory_mark=money(cost_atoms + profit_atoms),
        floor=money(rules.floor_atoms),
        capacity=money(capacity_atoms),
        rounds_since=sum(isinstance(event.body, DeleveragingStarted) for event in between),
        rounds=rounds,
        by_rounds=money(rounds_atoms),
        by_others=money(capacity_atoms - fund.capacity.number - rounds_atoms),
    )


def _rounds(
    run: Run, fund: int, shortfall_seq: int, started: Event, ledger: LedgerState, names: RunNames
) -> tuple[FundRound, ...]:
    """The rounds against `fund` before `started`, from the start of its instant or from the shortfall on."""
    first_seq = min(run.first_at(started.at_ns), shortfall_seq)
    marks, rounds, gained = dict[int, int](), list[tuple[int, DeleveragingStarted]](), dict[int, int]()
    for event in run.events(first_seq, started.seq):
        body = event.body
        if isinstance(body, MarkPriced):
            marks[body.instrument] = body.mark_ticks
        elif isinstance(body, DeleveragingStarted) and body.account == fund:
            rounds.append((event.seq, body))
            if body.instrument not in marks:
                marks[body.instrument] = _mark_ticks(run, body.instrument, event.seq)
        elif isinstance(body, PositionDeleveraged) and body.against == fund:
            worth_atoms = ledger.markets[body.instrument].payoff.value_atoms(body.size_lots, marks[body.instrument])
            gained[body.round] = gained.get(body.round, 0) + body.value_atoms - worth_atoms
    return tuple(_round(seq, body, gained.get(body.round, 0), names) for seq, body in rounds)


def _mark_ticks(run: Run, instrument: int, seq: int) -> int:
    mark = mark_before(run, instrument, seq)
    assert mark is not None
    assert isinstance(mark.body, MarkPriced)
    return mark.body.mark_ticks


def _round(seq: int, body: DeleveragingStarted, gained_atoms: int, names: RunNames) -> FundRound:
    return FundRound(
        body.round,
        seq,
        body.instrument,
        names.size_of(body.instrument, body.size_lots),
        names.money_of(body.account, gained_atoms),
    )

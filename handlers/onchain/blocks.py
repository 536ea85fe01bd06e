"""Blocks as the clock of a chain, and the price of gas, which rises while more of it is asked for than a block aims at.

1. A block is mined each `interval_ns`. `demand` is the gas asked for at the usual fee, in millionths of what a block
   aims at. Before each block a part of what it is away from 1 goes; it rises with how far
   the mark of an asset has moved since the last block, and moves by a draw:

       demand = 1 + (demand - 1) x kept + sensitivity x greatest move + noise,    at least 0.1

2. Whoever wants gas wants the less of it the dearer it is: a block uses `demand x usual fee / fee`, at most twice its
   aim. The next base fee is

       fee x (1 + (used - 1) / 8)

   as EIP-1559 has it: at most an eighth more or less a block. A scenario of an earlier time keeps it as a model of
   what bidding for gas came to.
3. A block of `reorganised` falls away as the next one is mined: collateral and debts are what they were, and what a
   keeper has sold in a market it owes. The next block may hold the same liquidation again; where it does not, as the
   price has risen, the keeper stays short of the asset.
4. Draws are keyed by the block's number: neither transactions nor a fork change the noise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

import msgspec

from ...events.bodies.chain import BlockMined, BlockReorganised, SeizureReversed
from ...events.bodies.collateral import ConversionSet
from ...events.bodies.run import RunForked
from ...events.bodies.venue import TimerFired, TimerSet
from ...events.envelope import Event
from ...events.ledger import LedgerState
from ...events.vocabulary import Body
from ..draws import draw_below
from ..protocol import Handler, Product

__all__ = ["Blocks", "BlocksParameters", "next_fee_wei"]

_BLOCK = "block"
_PPM = 10**6
_LEAST_DEMAND_PPM = 100_000
_MOST_USED_PPM = 2_000_000
_CHANGE_PART = 8
_LEAST_FEE_WEI = 7


class BlocksParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`interval_ns` between blocks; the usual base fee; how demand moves; which blocks fall away.

    `sensitivity_ppm` is how many millionths demand rises by for each basis point of that move.
    """

    interval_ns: int = 12 * 10**9
    usual_fee_wei: int = 20 * 10**9
    kept_ppm: int = 980_000
    noise_ppm: int = 50_000
    sensitivity_ppm: int = 2_000
    reorganised: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a chain that stands still, and gas for nothing."""
        if self.interval_ns < 1 or self.usual_fee_wei < _LEAST_FEE_WEI or not 0 <= self.kept_ppm < _PPM:
            message = "interval_ns must be above 0, usual_fee_wei at least 7, and kept_ppm from 0 to 999999"
            raise ValueError(message)
        if min(self.noise_ppm, self.sensitivity_ppm) < 0:
            message = "noise_ppm and sensitivity_ppm must not be negative"
            raise ValueError(message)


def next_fee_wei(fee_wei: int, used_ppm: int) -> int:
    """The base fee after a block that used so many millionths of its aim, by rule 2, rounded toward the fee."""
    moved = fee_wei * abs(used_ppm - _PPM) // (_PPM * _CHANGE_PART)
    return fee_wei + max(moved, 1) if used_ppm > _PPM else max(_LEAST_FEE_WEI, fee_wei - moved)


class Blocks(Handler):
    """Mines a block after the other from the start of the run on."""

    name: ClassVar[str] = "chain"
    policy: ClassVar[str] = "blocks"
    subscribes: ClassVar[tuple[type[Body], ...]] = (ConversionSet, RunForked, TimerFired)
    Parameters: ClassVar[type[msgspec.Struct]] = BlocksParameters

    def __init__(self, parameters: BlocksParameters) -> None:
        self.rules = parameters

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """The first timer as the run begins; at each a block and the next timer."""
        body = event.body
        if isinstance(body, TimerFired):
            return list(self._mined(ledger, now_ns)) if body.purpose == _BLOCK else ()
        if any(one.timer.purpose == _BLOCK for one in ledger.timers.values()):
            return ()
        return (TimerSet(_BLOCK, now_ns + self.rules.interval_ns),)

    def _mined(self, ledger: LedgerState, now_ns: int) -> Iterator[Product]:
        chain, rules = ledger.chain, self.rules
        if chain.number in rules.reorganised:
            yield from _undone(ledger)
        demand_ppm, fee_wei = _PPM, rules.usual_fee_wei
        if chain.number:
            demand_ppm = self._demand_ppm(ledger)
            used_ppm = min(_MOST_USED_PPM, chain.demand_ppm * rules.usual_fee_wei // chain.base_fee_wei)
            fee_wei = next_fee_wei(chain.base_fee_wei, used_ppm)
        yield BlockMined(chain.number + 1, fee_wei, demand_ppm)
        yield TimerSet(_BLOCK, now_ns + rules.interval_ns)

    def _demand_ppm(self, ledger: LedgerState) -> int:
        chain, rules = ledger.chain, self.rules
        kept = (chain.demand_ppm - _PPM) * rules.kept_ppm // _PPM
        noise = draw_below(ledger.seed, 0, "demand for gas", chain.number, 2 * rules.noise_ppm + 1) - rules.noise_ppm
        return max(_LEAST_DEMAND_PPM, _PPM + kept + noise + self._moved_bps(ledger) * rules.sensitivity_ppm)

    def _moved_bps(self, ledger: LedgerState) -> int:
        """The greatest move of a mark since the last block."""
        moves = [0]
        for instrument, before_ticks in ledger.chain.marks.items():
            if before_ticks and ledger.venue_of_instrument(instrument) == self.venue:
                now_ticks = ledger.markets[instrument].mark_ticks
                moves.append(abs(now_ticks - before_ticks) * 10**4 // before_ticks)
        return max(moves)


def _undone(ledger: LedgerState) -> Iterator[Product]:
    """The last block falls away, and its liquidations with it, the last one first.

    One that left bad debt, which somebody has borne since, is in the block that takes its place as well.
    """
    chain = ledger.chain
    undone = [body for body in chain.seizures if ledger.accounts[body.account].amount_of(body.debt_asset) < 0]
    yield BlockReorganised(chain.number, len(undone))
    for body in reversed(undone):
        yield SeizureReversed(
            account=body.account,
            counterparty=body.counterparty,
            asset=body.asset,
            amount_atoms=body.amount_atoms,
            fee_atoms=body.fee_atoms,
            debt_asset=body.debt_asset,
            repaid_atoms=body.repaid_atoms,
        )

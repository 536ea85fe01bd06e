"""The importer of this format: two passes over the same admitted blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from heapq import merge

from ....events.bodies.inputs import PositionStated
from ....events.bodies.run import Producer
from ....sim.units import INT64_MAX, divide_half_even
from ..faults import Ahead, Faults
from ..reading import open_sources
from ..session import Session
from .admission import Admission, Admitted
from .fills import Block
from .forced import Liquidations
from .layouts import blocks
from .market import Coin, CoinNames, declare
from .misc import Misc, MiscTaking, read_misc, survey_misc
from .scales import ATOM_DECIMALS
from .share import EVERYBODY, ShardShare
from .snapshot import Snapshots
from .survey import SIZE_DECIMALS, Opening, Survey
from .taking import Taking

__all__ = ["HyperliquidImporter", "share_of"]

Watch = Callable[[int], None]

FILLS, MISC, SNAPSHOT = "hyperliquid-fills", "hyperliquid-misc", "hyperliquid-clearinghouse"

_COST_PER_ATOM = 10 ** (2 * SIZE_DECIMALS - ATOM_DECIMALS)


class HyperliquidImporter:
    """Node fills in the order of their files, with what else is given of the same time."""

    format = venue = "hyperliquid"
    producers: tuple[Producer, ...] = ()

    def __init__(
        self,
        fills: Sequence[str],
        misc: Sequence[str] = (),
        snapshots: Sequence[str] = (),
        share: ShardShare = EVERYBODY,
    ) -> None:
        """Find and hash the files. Raises ScenarioError where one is missing or named twice."""
        self.sources = open_sources(
            (
                *((name, FILLS) for name in fills),
                *((name, MISC) for name in misc),
                *((name, SNAPSHOT) for name in snapshots),
            )
        )
        self.options, self._share = share.options, share
        self._survey = Survey()
        self._snapshots = Snapshots([one for one in self.sources if one.layout == SNAPSHOT])

    def survey(self, faults: Faults, watch: Watch) -> int:
        """Meet every coin, token and account. Raises ScenarioError for files without a single trade or event."""
        survey = self._survey = Survey()
        admission = Admission(faults)
        for block, _ in admission.ordered(self._blocks(faults, admission.ahead, watch)):
            survey.feed(block, self._share.places(block))
        for misc in self._misc(faults, watch):
            survey_misc(survey, misc)
        if survey.start_ns is None or not survey.settling:
            raise faults.nothing_left(self.sources[0], "trade")
        self._snapshots.survey(survey, watch, self._share)
        return survey.start_ns

    def take(self, session: Session, watch: Watch) -> None:
        """Declare, state what was held before, then record everything by time; of one instant, misc events first."""
        names = declare(session, self._survey)
        stated = self._snapshots.take(session, names)
        self._state_openings(session, names, stated)
        liquidations = Liquidations(session, names)
        fills = Taking(session, names, liquidations, self._share)
        misc = MiscTaking(session, names, liquidations)
        admission = Admission(session.faults)
        admitted = admission.of(self._blocks(session.faults, admission.ahead, watch))
        happenings: Iterator[Misc | Admitted] = merge(self._misc(session.faults, watch), admitted, key=_at_ns)
        for happened in happenings:
            if _at_ns(happened) > session.at_ns:
                liquidations.flush()
            if isinstance(happened, Misc):
                misc.take(happened)
            else:
                fills.take(happened)
        liquidations.flush()

    def _blocks(self, faults: Faults, ahead: Ahead, watch: Watch) -> Iterator[Block]:
        for source in self.sources:
            if source.layout == FILLS:
                yield from blocks(source, faults, ahead, watch)

    def _misc(self, faults: Faults, watch: Watch) -> Iterator[Misc]:
        sources = [source for source in self.sources if source.layout == MISC]
        return map(self._share.of, read_misc(sources, faults, watch))

    def _state_openings(self, session: Session, names: CoinNames, stated: AbstractSet[str]) -> None:
        for (address, name), opening in self._survey.openings.of.items():
            if opening.position and address not in stated:
                body = _opening(names.coins[name], address, opening)
                # One of no whole lot, or beyond all bounds, is reported with its fill.
                if body.size_lots and max(abs(body.size_lots), abs(body.cost_atoms)) <= INT64_MAX:
                    session.inferred(body)


def share_of(
    fills: Sequence[str], misc: Sequence[str], snapshots: Sequence[str], shards: int, number: int
) -> HyperliquidImporter:
    """The importer of shard `number` of `shards`."""
    return HyperliquidImporter(fills, misc, snapshots, ShardShare(number, shards))


def _at_ns(happened: Misc | Admitted) -> int:
    return happened.at_ns if isinstance(happened, Misc) else happened.block.at_ns


def _opening(coin: Coin, address: str, opening: Opening) -> PositionStated:
    """An opening position in lots and atoms; one whose entry is not known says no row that told it."""
    lots = divide_half_even(opening.position, 10 ** (SIZE_DECIMALS - coin.scale.lot_decimals))
    cost = opening.position * opening.first_px if opening.told_by is None else opening.cost
    cost_atoms = divide_half_even(cost, _COST_PER_ATOM)
    return PositionStated(coin.accounts[address], coin.instrument, 0, lots, cost_atoms, opening.told_by)

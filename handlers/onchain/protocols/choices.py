"""Which lending protocols there are, and the rules of the one that decides now on a venue."""

from __future__ import annotations

from typing import Any

import msgspec

from ....events.ledger import LedgerState
from ..lending import Lending, LendingParameters
from .aave_v3 import AaveV3
from .compound_v3 import CompoundV3
from .maker import Maker
from .maker_1 import MakerOne

__all__ = ["LENDING", "rules_in_force"]

LENDING: tuple[type[Lending], ...] = (AaveV3, CompoundV3, Maker, MakerOne)


def rules_in_force(ledger: LedgerState, venue: str = "") -> LendingParameters | None:
    """The rules of the protocol that is on a venue now; None where there is none, or a plug-in's without offers."""
    producer = ledger.producer("lending", venue)
    kind = next((one for one in LENDING if producer is not None and one.policy == producer.policy), None)
    if producer is None or kind is None:
        return None
    stated = {key: value for key, value in producer.parameters.items() if key in kind.Parameters.__struct_fields__}
    found: Any = msgspec.convert(stated, kind.Parameters)
    assert isinstance(found, LendingParameters)
    return found

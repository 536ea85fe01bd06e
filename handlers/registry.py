"""Which handlers there are: the slots in the order of delivery, and the policies that can fill each.

A run names its choice as `Producer`s in `RunStarted`, so the handlers of any record can be built from the record alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from ..events.bodies.run import Producer
from ..events.errors import ScenarioError
from .adl_engine import AdlEngine
from .circuit_breaker import CircuitBreaker
from .funding import Funding
from .insurance_fund import InsuranceFund
from .liquidation_engine import LiquidationEngine
from .loss_socialization import LossSocialization
from .margin_monitor import MarginMonitor
from .mark_pricing import IndexMarkPricing, SmoothedMarkPricing
from .market import DepthMarket
from .policies.profit_leverage import ProfitLeverage
from .policies.profit_share import ProfitShare
from .protocol import Handler
from .trader_response import TraderResponse

__all__ = ["NONE", "SLOTS", "Choice", "build", "producer_of", "version_of"]

NONE = "none"
"""The policy of a slot that stays empty."""


class Choice(NamedTuple):
    """One policy for a slot: its parameters' type, the version it declares, and how to make the handler."""

    parameters: type[msgspec.Struct]
    version: str
    make: Callable[[Any], Handler]


def _handler(kind: type[Handler]) -> Choice:
    return Choice(kind.Parameters, kind.version, kind)


def _ranked(policy: type[ProfitLeverage | ProfitShare]) -> Choice:
    return Choice(policy.Parameters, policy.version, lambda parameters: AdlEngine(policy(parameters)))


SLOTS: Mapping[str, Mapping[str, Choice | None]] = {
    "mark": {"smoothed": _handler(SmoothedMarkPricing), "index": _handler(IndexMarkPricing)},
    "breaker": {"window": _handler(CircuitBreaker), NONE: None},
    "margin": {"tiered": _handler(MarginMonitor)},
    "traders": {"mixed": _handler(TraderResponse), NONE: None},
    "insurance_fund": {"floor": _handler(InsuranceFund)},
    "liquidation": {"partial-then-whole": _handler(LiquidationEngine)},
    "market": {"depth": _handler(DepthMarket)},
    "adl": {"profit-leverage": _ranked(ProfitLeverage), "profit-share": _ranked(ProfitShare)},
    "socialization": {"profit-pro-rata": _handler(LossSocialization)},
    "funding": {"interval": _handler(Funding), NONE: None},
}
"""Slot to policies, the first being the default; the order of the slots is the order of delivery."""


def producer_of(slot: str, settings: Mapping[str, Any], where: str) -> Producer | None:
    """A slot's settings (`policy`, `latency_ns` and the policy's parameters) as a producer; None for an empty slot.

    Raises ScenarioError naming the key under `where`.
    """
    given = dict(settings)
    policies = SLOTS[slot]
    policy = given.pop("policy", next(iter(policies)))
    latency_ns = given.pop("latency_ns", 0)
    if policy not in policies:
        message = f"{where}.policy: there is no {slot} policy {policy!r}; choose from {', '.join(policies)}"
        raise ScenarioError(message)
    if type(latency_ns) is not int or latency_ns < 0:
        message = f"{where}.latency_ns: {latency_ns!r} is not a whole number of nanoseconds from 0 on"
        raise ScenarioError(message)
    choice = policies[policy]
    if choice is None:
        return None
    parameters = msgspec.to_builtins(_convert(given, choice.parameters, where))
    return Producer(slot, policy, choice.version, parameters, latency_ns)


def version_of(producer: Producer) -> str:
    """The version that the installed policy of this name declares. Raises ScenarioError where there is none."""
    return _installed(producer).version


def build(producer: Producer) -> Handler:
    """The handler that a producer declares. Raises ScenarioError where this version has no such policy."""
    choice = _installed(producer)
    return choice.make(_convert(producer.parameters, choice.parameters, f"$.{producer.handler}"))


def _installed(producer: Producer) -> Choice:
    choice = SLOTS.get(producer.handler, {}).get(producer.policy)
    if choice is None:
        message = f"policy {producer.handler}:{producer.policy} is not installed; install what the record was made with"
        raise ScenarioError(message)
    return choice


def _convert(given: Mapping[str, Any], kind: type[msgspec.Struct], where: str) -> msgspec.Struct:
    try:
        return msgspec.convert(dict(given), kind)
    except msgspec.ValidationError as error:
        text = str(error)
        what, _, path = text.partition(" - at `$")
        message = f"{where}{path.rstrip('`')}: {what}; correct the scenario or the --set"
        raise ScenarioError(message) from None

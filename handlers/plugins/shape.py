"""What a class must have to fill a slot, and the choice that comes of it.

1. A subclass of `Handler` fills the slot that it is named after: `name`, `subscribes` and `handle` are its own.
2. Any other class is a policy of a builtin engine, in the slots of `POLICIES`: it has the methods that are asked
   (`policies/ranking.py`, `policies/liquidation/step.py`, `living/strategist.py`, `margin_rules.py`). An ADL policy may
   declare a `formula` (`policies/formula.py`), against which its scores are held; in other slots `formula` says the
   rule in a line.
3. `Parameters` is a msgspec Struct of whole numbers, decimals and texts; without one there is nothing to set.
4. Every complaint is one line that names the class and what it lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, get_args

import msgspec

from ...events.errors import ScenarioError
from ...events.vocabulary import BODY_TYPES
from ..adl_engine import AdlEngine, ClosingSettings
from ..choice import Choice
from ..liquidation_engine import LiquidationEngine
from ..living.strategist import Strategist, StrategistSettings
from ..margin_rules import MarginRules, RuleSettings
from ..order import OrderSettings
from ..policies.formula import formula_in
from ..policies.ranking import Worth
from ..policies.score_formula import unknown_name
from ..protocol import Handler, NoParameters
from .complaints import own_line
from .found import Found, version_with
from .handler_guard import guarded
from .own_events import is_own, own_types
from .ranking_guard import guarded_ranking
from .rooms import ROOMS, Provided
from .seeing_guards import guarded_model, guarded_strategy
from .step_guard import guarded_steps

__all__ = ["POLICIES", "PolicyKind", "choice_of"]


class PolicyKind(NamedTuple):
    """What a policy of a builtin engine must have, the engine's own settings for it, and the engine around the policy.

    The engine is made from its settings and the policy's name, version, class, instance and parameters.
    """

    methods: Mapping[str, str]
    settings: Callable[[type], msgspec.Struct]
    engine: Callable[[Any, str, str, type, object, msgspec.Struct], Handler]


POLICIES: Mapping[str, PolicyKind] = {
    "adl": PolicyKind(
        {"scores": "scores(candidates), which gives one whole number per candidate"},
        lambda kind: ClosingSettings(getattr(kind, "worth", "bankruptcy")),
        lambda settings, *policy: AdlEngine(guarded_ranking(*policy), settings),
    ),
    "liquidation": PolicyKind(
        {
            "hands_over": "hands_over(situation, *, unfilled), which gives a reason or None",
            "pause_ns": "pause_ns(situation), which gives nanoseconds",
            "step": "step(situation), which gives a Step",
        },
        lambda _kind: OrderSettings(),
        lambda _order, *policy: LiquidationEngine(guarded_steps(*policy)),
    ),
    "strategist": PolicyKind(
        {"lots": "lots(seen), which gives a whole number of lots"},
        lambda _kind: StrategistSettings(),
        lambda settings, *policy: Strategist(guarded_strategy(*policy), settings or StrategistSettings()),
    ),
    "margin_rules": PolicyKind(
        {"rate_ppm": "rate_ppm(seen), which gives millionths of the notional"},
        lambda _kind: RuleSettings(),
        lambda settings, *policy: MarginRules(guarded_model(*policy), settings or RuleSettings()),
    ),
    **{
        room: PolicyKind(
            methods, lambda _kind: NoParameters(), lambda _none, _name, _version, _kind, made, _own: Provided(made)
        )
        for room, methods in ROOMS.items()
    },
}
"""The slots and rooms whose plug-ins need not be handlers."""


def choice_of(slot: str, found: Found, kind: object) -> Choice:
    """The class as a choice for a slot. Raises ScenarioError naming the class and what is missing."""
    complaint = _complaint(slot, kind)
    if complaint:
        message = f"plug-in {found.name} ({found.origin}): {complaint}"
        raise ScenarioError(message)
    assert isinstance(kind, type)
    version = version_with(getattr(kind, "version", "1"), found.digest)
    parameters = getattr(kind, "Parameters", NoParameters)
    if issubclass(kind, Handler):
        return Choice(parameters, version, _handler_maker(found, kind))
    return Choice(parameters, version, _policy_maker(slot, found.name, version, kind), POLICIES[slot].settings(kind))


def _handler_maker(found: Found, kind: type[Handler]) -> Callable[[Any], Handler]:
    watched = guarded(kind, own_types(kind, found))

    def make(parameters: msgspec.Struct) -> Handler:
        handler: Handler = _made(found.name, watched, parameters)
        handler.plugin = found.name
        return handler

    return make


def _policy_maker(slot: str, name: str, version: str, kind: type) -> Callable[[Any, Any], Handler]:
    def make(parameters: msgspec.Struct, settings: msgspec.Struct | None = None) -> Handler:
        policy = _made(name, kind, parameters)
        engine = POLICIES[slot].engine(settings, name, version, kind, policy, parameters)
        engine.plugin = name
        return engine

    return make


def _made(name: str, kind: type, parameters: msgspec.Struct) -> Any:
    """An instance; a class without an `__init__` of its own is made without parameters. Raises ScenarioError."""
    try:
        return kind() if kind.__init__ is object.__init__ else kind(parameters)  # type: ignore[misc]
    except (Exception, SystemExit) as error:
        message = f"plug-in {name} could not be made of {parameters}: {type(error).__name__}: {error}{own_line(error)}"
        raise ScenarioError(message) from error


def _complaint(slot: str, kind: object) -> str:
    """The first thing that is wrong, in words; empty where nothing is."""
    if not isinstance(kind, type):
        return f"it is {kind!r} and no class"
    told, version = kind.__name__, getattr(kind, "version", "1")
    if not isinstance(version, str):
        return f"{told}.version is {version!r}; it must be a text"
    if issubclass(kind, Handler):
        return _handler(slot, kind, told) or _parameters(kind, told, ())
    return _policy(slot, kind, told) or _parameters(kind, told, POLICIES[slot].settings(kind).__struct_fields__)


def _handler(slot: str, kind: type[Handler], told: str) -> str:
    if getattr(kind, "name", None) != slot:
        return f"{told}.name is {getattr(kind, 'name', None)!r}; to fill this slot it must be {slot!r}"
    if kind.handle is Handler.handle:
        return f"{told} lacks handle(event, ledger, now_ns)"
    for lists in ("subscribes", "observes"):
        kinds = getattr(kind, lists, None)
        if not isinstance(kinds, tuple) or any(one not in BODY_TYPES and not is_own(one) for one in kinds):
            return f"{told}.{lists} is {kinds!r}; it must be a tuple of types of events"
    return ""


def _policy(slot: str, kind: type, told: str) -> str:
    wanted = POLICIES.get(slot)
    if wanted is None:
        return f"{told} is no subclass of deleverage.handlers.protocol.Handler, which this slot ({slot}) needs"
    if getattr(kind, "slot", slot) != slot:
        return f"{told}.slot is {getattr(kind, 'slot', None)!r}; to fill this slot it must be {slot!r}"
    for method, said in wanted.methods.items():
        if not callable(getattr(kind, method, None)):
            return f"{told} lacks {said}"
    if slot == "adl":
        return _ranking(kind, told)
    if slot in ROOMS:
        return ""
    return "" if isinstance(getattr(kind, "formula", None), str) else f"{told} lacks formula, a text that says its rule"


def _ranking(kind: type, told: str) -> str:
    """What an ADL policy says besides its scores."""
    worth, figures = getattr(kind, "worth", "bankruptcy"), getattr(kind, "figures", ())
    if worth not in get_args(Worth):
        return f"{told}.worth is {worth!r}; it must be one of {', '.join(get_args(Worth))}"
    if not isinstance(figures, tuple) or (figures and not callable(getattr(kind, "figures_in", None))):
        return f"{told}.figures is {figures!r}; it must be a tuple of names, which figures_in() then gives"
    formula = getattr(kind, "formula", None)
    if isinstance(formula, property) or not formula:
        return ""  # read when the policy is made, or not there
    if not isinstance(formula, str):
        return f"{told}.formula is {formula!r}; it must be a text"
    fault = _misread(formula, (*getattr(getattr(kind, "Parameters", None), "__struct_fields__", ()), *figures))
    return f"{told}.formula {formula!r} cannot be read: {fault}; correct it, or leave it out" if fault else ""


def _misread(formula: str, names: tuple[str, ...]) -> str:
    """Why a formula is none, with these names besides a candidate's figures; empty where it is one."""
    try:
        return unknown_name(formula_in(formula), names)
    except ValueError as error:
        return str(error)


def _parameters(kind: type, told: str, taken: Sequence[str]) -> str:
    """What is wrong with the parameters; `taken` are the names of the engine's own settings."""
    parameters = getattr(kind, "Parameters", NoParameters)
    if not isinstance(parameters, type) or not issubclass(parameters, msgspec.Struct):
        return f"{told}.Parameters is {parameters!r}; it must be a msgspec.Struct"
    try:
        info = msgspec.inspect.type_info(parameters)
    except Exception as error:  # noqa: BLE001 - an annotation can be anything
        return f"{told}.Parameters has a type that cannot be read: {error}"
    assert isinstance(info, msgspec.inspect.StructType)
    for field in info.fields:
        if isinstance(field.type, msgspec.inspect.FloatType):
            return f"{told}.Parameters.{field.name} is a floating-point number; use int or Decimal"
        if field.name in taken:
            return f"{told}.Parameters.{field.name} is a setting of the engine around it; call it otherwise"
        if field.required:
            return f"{told}.Parameters.{field.name} has no default; give it one"
    return ""

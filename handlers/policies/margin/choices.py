"""The builtin models of the slot `margin_rules`, each with the rules around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...choice import Choice
from ...margin_rules import MarginRules, RuleSettings
from .holdings import Concentration, OpenInterestMargin
from .returns import ExpectedShortfall, RealisedVolatility

__all__ = ["MARGIN_CHOICES"]


def _choice(model: Any) -> Choice:
    return Choice(
        model.Parameters,
        model.version,
        lambda parameters, settings=None: MarginRules(model(parameters), settings or RuleSettings()),
        RuleSettings(),
    )


MARGIN_CHOICES: Mapping[str, Choice] = {
    model.policy: _choice(model) for model in (RealisedVolatility, Concentration, OpenInterestMargin, ExpectedShortfall)
}
"""Name to model."""

"""How large a shock is: its Mahalanobis distance against a stated covariance.

1. d = sqrt(x' C^-1 x), x the shock in the units of its directions, C their covariance (Mahalanobis 1936, "On the
   generalised distance in statistics"). Along one direction alone it is the number of its standard deviations.
2. C is stated as standard deviations, in hundredths of a unit, and correlations, in ten-thousandths: what is printed is
   exactly what was reckoned with.
3. Of prices it is estimated from moves over the time within which a shock arrives, as far as none is given. The other
   directions are taken as independent, with deviations that are ours (`OURS`).
4. Fractions throughout; a distance is rounded down to thousandths.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from math import isqrt
from operator import mul
from pathlib import Path
from typing import Any

import msgspec

from ...events.errors import QueryError, ScenarioError
from ...sim.toml_tree import parse_toml
from .directions import Direction, Shock

__all__ = ["DISTANCE", "OURS", "Covariance", "estimated", "given_covariance"]

DISTANCE = 1_000
"""Distances are in thousandths."""

OURS = {"volatility": 5_000, "liquidity": 250_000, "fault": 6_000}
"""A standard deviation in hundredths of a unit, where none is known: 50 bps, 2,500 bps of depth, 60 s."""

_HUNDREDTHS, _WHOLE = 100, 10**4
_PPM = 10**6
_SHRINK = _WHOLE // 100
_SQUARINGS, _SQUARED = 24, 10**18
_MOVES_MIN = 2


class Covariance(msgspec.Struct, frozen=True, dict=True):
    """`deviations` in hundredths of each unit, `correlations` in ten-thousandths; `stated` says where from."""

    deviations: tuple[int, ...]
    correlations: tuple[tuple[int, ...], ...]
    stated: str

    @cached_property
    def inverse(self) -> tuple[tuple[Fraction, ...], ...]:
        """Of the matrix, in units. Raises QueryError where it is not positive definite."""
        size = len(self.deviations)
        unit = [[Fraction(row == column) for column in range(size)] for row in range(size)]
        matrix = [[*self._row(row), *unit[row]] for row in range(size)]
        for place in range(size):
            if matrix[place][place] <= 0:
                message = (
                    "the covariance is not positive definite, so that no distance follows from it; give correlations "
                    "that can be of one distribution"
                )
                raise QueryError(message)
            matrix[place] = [value / matrix[place][place] for value in matrix[place]]
            for row in range(size):
                if row != place and (factor := matrix[row][place]):
                    pairs = zip(matrix[row], matrix[place], strict=True)
                    matrix[row] = [value - factor * other for value, other in pairs]
        return tuple(tuple(row[size:]) for row in matrix)

    @property
    def is_definite(self) -> bool:
        """Whether it can be that of a distribution in which nothing follows from the rest."""
        try:
            return bool(self.inverse)
        except QueryError:
            return False

    def _row(self, row: int) -> list[Fraction]:
        own = self.deviations[row]
        pairs = zip(self.correlations[row], self.deviations, strict=True)
        return [Fraction(own * other * share, _HUNDREDTHS**2 * _WHOLE) for share, other in pairs]

    def square(self, shock: Shock) -> Fraction:
        """The distance times itself, exactly; O(directions squared)."""
        rows = zip(shock, self.inverse, strict=True)
        return sum(
            (one * sum((value * other for value, other in zip(row, shock, strict=True)), Fraction(0)))
            for one, row in rows
            if one
        ) or Fraction(0)

    def distance(self, shock: Shock) -> int:
        """In thousandths, rounded down."""
        square = self.square(shock)
        return isqrt(DISTANCE**2 * square.numerator // square.denominator)

    def principal(self, places: Sequence[int]) -> tuple[int, ...]:
        """The first eigen-direction among some directions, in thousandths of its largest part, the sum positive.

        By squaring the matrix over and over, in whole numbers: what is left of it is that direction times itself. 0 at
        all other places.
        """
        matrix = [[row[place] for place in places] for row in (self._row(place) for place in places)]
        for _ in range(_SQUARINGS):
            largest = max(matrix[place][place] for place in range(len(places)))
            whole = [[round(value * _SQUARED / largest) for value in row] for row in matrix]
            matrix = [[Fraction(sum(map(mul, row, other))) for other in whole] for row in whole]
        longest = max(range(len(places)), key=lambda place: matrix[place][place])
        vector = [round(part * DISTANCE / matrix[longest][longest]) for part in matrix[longest]]
        sign = 1 if sum(vector) >= 0 else -1
        found = dict(zip(places, (sign * part for part in vector), strict=True))
        return tuple(found.get(place, 0) for place in range(len(self.deviations)))


def estimated(directions: Sequence[Direction], prices: Mapping[int, Sequence[int]], stated: str) -> Covariance:
    """From the prices of instruments at even distances in time, as many of each; the rest by `OURS`.

    Correlations are shrunk by whole percents until the matrix is positive definite. Raises QueryError where prices do
    not move.
    """
    moves = [_moves(one, prices) if one.is_price else [] for one in directions]
    deviations = [
        _deviation(one, own) if one.is_price else OURS[one.kind] for one, own in zip(directions, moves, strict=True)
    ]
    for left in range(_WHOLE, -1, -_SHRINK):
        correlations = tuple(
            tuple(
                _WHOLE if row == column else _correlation(moves[row], moves[column]) * left // _WHOLE
                for column in range(len(directions))
            )
            for row in range(len(directions))
        )
        shrunk = "" if left == _WHOLE else f", correlations times {Decimal(left) / _WHOLE}"
        found = Covariance(tuple(deviations), correlations, stated + shrunk)
        if found.is_definite:
            return found
    raise AssertionError


def _moves(one: Direction, prices: Mapping[int, Sequence[int]]) -> list[int]:
    """In millionths, rounded down, of the first instrument."""
    own = prices.get(one.instruments[0], ())
    return [(now - then) * _PPM // then for then, now in pairwise(own)]


def _deviation(one: Direction, moves: Sequence[int]) -> int:
    """The standard deviation in hundredths of a basis point, which are millionths."""
    found = isqrt(_sum_of_products(moves, moves) // len(moves) ** 2) if len(moves) >= _MOVES_MIN else 0
    if not found:
        message = f"{one.name}: too few prices that move to estimate a deviation from; give --covariance FILE"
        raise QueryError(message)
    return found


def _sum_of_products(one: Sequence[int], other: Sequence[int]) -> int:
    """The covariance times the square of how many there are: n sum(xy) - sum(x) sum(y)."""
    return len(one) * sum(a * b for a, b in zip(one, other, strict=True)) - sum(one) * sum(other)


def _correlation(one: Sequence[int], other: Sequence[int]) -> int:
    if not one or not other:
        return 0
    square = _sum_of_products(one, one) * _sum_of_products(other, other)
    return _sum_of_products(one, other) * _WHOLE // (isqrt(square) or 1)


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of `--covariance`."""

    deviations: dict[str, Decimal]
    correlations: dict[str, Decimal] = {}


def given_covariance(path: Path, directions: Sequence[Direction]) -> Covariance:
    """A covariance of a TOML file: `[deviations]` by direction, `[correlations]` by two of them with a comma between.

    Raises QueryError for what is missing or unknown, naming it, and for a matrix that is not positive definite.
    """
    table, names = _table(path), [one.name for one in directions]
    for name in names:
        if not table.deviations.get(name, Decimal(0)) > 0:
            message = f'{path}: give "{name}" under [deviations], above 0; the directions are {", ".join(names)}'
            raise QueryError(message)
    places = {name: place for place, name in enumerate(names)}
    shares = [[_WHOLE if row == column else 0 for column in names] for row in names]
    for key, value in table.correlations.items():
        pair = [places.get(name.strip()) for name in key.split(",")]
        if len(pair) != 2 or None in pair or pair[0] == pair[1] or not -1 < value < 1:  # noqa: PLR2004 - two of them
            message = f'{path}: "{key}" under [correlations]: write two of {", ".join(names)}, and a number within 1'
            raise QueryError(message)
        one, other = (place for place in pair if place is not None)
        shares[one][other] = shares[other][one] = int(value * _WHOLE)
    deviations = tuple(max(1, int(table.deviations[name] * _HUNDREDTHS)) for name in names)
    found = Covariance(deviations, tuple(map(tuple, shares)), f"{path}")
    assert found.inverse
    return found


def _table(path: Path) -> _Table:
    try:
        tree: Any = parse_toml(path.read_text(encoding="utf-8"), str(path))
        return msgspec.convert(tree, _Table)
    except OSError as error:
        message = f"{path}: it cannot be read ({error.strerror}); give a TOML file with [deviations]"
        raise QueryError(message) from None
    except UnicodeDecodeError:
        message = f"{path}: it is no text in UTF-8; give a TOML file with [deviations]"
        raise QueryError(message) from None
    except (ScenarioError, msgspec.ValidationError) as error:
        message = f"{path}: {error}; give [deviations] and [correlations] of numbers"
        raise QueryError(message) from None

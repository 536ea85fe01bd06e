"""The smallest shock that meets a target, looked for along rays and then among mixtures of directions.

1. A ray is a proportion of the directions; a place on it is how far its largest part goes, in the unit of that part. A
   ray is searched from near to far, doubling until a place meets the target or the bound is reached, and then halving:
   the end is one place that meets it and one before it that does not. They are `resolution` apart at most where the
   ray may have the smallest; where already the place before is larger than what another ray found, `COARSE` times that.
2. The rays are each direction alone, prices either way, all prices together either way, and the first eigen-direction
   of the prices' covariance either way, weighed by nothing but what is stated.
3. Then mixtures: the best ray is turned towards each direction and away from it by a part of its size, in standard
   deviations. A turned ray is only followed when it meets the target at a smaller distance than the best; the part is
   halved when none does.
4. What comes out is the smallest found among what was tried, never the smallest there is: between two places that were
   tried, and off the rays, nothing is known.
5. Every search is a generator: it yields a shock, is sent whether that met the target, and returns what it found. They
   go side by side, so that a round is one trial of each.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from fractions import Fraction

import msgspec

from ...sim.units import divide_half_even
from .covariance import Covariance
from .directions import Direction, Shock

__all__ = ["COARSE", "Ray", "RayBracket", "Search", "finely", "mixtures", "rays_of", "searched", "side_by_side"]

COARSE = 8
"""A ray that cannot have the smallest is known to so many times the resolution."""

Search = Generator[Shock, bool, "RayBracket"]
Ask = Callable[[Sequence[Shock]], Sequence[bool]]
"""Whether each of some shocks meets the target."""


class Ray(msgspec.Struct, frozen=True):
    """A proportion of the directions, with its name."""

    name: str
    weights: tuple[int, ...]

    @property
    def leading(self) -> int:
        """The direction of its largest part."""
        return max(range(len(self.weights)), key=lambda place: abs(self.weights[place]))

    def at(self, place: int) -> Shock:
        """The shock at a place, each part rounded to its unit, half to even."""
        largest = abs(self.weights[self.leading])
        return tuple(divide_half_even(weight * place, largest) for weight in self.weights)

    def place(self, shock: Shock) -> int:
        """Where on it a shock is."""
        return abs(shock[self.leading])

    def most(self, directions: Sequence[Direction]) -> int:
        """The farthest place at which no direction is beyond what is looked at."""
        largest = abs(self.weights[self.leading])
        pairs = zip(directions, self.weights, strict=True)
        return min(one.most * largest // abs(weight) for one, weight in pairs if weight)


class RayBracket(msgspec.Struct, frozen=True):
    """`meets` met the target, `spares` did not; None where nothing did up to the bound, which is `spares`."""

    ray: Ray
    spares: Shock
    meets: Shock | None


def rays_of(directions: Sequence[Direction], covariance: Covariance) -> tuple[Ray, ...]:
    """All that are searched."""
    found: list[Ray] = []
    for place, one in enumerate(directions):
        weights = tuple(int(place == other) for other in range(len(directions)))
        found += _both_ways(one.name, weights) if one.is_price else [Ray(one.name, weights)]
    prices = [place for place, one in enumerate(directions) if one.is_price]
    if len(prices) > 1:
        together = tuple(int(place in prices) for place in range(len(directions)))
        found += _both_ways("all prices", together)
        found += _both_ways("first factor", covariance.principal(prices))
    return tuple(found)


def _both_ways(name: str, weights: tuple[int, ...]) -> list[Ray]:
    return [Ray(f"{name} down", tuple(-one for one in weights)), Ray(f"{name} up", weights)]


def searched(ray: Ray, first: int, most: int, resolution: int) -> Search:
    """A ray from a first place to its bound."""
    spares, meets, place = 0, 0, min(first, most)
    while not meets:
        if (yield ray.at(place)):
            meets = place
        elif place >= most:
            return RayBracket(ray, ray.at(place), None)
        else:
            spares, place = place, min(2 * place, most)
    return (yield from _between(ray, spares, meets, resolution))


def finely(rays: Sequence[RayBracket], covariance: Covariance, resolution: int, asked: Ask) -> list[RayBracket]:
    """The rays that may have the smallest, halved further; the others as they are."""
    squares = [covariance.square(one.meets) for one in rays if one.meets is not None]
    chosen = {
        number: _between(one.ray, one.ray.place(one.spares), one.ray.place(one.meets), resolution)
        for number, one in enumerate(rays)
        if one.meets is not None and covariance.square(one.spares) < min(squares)
    }
    found = dict(zip(chosen, side_by_side(list(chosen.values()), asked), strict=True))
    return [found.get(number, one) for number, one in enumerate(rays)]


def _between(ray: Ray, spares: int, meets: int, resolution: int) -> Search:
    """Halve what lies between a place that spares and one that meets the target."""
    while meets - spares > resolution:
        middle = (meets + spares) // 2
        if (yield ray.at(middle)):
            meets = middle
        else:
            spares = middle
    return RayBracket(ray, ray.at(spares), ray.at(meets))


def side_by_side(searches: Sequence[Search], asked: Ask) -> list[RayBracket]:
    """What each finds, however long it takes: a round asks one shock of each that is not done, all at once."""
    found: dict[int, RayBracket] = {}
    waiting: dict[int, Shock] = {}

    def go_on(number: int, met: bool | None) -> None:  # noqa: FBT001 - what a generator is sent
        try:
            waiting[number] = searches[number].send(met)  # type: ignore[arg-type] # the first time nothing
        except StopIteration as ended:
            found[number] = ended.value
            waiting.pop(number, None)

    for number in range(len(searches)):
        go_on(number, None)
    while waiting:
        for number, met in list(zip(waiting, asked(list(waiting.values())), strict=True)):
            go_on(number, met)
    return [found[number] for number in range(len(searches))]


def mixtures(
    best: RayBracket, directions: Sequence[Direction], covariance: Covariance, resolution: int, asked: Ask, rounds: int
) -> Iterator[list[RayBracket]]:
    """The brackets of each round of mixtures that were followed, the smallest of which is the next to be turned."""
    part = Fraction(1, 2)
    for _ in range(rounds):
        assert best.meets is not None
        square = covariance.square(best.meets)
        turned = [ray for ray in _turned(best.meets, directions, covariance, part) if ray.weights != best.ray.weights]
        places = [_place_within(ray, square, directions, covariance, resolution) for ray in turned]
        trials = [(ray, place) for ray, place in zip(turned, places, strict=True) if place]
        answers = asked([ray.at(place) for ray, place in trials])
        met = [trial for trial, answer in zip(trials, answers, strict=True) if answer]
        brackets = side_by_side([_between(ray, 0, place, resolution) for ray, place in met], asked)
        yield brackets
        smaller = min(brackets, key=lambda one: covariance.square(one.meets or ()), default=best)
        if smaller is best:
            part /= 2
        best = smaller


def _turned(shock: Shock, directions: Sequence[Direction], covariance: Covariance, part: Fraction) -> Iterator[Ray]:
    """A shock with so large a part of its distance put to each direction, and taken from it."""
    distance = Fraction(covariance.distance(shock), 1000)
    for place, one in enumerate(directions):
        step = int(distance * part * Fraction(covariance.deviations[place], 100)) or 1
        for value in (shock[place] + step, shock[place] - step):
            if one.is_price or value >= 0:
                weights = (*shock[:place], value, *shock[place + 1 :])
                if any(weights):
                    yield Ray("mixture", weights)


def _place_within(
    ray: Ray, square: Fraction, directions: Sequence[Direction], covariance: Covariance, resolution: int
) -> int:
    """The farthest place on a ray that is closer than a distance by the resolution; 0 where there is none."""
    low, high = 0, ray.most(directions) + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if covariance.square(ray.at(middle)) < square else (low, middle)
    return max(0, low - resolution)

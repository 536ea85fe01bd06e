"""The language in which a ranking policy declares its formula: parsed, never executed as code, and exact.

    formula     sum ["if" sum comparison sum "else" formula]          comparison: < <= > >= == !=
    sum         product {("+" | "-") product}
    product     signed {("x" | "*" | "/" | "mod") signed}             a mod b = a - b x floor(a / b)
    signed      ["-"] power
    power       atom ["^" ["-"] whole number]
    atom        number | name | "(" formula ")" | "|" formula "|" | "floor(" formula ")"
                | ("min" | "max") "(" formula {"," formula} ")"

1. A number is written in decimal digits (`10_000`, `0.05`) and is what it says: values are ratios of whole numbers, and
   nothing is rounded on the way.
2. The score is floor(value x 10^9), from -2^63 to 2^63-1. A division by zero, anywhere, gives the greatest score there
   is.
3. What was read is printed as it stands; with figures in place of its names it is a formula again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from operator import eq, ge, gt, le, lt, ne
from typing import NoReturn

from .ranking import SCORE_MAX, SCORE_MIN, SCORE_SCALE

__all__ = ["Formula", "Value", "decimal_text", "formula_in"]

Value = tuple[int, int]
"""A ratio of whole numbers; the second is above zero."""

_Node = Callable[[Sequence[Value]], Value]

_LONGEST, _DEEPEST, _EXPONENT_MOST = 400, 40, 18
_TOKEN = re.compile(r" *(?:(\d[\d_]*(?:\.\d+)?)|([A-Za-z_]\w*)|(<=|>=|==|!=|[-+*/^|(),<>]))", re.ASCII)
_NAME = re.compile(r"\b[A-Za-z_]\w*", re.ASCII)
_RESERVED = frozenset(("x", "mod", "min", "max", "floor", "if", "else"))
_COMPARISONS: Mapping[str, Callable[[int, int], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge, "==": eq, "!=": ne}


def _add(a: Value, b: Value) -> Value:
    return a[0] * b[1] + b[0] * a[1], a[1] * b[1]


def _subtract(a: Value, b: Value) -> Value:
    return a[0] * b[1] - b[0] * a[1], a[1] * b[1]


def _multiply(a: Value, b: Value) -> Value:
    return a[0] * b[0], a[1] * b[1]


def _divide(a: Value, b: Value) -> Value:
    if not b[0]:
        raise ZeroDivisionError
    return (a[0] * b[1], a[1] * b[0]) if b[0] > 0 else (-a[0] * b[1], -a[1] * b[0])


def _modulo(a: Value, b: Value) -> Value:
    return _subtract(a, _multiply(b, _floor(_divide(a, b))))


def _floor(a: Value) -> Value:
    return a[0] // a[1], 1


def _less(a: Value, b: Value) -> bool:
    return a[0] * b[1] < b[0] * a[1]


_SUMS = {"+": _add, "-": _subtract}
_PRODUCTS = {"x": _multiply, "*": _multiply, "/": _divide, "mod": _modulo}


class Formula:
    """A formula as it was read; `names` are those that it uses, each once, in the order of their first appearance."""

    def __init__(self, text: str) -> None:
        """Read it. Raises ValueError that says what is wrong and where."""
        parser = _Parser(text)
        self.text = text
        self._node = parser.whole()
        self.names = tuple(parser.names)

    def score(self, values: Sequence[Value]) -> int:
        """floor(value x 10^9) with a value for each of `names`, within what a score can be; exact."""
        try:
            above, below = self._node(values)
        except ZeroDivisionError:
            return SCORE_MAX
        return max(SCORE_MIN, min(above * SCORE_SCALE // below, SCORE_MAX))

    def divides_by_zero(self, values: Sequence[Value]) -> bool:
        """Whether there is no value."""
        try:
            self._node(values)
        except ZeroDivisionError:
            return True
        return False

    def filled(self, texts: Mapping[str, str]) -> str:
        """The formula with these texts in place of its names; one below zero gets parentheses, unless it has bars."""

        def figure(found: re.Match[str]) -> str:
            text, between = texts.get(found[0], found[0]), self.text[found.start() - 1 : found.end() + 1]
            return f"({text})" if text.startswith("-") and between != f"|{found[0]}|" else text

        return _NAME.sub(figure, self.text)


@cache
def formula_in(text: str) -> Formula:
    """The formula of a text. Raises ValueError that says what is wrong and where."""
    return Formula(text)


def decimal_text(value: Value) -> str:
    """A value in decimal digits, exactly: `1234.5`, `-7`; as a division where no number of digits is enough."""
    above, below = value
    decimals = next((n for n in range(below.bit_length() + 1) if not 10**n % below), None)
    if decimals is None:
        return f"({above} / {below})"
    digits = f"{abs(above) * 10**decimals // below:0{decimals + 1}d}"
    whole, part = (digits[:-decimals], digits[-decimals:].rstrip("0")) if decimals else (digits, "")
    return f"{'-' if above < 0 else ''}{whole}{'.' if part else ''}{part}"


class _Parser:
    """Reads tokens from the left; each method takes what it is named after and gives what works it out."""

    def __init__(self, text: str) -> None:
        if len(text) > _LONGEST:
            message = f"it has {len(text)} characters, and {_LONGEST} are the most"
            raise ValueError(message)
        self.names: dict[str, int] = {}
        self._tokens, self._at, self._depth = _tokens(text), 0, 0

    def whole(self) -> _Node:
        node = self._formula()
        if self._next():
            self._refuse("the end")
        return node

    def _next(self) -> str:
        return self._tokens[self._at]

    def _take(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1]

    def _takes(self, token: str) -> bool:
        found = self._next() == token
        self._at += found
        return found

    def _need(self, token: str) -> None:
        if not self._takes(token):
            self._refuse(f"`{token}`")

    def _refuse(self, due: str) -> NoReturn:
        before = " ".join(self._tokens[: self._at])
        found = f"`{self._next()}` stands" if self._next() else "it ends"
        message = f"{found} where {due} is due{f', after `{before}`' if before else ''}"
        raise ValueError(message)

    def _formula(self) -> _Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            message = f"it is nested deeper than {_DEEPEST}"
            raise ValueError(message)
        node = self._sum()
        if self._takes("if"):
            node = self._choice(node)
        self._depth -= 1
        return node

    def _choice(self, then: _Node) -> _Node:
        left = self._sum()
        compare = _COMPARISONS.get(self._next())
        if compare is None:
            self._refuse("a comparison")
        self._take()
        right = self._sum()
        self._need("else")
        other = self._formula()

        def choice(values: Sequence[Value]) -> Value:
            a, b = left(values), right(values)
            return (then if compare(a[0] * b[1], b[0] * a[1]) else other)(values)

        return choice

    def _sum(self) -> _Node:
        return self._chain(_SUMS, self._product)

    def _product(self) -> _Node:
        return self._chain(_PRODUCTS, self._signed)

    def _chain(self, operators: Mapping[str, Callable[[Value, Value], Value]], part: Callable[[], _Node]) -> _Node:
        """Parts with operators between them, worked out from the left."""
        node = part()
        while self._next() in operators:
            node = _joined(operators[self._take()], node, part())
        return node

    def _signed(self) -> _Node:
        if not self._takes("-"):
            return self._power()
        return _joined(_subtract, _constant((0, 1)), self._power())

    def _power(self) -> _Node:
        base = self._atom()
        if not self._takes("^"):
            return base
        inverse, digits = self._takes("-"), self._next()
        if not digits.isdecimal() or int(digits) > _EXPONENT_MOST:
            self._refuse(f"a whole number up to {_EXPONENT_MOST}")
        exponent = int(self._take())

        def power(values: Sequence[Value]) -> Value:
            above, below = base(values)
            raised = above**exponent, below**exponent
            return _divide((1, 1), raised) if inverse else raised

        return power

    def _atom(self) -> _Node:
        if self._takes("("):
            return self._closed(")")
        if self._takes("|"):
            within = self._closed("|")
            return lambda values: (abs((found := within(values))[0]), found[1])
        token = self._next()
        if token[:1].isdecimal():
            self._take()
            return _constant(_number(token))
        if token in ("min", "max", "floor"):
            return self._function(self._take())
        if not token.isidentifier() or token in _RESERVED:
            self._refuse("a number, a name or a parenthesis")
        place = self.names.setdefault(self._take(), len(self.names))
        return lambda values: values[place]

    def _closed(self, end: str) -> _Node:
        node = self._formula()
        self._need(end)
        return node

    def _function(self, name: str) -> _Node:
        self._need("(")
        parts = [self._formula()]
        while name != "floor" and self._takes(","):
            parts.append(self._formula())
        self._need(")")
        if name == "floor":
            return lambda values: _floor(parts[0](values))
        least = name == "min"

        def best(values: Sequence[Value]) -> Value:
            found = parts[0](values)
            for part in parts[1:]:
                other = part(values)
                if _less(other, found) is least:
                    found = other
            return found

        return best


def _tokens(text: str) -> list[str]:
    """The tokens, and an empty one at the end."""
    found, at = list[str](), 0
    while text[at:].strip(" "):
        token = _TOKEN.match(text, at)
        if token is None:
            strange = text[at:].lstrip(" ")[0]
            message = f"{strange!r} is nothing that a formula can have; write names, numbers, + - x / ^ | and ()"
            raise ValueError(message)
        found.append(token[0].lstrip(" "))
        at = token.end()
    return [*found, ""]


def _number(token: str) -> Value:
    whole, _, part = token.replace("_", "").partition(".")
    return int(whole + part), 10 ** len(part)


def _constant(value: Value) -> _Node:
    return lambda _values: value


def _joined(operator: Callable[[Value, Value], Value], left: _Node, right: _Node) -> _Node:
    return lambda values: operator(left(values), right(values))

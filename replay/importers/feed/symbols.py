"""Which symbols an import takes, and what they are called: `--symbol`.

1. `--symbol SYMBOL` says what files hold that do not say it themselves; of files whose rows say it, only these rows are
   taken, and the others are counted.
2. A file that is named after another symbol than the one that is asked for is refused, unless `--symbol NAME=SYMBOL`
   says that what is called NAME counts as SYMBOL.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ....events.errors import ScenarioError

__all__ = ["Symbols"]


class Symbols:
    """What was said with `--symbol`, each SYMBOL or NAME=SYMBOL."""

    def __init__(self, told: str | Iterable[str] = ()) -> None:
        """Raises ScenarioError for one without a name on either side."""
        self._told = (told,) if isinstance(told, str) else tuple(told)
        self._only: dict[str, None] = {}
        self._renamed: dict[str, str] = {}
        for one in self._told:
            name, separator, symbol = one.rpartition("=")
            if not symbol or (separator and not name):
                message = f"--symbol {one!r} is neither SYMBOL nor NAME=SYMBOL"
                raise ScenarioError(message)
            if name:
                self._renamed[name] = symbol
            else:
                self._only[symbol] = None

    @property
    def option(self) -> str | None:
        """How the record names the option; None if nothing was said."""
        return ",".join(self._told) or None

    def takes(self, name: str) -> bool:
        """Whether rows that say this symbol are taken."""
        return not self._only or name in self._only or name in self._renamed

    def called(self, name: str) -> str:
        """What a symbol counts as."""
        return self._renamed.get(name, name)

    def of_file(self, path: Path, named: str | None, form: str) -> str:
        """The symbol of a file whose rows do not say it; `named` is what its name says.

        Raises ScenarioError where neither tells it, and where they differ.
        """
        if named is not None and self.takes(named):
            return self.called(named)
        if len(self._only) != 1:
            told = f"its name does not begin {form}" if named is None else f"it is named after {named}"
            message = f"{path}: {told}; say it with --symbol"
            raise ScenarioError(message)
        (symbol,) = self._only
        if named is not None:
            message = (
                f"{path}: it is named after {named}, and {symbol} is asked for; leave it out, or say --symbol "
                f"{named}={symbol} if it counts as that"
            )
            raise ScenarioError(message)
        return symbol

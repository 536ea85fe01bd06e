"""The ledger: state as the fold of events and nothing else.

The door is `Ledger`: `fold` takes the next event, `check` asserts every law. What it holds is in `account.py`,
`market.py` and `liquidation.py`. What each event moves and changes is declared by its type (`bodies/`), in the calls
of `books.py`.
"""

from .account import Account, AccountStatus, Position, PositionKey
from .ledger import Ledger
from .liquidation import Liquidation
from .market import Market
from .state import LedgerState, RoundBase

__all__ = [
    "Account",
    "AccountStatus",
    "Ledger",
    "LedgerState",
    "Liquidation",
    "Market",
    "Position",
    "PositionKey",
    "RoundBase",
]

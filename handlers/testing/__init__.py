"""For whoever writes a policy or a handler: whether it keeps the rules. `check_policy` runs it through a small crash.

`conformance.py` says what is checked.
"""

from .conformance import check_policy

__all__ = ["check_policy"]

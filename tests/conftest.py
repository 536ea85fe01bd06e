"""What holds for every test: what a reader notes of records goes into a directory of this process."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import tempfile
from contextlib import suppress

from hypothesis import settings

from .support.browser import browser, page

__all__ = ["browser", "page"]

# No test hangs on how fast the machine is: an example may take as long as it takes. The examples are others each time,
# so fifty a pass are many over the passes; what needs more at once says so.
settings.register_profile("unhurried", deadline=None, max_examples=50)
settings.load_profile("unhurried")

# Before any test module is imported, some of which copy the environment for the processes that they start.
os.environ["DELEVERAGE_CACHE"] = tempfile.mkdtemp(prefix="deleverage-cache-")
atexit.register(shutil.rmtree, os.environ["DELEVERAGE_CACHE"], ignore_errors=True)

# Whoever started the tests in the background had them ignore Ctrl-C, which several of them send.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    with suppress(ValueError):  # in a thread there is nothing to be done about it
        signal.signal(signal.SIGINT, signal.default_int_handler)

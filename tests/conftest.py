"""What holds for every test: what a reader notes of records goes into a directory of this process."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

# Before any test module is imported, some of which copy the environment for the processes that they start.
os.environ["DELEVERAGE_CACHE"] = tempfile.mkdtemp(prefix="deleverage-cache-")
atexit.register(shutil.rmtree, os.environ["DELEVERAGE_CACHE"], ignore_errors=True)

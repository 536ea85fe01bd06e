"""What mkdocs is told before it builds the site (`hooks` in mkdocs.yml): where the package is.

The checkout is the package, whatever folder it was cloned to, and mkdocstrings looks for a folder of the package's
name. So it is given one: a link in a temporary folder.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from mkdocs.plugins import event_priority

ROOT = Path(__file__).parents[1]


@event_priority(100)  # before mkdocstrings, which takes its settings in the same step
def on_config(config: Any) -> Any:
    """Give mkdocstrings a folder in which the checkout is called `deleverage`."""
    folder = tempfile.TemporaryDirectory(prefix="deleverage-docs-")
    link = Path(folder.name) / "deleverage"
    link.symlink_to(ROOT, target_is_directory=True)
    config["plugins"]["mkdocstrings"].config["handlers"]["python"]["paths"] = [folder.name]
    config["extra"]["checkout_link"] = folder  # kept until the build is over, then removed with it
    return config

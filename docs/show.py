"""Fills the README's blocks with what the commands really print: python docs/show.py [--check].

Between `<!-- shown: NAME -->` and `<!-- end -->` stands the output of the commands below. `--check` says whether the
blocks that hold neither a time nor a path differ, and changes nothing.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
COLUMNS = "96"

COMMANDS = {
    "run flash-crash": ["deleverage run flash-crash"],
    "pytest": ["pytest"],
    "session": [
        "deleverage run flash-crash -o crash.run > /dev/null",
        "deleverage log crash.run --type PositionDeleveraged | head -3",
        "deleverage state crash.run --at +00:42:00 | head -18",
        "deleverage verify crash.run",
    ],
    "typo": ["deleverage run calm --set population.acounts=50"],
    "benchmarks": ["python benchmarks/run.py | grep bar"],
}
STABLE = ("typo",)
LAST_LINES = {"pytest": 3}


def shown(name: str, folder: Path) -> str:
    """A console block with the commands of that name and what they print."""
    environment = {**os.environ, "COLUMNS": COLUMNS, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    lines = []
    for command in COMMANDS[name]:
        where = ROOT if name in ("pytest", "benchmarks") else folder
        done = subprocess.run(
            command, shell=True, cwd=where, env=environment, text=True, check=False, stdout=-1, stderr=subprocess.STDOUT
        )
        output = done.stdout.rstrip().splitlines()
        lines += [f"$ {command}", *output[-LAST_LINES.get(name, len(output)) :]]
    return "```console\n" + "\n".join(line.rstrip() for line in lines) + "\n```"


def block(name: str) -> re.Pattern[str]:
    """Where a block stands in the README."""
    return re.compile(rf"(<!-- shown: {name} -->\n)(.*?)(\n?<!-- end -->)", re.DOTALL)


def main(arguments: list[str]) -> int:
    """Fill all blocks, or those that are named, or check the stable ones."""
    text, check = README.read_text(encoding="utf-8"), "--check" in arguments
    names = [name for name in arguments if name in COMMANDS] or (STABLE if check else tuple(COMMANDS))
    with tempfile.TemporaryDirectory() as folder:
        now = {name: shown(name, Path(folder)) for name in names}
    filled = text
    for name, output in now.items():
        filled = block(name).sub(lambda found, output=output: f"{found[1]}{output}\n<!-- end -->", filled)
    if check:
        return int(filled != text)
    README.write_text(filled, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

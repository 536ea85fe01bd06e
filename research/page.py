"""Fills the blocks of docs/study.md with what the studies really print: python -m research.page DIR [--check].

Between `<!-- shown: STUDY: TITLE; TITLE -->` and `<!-- end -->` stand the sections of a study whose titles begin so,
from the files in DIR. `--check` says whether a block differs, and changes nothing.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "study.md"
COLUMNS = "100"
BLOCK = re.compile(r"(<!-- shown: ([\w-]+): (.*?) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def printed(study: str, titles: tuple[str, ...], folder: str) -> str:
    """The sections of these titles, with the sources they cite."""
    command = [sys.executable, "-m", "research.study", study, "--data", str(Path(folder).resolve())]
    environment = os.environ | {"COLUMNS": COLUMNS}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, cwd=ROOT)  # noqa: S603
    output = done.stdout
    sections = [section.rstrip() for section in output.split("\n\n") if section.startswith((*titles, "[1]"))]
    cited = {number for section in sections[:-1] for number in re.findall(r" (\[\d+\])", section)}
    sources = [line for line in sections.pop().splitlines() if line.partition(" ")[0] in cited]
    return "\n\n".join([*sections, "\n".join(sources)])


def filled(folder: str) -> str:
    """The page with its blocks as they are printed today."""

    def block(match: re.Match[str]) -> str:
        text = printed(match[2], tuple(match[3].split("; ")), folder)
        return f"{match[1]}```text\n{text}\n```\n{match[5]}"

    return BLOCK.sub(block, PAGE.read_text(encoding="utf-8"))


def main() -> None:
    """Fill the page, or say whether it would change."""
    page = filled(sys.argv[1])
    if "--check" not in sys.argv:
        PAGE.write_text(page, encoding="utf-8")
    elif page != PAGE.read_text(encoding="utf-8"):
        sys.exit(f"{PAGE.name} does not show what is printed; run python -m research.page DIR")


if __name__ == "__main__":
    main()

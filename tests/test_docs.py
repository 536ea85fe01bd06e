"""What the documentation shows is what the code says and prints."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import click
import pytest

import deleverage
from deleverage import Scenario, run
from deleverage.__main__ import main as cli
from deleverage.events.vocabulary import PUBLIC_TYPES, TYPES_BY_NAME

from .support.command_line import call, small_record
from .support.crash import SMALL_CRASH

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = (ROOT / "README.md", *sorted(DOCS.rglob("*.md")))
DRAWN = {
    "draw.py": "reference.md",
    "draw_commands.py": "options.md",
    "draw_data.py": "data-in.md",
    "draw_notebook.py": "notebooks/incident.md",
    "draw_rulebooks.py": "rulebooks.md",
    "draw_states.py": "life-cycle.svg",
}

_NUMBER = r"\d[\d,]*(?:\.\d+)?%?"
_EQUATION = re.compile(rf"(-?{_NUMBER}(?: (?:x|/|\+|-|of) {_NUMBER})+)\s+=\s+(-?{_NUMBER})(?![\d.])")


@pytest.mark.parametrize("script", DRAWN)
def test_a_page_is_drawn_from_the_code(script: str) -> None:
    """Each page that is drawn is what its script prints today."""
    drawn = subprocess.run([sys.executable, str(DOCS / script)], capture_output=True, text=True, check=True)
    assert (DOCS / DRAWN[script]).read_text(encoding="utf-8") == drawn.stdout


def test_the_pages_show_what_is_printed() -> None:
    """Blocks that hold no time and no path are what the commands print today."""
    checked = subprocess.run([sys.executable, str(DOCS / "show.py"), "--check"], check=False)
    assert checked.returncode == 0


def test_every_shown_block_has_its_command_and_every_command_its_block() -> None:
    """No page holds a block that nothing fills, and docs/show.py fills none that no page holds."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    shown = {name for name in re.findall(r"<!-- shown: (.*?) -->", text) if ":" not in name}
    script = (DOCS / "show.py").read_text(encoding="utf-8")
    assert shown == set(re.findall(r'^    "([^"]+)": \[', script, re.MULTILINE))
    assert not re.findall(r"<!-- shown: .*? -->\n<!-- end -->", text)


def _python_of(name: str) -> list[str]:
    text = (DOCS / name).read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("names", [("commands.md",), ("how-to/verify.md", "format.md")])
def test_the_python_of_a_page_runs(
    names: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The examples work as they stand; the reader of the format gets the head of a record that was just made."""
    monkeypatch.chdir(tmp_path)
    for name in names:
        for code in _python_of(name):
            exec(compile(code, name, "exec"), {})
    assert capsys.readouterr().out.strip()


def test_the_python_on_grounds_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The example of docs/grounds.md, with a reduction of a smaller record in the place of its own."""
    monkeypatch.chdir(tmp_path)
    small_record(tmp_path).rename("crash.run")
    (code,) = _python_of("grounds.md")
    exec(compile(code.replace("199060", "2961"), "grounds.md", "exec"), {})
    assert "the rule" in capsys.readouterr().out


def test_the_scenario_of_a_page_runs(tmp_path: Path) -> None:
    """The TOML of docs/how-to/scenario.md is a scenario, with the overrides that stand below it."""
    text = (DOCS / "how-to" / "scenario.md").read_text(encoding="utf-8")
    (scenario,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    (overrides,) = re.findall(r"`deleverage run my-crash\.toml ((?:--set \S+ )+)", text)
    (tmp_path / "my-crash.toml").write_text(scenario, encoding="utf-8")
    result = run(Scenario.load(str(tmp_path / "my-crash.toml"), overrides.split()[1::2]))
    assert (result.status, result.scenario.name) == ("complete", "my-crash")


def test_no_python_stands_untested() -> None:
    """Whatever page holds an example is one of those that are executed, here or by another test."""
    holding = {str(page.relative_to(DOCS)) for page in PAGES[1:] if "```python" in page.read_text(encoding="utf-8")}
    own = {"commands.md", "format.md", "grounds.md", "how-to/verify.md", "notebooks/incident.md"}
    assert holding == {*own, "plugins.md", "concepts/traders.md"}
    assert "```python" not in PAGES[0].read_text(encoding="utf-8")


def test_the_format_names_the_public_tags() -> None:
    """The tags of events that name no account stand in docs/format.md, in the rule and in the reader."""
    text = (DOCS / "format.md").read_text(encoding="utf-8")
    (rule,) = re.findall(r"Public are the tags ([\d, and]+)\.", text)
    reader = " ".join(re.findall(r"PUBLIC \|?= \{([\d, ]+)\}", text))
    reference = (DOCS / "reference.md").read_text(encoding="utf-8")
    tags = {int(tag) for tag in re.findall(r"^\| (\d+) \| `\w+` \(public\)", reference, re.MULTILINE)}
    assert len(tags) == len(PUBLIC_TYPES)
    assert {int(tag) for tag in re.findall(r"\d+", rule)} == tags
    assert {int(tag) for tag in re.findall(r"\d+", reader)} == tags


def _links(page: Path) -> list[str]:
    text = re.sub(r"```.*?```|`[^`]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.findall(r"\]\(([^)\s]+)\)", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_link_is_dead(page: Path) -> None:
    """A link leads to a file of the repository; from a page of the site to another of the site, as mkdocs asks."""
    for link in _links(page):
        if link.startswith(("#", "https:")):
            continue
        target = (page.parent / link.partition("#")[0]).resolve()
        assert target.is_file(), link
        assert page == PAGES[0] or target.is_relative_to(DOCS), link


def test_every_page_is_in_the_navigation() -> None:
    """mkdocs.yml lists each page once and nothing else."""
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    listed = re.findall(r"([\w/-]+\.md)$", navigation, re.MULTILINE)
    assert sorted(listed) == sorted(str(page.relative_to(DOCS)) for page in PAGES[1:])


def _words(command: str) -> list[str]:
    """The words of one command, up to a pipe, a redirection or a comment."""
    return re.split(r"\s[|>#&;]|\|\||&&", command)[0].split()


def _commands_in(text: str) -> list[list[str]]:
    """Everything that a page tells a reader to type after `deleverage`."""
    return [_words(found) for found in re.findall(r"(?<!from )\bdeleverage ([a-z-]+(?: [^`\n]*)?)", text)]


def _is_known(words: list[str]) -> bool:
    """Whether the command exists, with each option that is named."""
    command: click.Command | None = cli
    context = click.Context(cli)
    place = 0
    while isinstance(command, click.Group) and place < len(words) and not words[place].startswith("-"):
        command = command.get_command(context, words[place])
        place += 1
        if isinstance(command, click.Group) and words[place:][:1] in ([], ["FORMAT"]):
            return True
    if command is None:
        return False
    known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)} | {"-h", "--help"}
    named = [re.split(r"[=,\])]", word.strip("[]"))[0] for word in words[place:] if re.match(r"\[?--?[a-z]", word)]
    return known.issuperset(named)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_and_option_exists(page: Path) -> None:
    """What a page tells a reader to type is a command of the program with options that it has."""
    text = page.read_text(encoding="utf-8")
    typed = [line for line in text.splitlines() if line.startswith(("$ ", "deleverage "))]
    inline = re.findall(r"`(deleverage [a-z-]+[^`]*)`", text)
    for words in _commands_in("\n".join([*typed, *inline])):
        assert _is_known(words), f"deleverage {' '.join(words)}"


def test_the_commands_page_has_every_command() -> None:
    """docs/commands.md names each command of the program, and no other."""
    table = (DOCS / "commands.md").read_text(encoding="utf-8").partition("\n\n")[2].partition("\n\n")[0]
    cells = [row.split(" | ")[0] for row in table.splitlines()]
    named = {words.split()[0] for cell in cells for words in re.findall(r"`([a-z-]+[^`]*)`", cell)}
    assert named == set(cli.list_commands(click.Context(cli)))


def test_the_api_page_has_every_public_name() -> None:
    """docs/api.md lists each name of `deleverage.__all__`, and documents what can be called."""
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    listed = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)))
    assert sorted(listed) == sorted(deleverage.__all__)
    documented = {found.rpartition(".")[2] for found in re.findall(r"^::: ([\w.]+)$", text, re.MULTILINE)}
    assert documented >= {*deleverage.__all__} - {"DeleverageError", "__version__"}


def test_events_that_pages_name_exist() -> None:
    """A name in code marks that ends like an event's is one."""
    ends = re.compile(r"(Started|Ended|Declared|Filled|Ordered|Cancelled|Priced|Called|Noted|Halted|Resumed)$")
    for page in PAGES:
        for name in re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)+)`", page.read_text(encoding="utf-8")):
            assert name in TYPES_BY_NAME or not ends.search(name), f"{page.name}: {name}"


def _value(text: str) -> Fraction:
    """A printed figure; a percentage as a share."""
    plain = Fraction(text.rstrip("%").replace(",", ""))
    return plain / 100 if text.endswith("%") else plain


def _worked_out(expression: str) -> Fraction:
    """The value of products before sums, as one reads them."""
    total, sign = Fraction(0), 1
    for term in re.split(r" ([+-]) ", expression):
        if term in ("+", "-"):
            sign = 1 if term == "+" else -1
            continue
        first, *rest = re.split(r" (x|/|of) ", term)
        value = _value(first)
        for operator, factor in zip(rest[::2], rest[1::2], strict=True):
            value = value / _value(factor) if operator == "/" else value * _value(factor)
        total += sign * value
    return total


def test_worked_examples_come_out() -> None:
    """Every equation of figures in the concepts is right to the last digit that is printed."""
    found = 0
    for page in sorted((DOCS / "concepts").glob("*.md")):
        prose = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        for expression, result in _EQUATION.findall(prose):
            digits = len(result.partition(".")[2])
            found += 1
            assert abs(_worked_out(expression) - _value(result)) < Fraction(1, 10**digits), expression
    assert found > 11


_FIGURE = re.compile(r"(?<![\w.,])(?:\d[\d,]*\.\d{3,}|\d{1,3}(?:,\d{3})+|\d{6})(?![\w]|[.,]\d)")


def test_figures_in_the_concepts_were_printed() -> None:
    """A figure that the prose of a concept names stands in a block that was printed, or is worked out on the page."""
    printed = "\n".join(
        block
        for page in PAGES
        for block in re.findall(r"```console\n.*?```", page.read_text(encoding="utf-8"), re.DOTALL)
    )
    known = {figure.strip("-+") for figure in re.findall(r"[-+]?\d[\d,]*(?:\.\d+)?", printed)}
    for page in sorted((DOCS / "concepts").glob("*.md")):
        prose = re.sub(r"```.*?```|arXiv \d+\.\d+", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        results = {result.strip("-") for _, result in _EQUATION.findall(prose)}
        assert set(_FIGURE.findall(prose)) <= known | results, page.name


def _typed_in_the_readme() -> list[list[str]]:
    """The words of each command of the README, of this program, with the small crash for the bundled one."""
    small = {"flash-crash": SMALL_CRASH, "199060": "2961"}
    return [[small.get(word, word) for word in words] for words in _commands_in(PAGES[0].read_text(encoding="utf-8"))]


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
def test_the_commands_of_the_readme_leave_nothing_untracked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a record, nor what is kept beside it, nor what installing and testing leave is new to git."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / ".gitignore", tmp_path)
    for words in (["init", "-q"], ["add", ".gitignore"]):
        subprocess.run(["git", *words], check=True)
    typed = _typed_in_the_readme()
    assert ["run", SMALL_CRASH] in typed
    assert ["why", "crash.run", "2961"] in typed
    kept = ["-o", "crash.run"]  # the README says so in a sentence
    beside = ["fair", "crash.run", "--round", "3", "--orders", "2", "--jobs", "1"], ["sql", "crash.run", "SELECT 1"]
    for command in (["run", SMALL_CRASH, *kept], *typed, *beside, ["pack", "crash.run", "-o", "crash.pack"]):
        done = call(*command)
        assert done.exit_code == 0, f"{command}: {done.stderr}"
    for made in ("build/lib/x.py", "deleverage.egg-info/PKG-INFO", ".pytest_cache/x", ".hypothesis/x", "__pycache__/x"):
        (tmp_path / made).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / made).touch()
    assert len(list(tmp_path.glob("crash.*"))) == 4
    untracked = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard"], capture_output=True, text=True, check=True
    )
    assert untracked.stdout == ""


def test_the_readme_is_one_screen() -> None:
    """The README has the two commands, one picture, and no more than some 80 lines."""
    text = PAGES[0].read_text(encoding="utf-8")
    assert "pip install . && deleverage run flash-crash " in text
    assert "pip install -e '.[test]' && pytest " in text
    assert text.count("![") == 1
    assert len(text.splitlines()) <= 90

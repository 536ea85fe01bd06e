"""What is installed: one name, the four rooms under it, the scenarios and rulebooks with it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def declared_packages() -> list[str]:
    """The `packages` list of pyproject.toml."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        packages: list[str] = tomllib.load(file)["tool"]["setuptools"]["packages"]
    return packages


def test_the_packages_list_is_the_tree() -> None:
    """Every folder with an `__init__.py` below the rooms is declared, and nothing else."""
    rooms = ("core", "events", "handlers", "sim", "replay")
    folders = [init.parent for room in rooms for init in (ROOT / room).rglob("__init__.py")]
    found = {"deleverage", *("deleverage." + ".".join(folder.relative_to(ROOT).parts) for folder in folders)}
    assert set(declared_packages()) == found
    assert len(declared_packages()) == len(found)


def test_the_sources_of_the_core_are_declared() -> None:
    """Every C file is compiled, and every header comes with the source distribution."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        (extension,) = tomllib.load(file)["tool"]["setuptools"]["ext-modules"]
    assert extension["optional"]
    assert extension["sources"] == sorted(f"core/{path.name}" for path in (ROOT / "core").glob("*.c"))
    assert extension["depends"] == sorted(f"core/{path.name}" for path in (ROOT / "core").glob("*.h"))


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The names in a wheel that was built from this tree."""
    target, copy = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("tree") / "deleverage"
    shutil.copytree(
        ROOT, copy, ignore=shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__", "*.run")
    )
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(target), str(copy)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if built.returncode and "No matching distribution" in built.stdout + built.stderr:
        pytest.skip("the wheel needs setuptools from a package registry, and none is reached from here")
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = target.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_the_wheel_installs_one_name(wheel_names: list[str]) -> None:
    """Bare `events` or `replay` would clash with packages that exist."""
    tops = {name.partition("/")[0] for name in wheel_names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"deleverage"}


def test_the_wheel_carries_the_core_where_there_is_a_compiler(wheel_names: list[str]) -> None:
    """Without one it is built all the same, and everything is done in Python."""
    compiler = str(sysconfig.get_config_var("CC") or "cc").split()[0]
    carried = any(name.startswith("deleverage/core/_core.") and name.endswith((".so", ".pyd")) for name in wheel_names)
    assert carried == (shutil.which(os.environ.get("CC", compiler)) is not None)


def test_the_wheel_carries_data_and_types(wheel_names: list[str]) -> None:
    """Scenarios, rulebooks and types come with a plain install; tests, benchmarks and research do not."""
    for name in (
        "sim/scenarios/flash-crash.toml",
        "sim/scenarios/calm.toml",
        "handlers/venues/generic.toml",
        "replay/explore/static/index.html",
        "replay/explore/static/app.js",
        "replay/explore/static/LICENCES.txt",
        "py.typed",
        "core/_core.pyi",
    ):
        assert f"deleverage/{name}" in wheel_names
    assert not any(
        part in name for name in wheel_names for part in ("tests/", "benchmarks/", "research/", "study", "front/")
    )

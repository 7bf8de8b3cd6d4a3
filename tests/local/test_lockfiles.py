"""The lock files fit pyproject.toml, and the check that says so sees what does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.lockfiles import DEVELOPMENT, PRODUCTION, problems
from tests.conftest import ROOT

HASH = "    --hash=sha256:" + "0" * 64
PYPROJECT = """
[project]
dependencies = ["flask>=3.1", "psycopg[binary]>=3.3"]
[dependency-groups]
dev = ["pytest>=9"]
"""
LINES = {
    "flask": f"flask==3.1.3 \\\n{HASH}\n    # via quittance\n",
    "psycopg": f"psycopg[binary]==3.3.9 ; python_version < '4' \\\n{HASH}\n",
    "pytest": f"pytest==9.2.0 \\\n{HASH}\n",
}


def project(folder: Path, *, pyproject: str = PYPROJECT, **changes: str) -> Path:
    """A project whose locks fit, but for the changes: `dev_flask` is flask's lines in the developers' lock."""
    (folder / "pyproject.toml").write_text(pyproject)
    dev = {name: changes.get(f"dev_{name}", lines) for name, lines in LINES.items()}
    production = {name: changes.get(name, LINES[name]) for name in ("flask", "psycopg")}
    (folder / DEVELOPMENT).write_text("# made by uv\n" + "".join(dev.values()))
    (folder / PRODUCTION).write_text("# made by uv\n" + "".join(production.values()))
    return folder


def test_the_lock_files_of_this_project_fit() -> None:
    assert problems(ROOT) == []


def test_locks_that_fit_are_fine(tmp_path: Path) -> None:
    assert problems(project(tmp_path)) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dev_pytest": ""}, "requirements-dev.lock lacks pytest"),
        ({"psycopg": ""}, "requirements.lock lacks psycopg"),
        ({"dev_pytest": LINES["pytest"].replace("9.2.0", "8.4.2")}, "pyproject.toml wants pytest>=9"),
        ({"flask": LINES["flask"].replace("3.1.3", "3.1.2")}, "requirements.lock has flask 3.1.2"),
        ({"flask": LINES["flask"] + f"celery==5.7.0 \\\n{HASH}\n"}, "requirements.lock has celery 5.7.0"),
        ({"flask": "--index-url https://registry.example/simple\n" + LINES["flask"]}, "names an address"),
        ({"flask": "flask @ https://registry.example/flask.whl \\\n" + HASH + "\n"}, "names an address"),
        ({"flask": "flask==3.1.3\n"}, "has no hash for flask==3.1.3"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, changes: dict[str, str], said: str) -> None:
    assert any(said in problem for problem in problems(project(tmp_path, **changes)))

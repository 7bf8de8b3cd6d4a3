"""Whether the lock files still fit pyproject.toml, without asking anybody: `python -m local.lockfiles`.

requirements-dev.lock is what developers and CI install, requirements.lock what production does.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
DEVELOPMENT, PRODUCTION = "requirements-dev.lock", "requirements.lock"


def problems(root: Path) -> list[str]:
    """What does not fit, each as a sentence; empty when all is well."""
    project = tomllib.loads((root / "pyproject.toml").read_text())
    needed = project["project"]["dependencies"]
    for_developers = project.get("dependency-groups", {}).get("dev", [])
    texts = {name: (root / name).read_text() for name in (DEVELOPMENT, PRODUCTION)}
    pins = {name: pins_of(text) for name, text in texts.items()}
    return [
        *unmet(DEVELOPMENT, pins[DEVELOPMENT], [*needed, *for_developers]),
        *unmet(PRODUCTION, pins[PRODUCTION], needed),
        *(
            f"{PRODUCTION} has {name} {version}, {DEVELOPMENT} has {pins[DEVELOPMENT].get(name, 'none')}: ./dev lock"
            for name, version in pins[PRODUCTION].items()
            if pins[DEVELOPMENT].get(name) != version
        ),
        *(problem for name, text in texts.items() for problem in strangers(name, text)),
    ]


def pins_of(text: str) -> dict[str, str]:
    """The version of each package in a lock."""
    return {
        canonicalize_name(name): version
        for name, version in re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", text, re.MULTILINE)
    }


def unmet(lock: str, pins: dict[str, str], requirements: list[str]) -> list[str]:
    """The requirements that the pins of a lock do not meet."""
    told = []
    for requirement in map(Requirement, requirements):
        version = pins.get(canonicalize_name(requirement.name))
        if version is None:
            told.append(f"{lock} lacks {requirement.name}: ./dev lock")
        elif not requirement.specifier.contains(version, prereleases=True):
            told.append(f"{lock} has {requirement.name} {version}, pyproject.toml wants {requirement}: ./dev lock")
    return told


def strangers(lock: str, text: str) -> list[str]:
    """Lines that would send an installation to some address, or install what is not checked."""
    told = []
    for number, line in enumerate(text.splitlines(), start=1):
        if "://" in line or re.match(r"\s*(--(index-url|extra-index-url|find-links|trusted-host)|-[eif]\b)", line):
            told.append(f"{lock} line {number} names an address: {line.strip()}")
    for entry in re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]:
        if "--hash=sha256:" not in entry:
            told.append(f"{lock} has no hash for {entry.split()[0]}: ./dev lock")
    return told


def main() -> int:
    """Print what does not fit; 1 when something does not."""
    found = problems(ROOT)
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

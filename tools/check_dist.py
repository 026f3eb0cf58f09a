"""Checks that the wheel contains only the package, and that the sdist contains the whole checkout.

Usage: python tools/check_dist.py WHEEL SDIST, in a git checkout.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile

NOT_FOR_USERS = (".ci/", ".github/", ".gitignore", ".pre-commit-config.yaml")


def tracked(folder: str = ".") -> set[str]:
    listing = subprocess.run(
        ["git", "ls-files", "-z", folder], check=True, capture_output=True, text=True
    ).stdout
    return {name for name in listing.split("\0") if name}


def in_wheel(path: str) -> set[str]:
    with zipfile.ZipFile(path) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def in_sdist(path: str) -> set[str]:
    with tarfile.open(path) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


def main(wheel: str, sdist: str) -> int:
    findings = [
        ("the wheel lacks", tracked("openheart") - in_wheel(wheel)),
        ("the wheel should not have", in_wheel(wheel) - tracked("openheart")),
        (
            "the sdist lacks",
            {name for name in tracked() - in_sdist(sdist) if not name.startswith(NOT_FOR_USERS)},
        ),
    ]
    for finding, names in findings:
        for name in sorted(names):
            print(f"{finding} {name}; see package_data in setup.py, and MANIFEST.in", file=sys.stderr)
    return int(any(names for _, names in findings))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

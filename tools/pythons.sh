#!/bin/sh
# Prints "VERSION PATH" for each Python 3.11 or newer on this machine, one per minor version, newest last.
{
    for minor in 11 12 13 14 15 16; do
        command -v "python3.$minor"
    done
    command -v python3
    ls "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.*/bin/python3 2>/dev/null
} | while read -r python; do
    # pyenv also has shims for versions that are not active: only one that runs is a Python.
    "$python" -c '
import sys
if sys.version_info >= (3, 11) and sys.version_info.releaselevel == "final":
    print("%d.%d" % sys.version_info[:2], sys.executable)
' 2>/dev/null
done | sort -u -t' ' -k1,1V

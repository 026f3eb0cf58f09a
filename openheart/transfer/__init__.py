"""Moving data: export, import from other systems, and migrate, in memory that does not grow with it."""

from __future__ import annotations

from .copying import Comparison, compare, copy
from .export import export_file, export_lines
from .formats import FORMATS, detect, import_file

__all__ = [
    "FORMATS",
    "Comparison",
    "compare",
    "copy",
    "detect",
    "export_file",
    "export_lines",
    "import_file",
]

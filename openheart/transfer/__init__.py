"""Moving data: export, import from other systems, and migrate, in constant memory."""

from __future__ import annotations

from .backup import Backup, backups_of, make_backup, restore_backup
from .copying import Comparison, compare, copy
from .export import export_file, export_lines
from .formats import FORMATS, detect, import_file

__all__ = [
    "FORMATS",
    "Backup",
    "Comparison",
    "backups_of",
    "compare",
    "copy",
    "detect",
    "export_file",
    "export_lines",
    "import_file",
    "make_backup",
    "restore_backup",
]

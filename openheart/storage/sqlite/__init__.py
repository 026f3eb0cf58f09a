"""SQLite: one file, grouped commits, readers, and a cache that other processes keep right."""

"""SQLite: one file, grouped commits, readers, and a cache that stays correct when other processes write."""

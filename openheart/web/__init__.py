"""HTTP: one file per feature. ``routes.register`` puts all of it under the prefix of one application."""

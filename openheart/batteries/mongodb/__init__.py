"""The MongoDB of the application itself."""

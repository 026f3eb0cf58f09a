"""The Valkey of the application itself."""

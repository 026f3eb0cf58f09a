"""Sessions in Valkey."""

"""Valkey and Redis: where the servers are, the connections to them, the script, and what goes wrong."""

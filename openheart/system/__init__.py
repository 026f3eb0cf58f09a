"""What openheart needs from the system: forks, process exits, hosts, logs, and texts without secrets."""

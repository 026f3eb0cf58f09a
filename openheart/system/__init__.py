"""What openheart needs of the machine: forks, ends of processes, logs and texts without secrets."""

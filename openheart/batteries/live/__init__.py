"""Live events: who listens, how events reach other processes, and the route that sends them."""

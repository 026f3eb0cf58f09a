"""Side-by-side benchmarks: openheart, a bare Flask route and flask-openheart under one server and load."""

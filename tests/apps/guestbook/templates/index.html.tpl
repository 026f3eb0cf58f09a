<!doctype html><title>Guest book</title><p>Welcome, {{ name or "stranger" }}</p>

"""Work in the background, on a bounded pool of threads."""

"""Languages through Flask-Babel."""

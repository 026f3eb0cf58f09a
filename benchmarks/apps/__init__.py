"""The applications that are measured, one module each, each with a WSGI callable named ``application``."""

"""The blueprints of the API, one module for each.

Shows: a package for register_blueprints(), which imports its modules in the order of their names.
Requires: pip install ../.. pydantic, in the folder of app.py
Run: python ../app.py
"""

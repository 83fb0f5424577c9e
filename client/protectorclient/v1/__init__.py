"""The API of the version v1 as a Python library."""

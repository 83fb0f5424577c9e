"""The commands for the version v1, one resource a file."""

"""The entry points, which are made from the one table of commands; pyproject.toml has the rest."""

import pathlib
import runpy

import setuptools

TABLE = pathlib.Path(__file__).parent / 'protectorclient' / 'osc' / 'commands.py'

setuptools.setup(entry_points=runpy.run_path(str(TABLE))['entry_points']())

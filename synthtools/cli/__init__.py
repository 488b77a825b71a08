"""The command line: `synthtools --help`. Commands import what they need when they run, so that help is quick."""

from synthtools.cli.app import app

__all__ = ["app"]

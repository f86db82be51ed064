"""The engine: settings, output, errors and the tasks program that the orbs are plugged into."""

__all__ = ["__version__"]

__version__ = "0.1.0"

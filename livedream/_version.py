"""The version of livedream, where both the package and its build read it."""

__version__ = "0.2.0"

"""Reads a project and finds what can bite in a session, with a way out for each. Nothing is imported or run.

A rule is for what is wrong almost every time it is found: few false alarms matter more than many rules.
"""

from ninelives.code.check.finding import Finding
from ninelives.code.check.run import CODES, check

__all__ = ["CODES", "Finding", "check"]

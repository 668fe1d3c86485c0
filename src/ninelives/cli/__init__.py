"""The command line: what people and scripts type, and how it answers them.

Starting it must cost little, so each command imports what it needs when it runs.
"""

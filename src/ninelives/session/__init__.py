"""A session: the state machine that runs a handler, records what it does and replays it.

Knows the worker only as a `link`, and the user's code only through `code`.
"""

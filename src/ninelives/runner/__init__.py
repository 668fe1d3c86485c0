"""The process that runs user code for one session and talks only to its worker.

Needs msgspec and cloudpickle only: it runs in the user's own environment.
"""

"""Threads of a session: copies of `threading`, `queue` and `concurrent.futures` for user code, over our ``_thread``.

Their locks pass the baton (`ninelives.session.baton`) where a lane waits, and are real locks for code on no lane.
"""

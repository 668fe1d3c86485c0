"""User code: rewriting it, loading it, and deciding what each of its calls is.

Knows nothing of sessions: the hooks that rewritten code calls are handed in by who loads it.
"""

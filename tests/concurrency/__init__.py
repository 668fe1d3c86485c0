"""Recorded in one process with jitter, replayed in others with another heap, cut anywhere, continued and replayed again."""

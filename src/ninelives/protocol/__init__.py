"""What a runner and its worker say to each other: messages, their order, frames, and the carrier between processes.

`docs/protocol.md` describes it for people. Needs msgspec only.
"""

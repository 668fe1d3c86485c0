"""The side that owns journals: it starts sessions, goes on with them and ends them."""

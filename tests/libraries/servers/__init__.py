"""Real servers for the programs of this folder, each in a process of its own; what they do is in the effects file."""

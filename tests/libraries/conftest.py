"""The libraries are installed beside the first Python, and beside the others in `make test-all`."""

from sampling import MODE

collect_ignore = ["test_programs.py"] if MODE == "quick" else []

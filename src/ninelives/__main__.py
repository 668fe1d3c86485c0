"""``python -m ninelives``."""

from ninelives.cli.main import main

if __name__ == "__main__":
    main()

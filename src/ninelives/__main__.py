"""``python -m ninelives``."""

if __name__ == "__main__":
    from ninelives.cli.main import main

    main()

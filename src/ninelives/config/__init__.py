"""The settings of this installation: `config.yaml`, and environment variables over it.

`load` reads them, and everything else gets the typed `Settings` that it returns (`ninelives.config.settings`, which is
not imported here: a command for which the defaults hold needs none of it).
"""

from ninelives.config.loading import FILE, Config, Source, is_default, load

__all__ = ["FILE", "Config", "Source", "is_default", "load"]

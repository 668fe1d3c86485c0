"""The settings of this installation: `config.yaml`, and environment variables over it.

`loading.load` reads them, `settings.Settings` is what everything else gets. Nothing is imported here: a command for
which the defaults hold needs none of it (`presence.is_default`).
"""

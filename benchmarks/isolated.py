"""In isolated local runners, warm, in seconds: one activity beside a raw commit, and the start of a session."""

import place
import runners

from ninelives.runners.local import LocalManager
from ninelives.session.children import watch_children
from ninelives.storage import Store
from ninelives.worker.isolated import Isolated

watch_children()
manager = LocalManager(place.FOLDER / "environments", cache=place.FOLDER / "home" / "cache")
try:
    with Store.open(place.FOLDER / "home") as store:
        runners.measure(store, Isolated(manager), place.FOLDER)
finally:
    manager.close()

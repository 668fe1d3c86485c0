"""In runners of another host, as far as one machine has one, in seconds: one activity, a raw commit, and the start.

A runner manager in a process of its own, over TLS on the loopback device: what the network adds is none of it.
"""

import os
import subprocess
import sys

import place
import runners

from ninelives.certificates import LOCAL, make_certificates
from ninelives.runners.remote.channels import read_credentials
from ninelives.runners.remote.manager import Place, RemoteManager
from ninelives.storage import Store
from ninelives.worker.isolated import Isolated

certificates = place.FOLDER / "certificates"
make_certificates(certificates, {"worker": LOCAL, "manager": LOCAL}, 1)


def files(side: str) -> dict[str, str]:
    names = {"ca": "ca.pem", "certificate": f"{side}.pem", "key": f"{side}.key"}
    return {name: str(certificates / file) for name, file in names.items()}


home = {"NINELIVES_HOME": str(place.FOLDER / "manager")}
tls = {f"NINELIVES_TLS_{name.upper()}": path for name, path in files("manager").items()}
offered = subprocess.Popen(
    [sys.executable, "-m", "ninelives", "runner-manager", "--listen", "127.0.0.1:0", "--runner", "local"],
    env=os.environ | home | tls | {"PYTHONPATH": os.pathsep.join(sys.path)},
    stderr=subprocess.PIPE,
    text=True,
)
try:
    assert offered.stderr is not None
    address = offered.stderr.readline().removeprefix("listening on ").strip()
    with Store.open(place.FOLDER / "home") as store:
        where = Place([address], "127.0.0.1:0", read_credentials(**files("worker")))
        manager = RemoteManager(where, store.builds.tar)
        try:
            runners.measure(store, Isolated(manager), place.FOLDER)
        finally:
            manager.close()
finally:
    offered.terminate()
    offered.communicate()

"""Clusters that dlcore starts itself listen to this machine only."""

import ipaddress
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

UNHEARD = "nothing answers: it listens at 127.0.0.1 only"
PROGRAM = """
import os, sys
from pathlib import Path
from dlcore.studies.executor import open_crew

def family(pid):
    yield pid
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(path.read_text().rpartition(")")[2].split()[1]) == pid:
                yield from family(int(path.parent.name))
        except OSError:
            pass

if __name__ == "__main__":
    if sys.argv[2:] == ["imported before"]:
        __import__(sys.argv[1])
    with open_crew(sys.argv[1], wanted=2):
        print("PIDS", *family(os.getpid()), flush=True)
        sys.stdin.readline()
"""


def listening(pids):
    """Addresses and ports at which processes listen."""
    sockets = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                sockets.add(str(descriptor.readlink()))
            except OSError:
                continue
    found = set()
    for name, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in sockets:
                host, port = words[1].split(":")
                raw = bytes.fromhex(host)
                packed = b"".join(raw[place : place + 4][::-1] for place in range(0, len(raw), 4))
                found.add((socket.inet_ntop(family, packed), int(port, 16)))
    return found


def is_home(address):
    parsed = ipaddress.ip_address(address)
    return (getattr(parsed, "ipv4_mapped", None) or parsed).is_loopback


@pytest.mark.skipif(sys.platform != "linux", reason="sockets are looked up in /proc")
@pytest.mark.parametrize(
    ("backend", "library", "more"),
    [
        pytest.param("ray", "ray", "", marks=pytest.mark.fault("a stranger calls while a Ray study runs", UNHEARD)),
        ("ray", "ray", "imported before"),
        pytest.param(
            "dask", "distributed", "", marks=pytest.mark.fault("a stranger calls: a Dask study runs", UNHEARD)
        ),
    ],
)
def test_a_cluster_of_ones_own_listens_at_home(backend, library, more, tmp_path):
    pytest.importorskip(library, reason=f"{library} is not installed: pip install 'dlcore[{backend}]'")
    (tmp_path / "program.py").write_text(PROGRAM)
    others = ("RAY_ADDRESS", "DASK_SCHEDULER_ADDRESS")
    environment = {name: value for name, value in os.environ.items() if name not in others}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    process = subprocess.Popen(
        [sys.executable, "program.py", backend, more], cwd=tmp_path, env=environment, text=True, start_new_session=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    killer = threading.Timer(120, os.killpg, (process.pid, 9))
    killer.start()
    try:
        line = next(line for line in process.stdout if line.startswith("PIDS"))
        found = listening(map(int, line.split()[1:]))
        assert len(found) >= 2
        assert [place for place in found if not is_home(place[0])] == []
        process.communicate("\n", timeout=60)
    finally:
        killer.cancel()
        if process.poll() is None:
            os.killpg(process.pid, 9)
            process.wait()
        for pipe in (process.stdin, process.stdout):
            pipe.close()

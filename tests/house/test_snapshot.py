"""The looks at the world by which tests compare before and after."""

from __future__ import annotations

import threading
from pathlib import Path

from tests.host import Host
from tests.snapshot import snapshot
from tests.system.daemon import reservations
from vmplumbd.kernel.linux import LinuxKernel
from vmplumbd.model import net

LOOKS = 50


def test_devices_and_files_may_go_while_they_are_looked_at(host: Host) -> None:
    file = Path("/var/lib/cni/networks/10.0.0.2")
    file.parent.mkdir()
    before = snapshot()
    enough = threading.Event()
    lives: list[int] = []

    def come_and_go() -> None:
        kernel = LinuxKernel()
        while not enough.is_set():
            made, name = kernel.host(), f"near{len(lives)}"
            (veth, *_) = made.apply([net.AddVeth(name=name, peer="far"), net.GetLink(name=name)])
            made.apply([net.AddIngress(index=veth.index)])
            file.touch()
            enough.wait(0.02)
            file.unlink()
            made.apply([net.DelLink(index=veth.index)])
            lives.append(veth.index)
            enough.wait(0.02)
        kernel.close()

    other = threading.Thread(target=come_and_go)
    other.start()
    try:
        worlds = [snapshot() for _ in range(LOOKS)]
    finally:
        enough.set()
        other.join()
    assert lives
    assert any(one != before for one in worlds)
    assert snapshot() == before


def test_reservations_may_go_or_have_no_owner_yet_while_they_are_listed(host: Host) -> None:
    folder = host.cni_state / "networks" / "net"
    folder.mkdir(parents=True)
    (folder / "10.0.0.2").write_bytes(b"vm\r\neth0")
    (folder / "10.0.0.3").touch()
    (folder / "10.0.0.4").symlink_to("gone")
    assert reservations(host, "net") == {"10.0.0.2": "vm", "10.0.0.3": ""}

"""The log of a real agent, in its other forms and at its loudest, has no secret in it."""

from __future__ import annotations

import socket
import subprocess
import threading
from pathlib import Path

import pytest

from tests import host as hosts
from tests.system.daemon import daemon_in, eventually, refused

SECRET = "hush-9f31"
TELLS = f"""
case $CNI_COMMAND in
VERSION) echo '{{"cniVersion":"1.0.0","supportedVersions":["1.0.0"]}}' ;;
ADD) echo "it is {SECRET}" >&2; echo '{{"cniVersion":"1.0.0","code":100,"msg":"refused"}}'; exit 1 ;;
esac
"""


@pytest.mark.parametrize("form", ["json", "text"])
def test_values_of_arguments_are_not_in_the_log(module_host: hosts.Host, form: str) -> None:
    with daemon_in(module_host, log__format="json", log__level="debug") as daemon:
        assert daemon.process is not None
        daemon.terminate()
        daemon.settings["log.format"] = form
        daemon.launch()
        eventually(lambda: any("serving" in str(line) for line in daemon.lines), "it serves")
        daemon.plugin("tells", TELLS)
        daemon.network("told", {"type": "tells"})
        daemon.connect()
        args = [{"key": "TOKEN", "value": SECRET}]
        capability = b'{"portMappings":[{"token":"hush-9f31"}]}'
        asked = refused(lambda: daemon.set_up("vm-s", "told", args=args, capability_args=capability))
        assert asked.reason == "CNI_ADD_FAILED"
        daemon.tear_down("vm-s")
        eventually(lambda: any("teardown" in str(line) for line in daemon.lines), "all of it is told")
        assert any("rpc" in str(line) and "SetupNetwork" in str(line) for line in daemon.lines)
        assert SECRET not in str(daemon.lines)


def test_entries_go_to_journald_where_stderr_would_lead_there(module_host: hosts.Host) -> None:
    got: list[bytes] = []
    path = Path("/run/systemd/journal/socket")
    path.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as there:
        there.bind(str(path))
        there.settimeout(0.2)
        stop = threading.Event()

        def read() -> None:
            while not stop.is_set():
                try:
                    got.append(there.recv(65536))
                except TimeoutError:
                    continue

        reader = threading.Thread(target=read)
        reader.start()
        try:
            with daemon_in(module_host) as daemon:
                daemon.terminate()
                # As systemd starts it: JOURNAL_STREAM names what stderr is.
                stream = 'JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec "$@"'
                process = module_host.popen(
                    ["sh", "-c", f"export {stream.replace(' exec', '; exec')}", "sh", *daemon.command()],
                    stderr=subprocess.PIPE,
                )
                eventually(
                    lambda: any(b"VMPLUMB_EVENT=serving\n" in one for one in got), "the journal hears it"
                )
                process.terminate()
                _, said = process.communicate(timeout=60)
                assert not said
        finally:
            stop.set()
            reader.join()
            path.unlink()

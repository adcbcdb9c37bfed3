"""vmplumbd whose netlink sockets can hold next to nothing, so that answers of the kernel are lost."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Any

from vmplumbd import __main__ as command
from vmplumbd.kernel.rtnl import Channel


def main() -> int:
    """Run the command; the sockets are deaf while the file that VMPLUMB_TEST_DEAF names is there."""
    flag = Path(os.environ["VMPLUMB_TEST_DEAF"])
    exchange, dump = Channel.exchange, Channel.dump

    def tune(channel: Channel) -> None:
        with socket.socket(fileno=os.dup(channel.fileno())) as same:
            same.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 if flag.exists() else 1 << 18)

    def deaf_exchange(self: Channel, messages: Any) -> Any:
        tune(self)
        return exchange(self, messages)

    def deaf_dump(self: Channel, message: Any) -> Any:
        tune(self)
        return dump(self, message)

    Channel.exchange, Channel.dump = deaf_exchange, deaf_dump  # type: ignore[method-assign]
    return command.run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())

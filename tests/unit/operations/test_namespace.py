"""What the directory of a namespace owes, where several networks use it."""

from __future__ import annotations

import pytest

from vmplumbd.model.net import NetnsDir
from vmplumbd.operations.namespace import shared

RUN = "/run/netns"


@pytest.mark.parametrize(
    ("made", "others", "owed"),
    [
        ((), (), ((), False)),
        (("/run/netns/a",), (), (("/run/netns/a",), True)),
        # Another one made it, and may leave it first.
        ((), ((f"{RUN}/a", (f"{RUN}/a",), True),), ((f"{RUN}/a",), True)),
        # Another one made the directory that this one's lies in.
        ((f"{RUN}/a",), ((f"{RUN}/x", (RUN, f"{RUN}/x"), True),), ((RUN, f"{RUN}/a"), True)),
        # What others made elsewhere is not its own, whatever the name begins with.
        ((), ((f"{RUN}/ab", (f"{RUN}/ab",), True), (f"{RUN}/a/b", (f"{RUN}/a/b",), True)), ((), False)),
    ],
)
def test_who_leaves_last_takes_it_away(
    made: tuple[str, ...], others: tuple[tuple[str, tuple[str, ...], bool], ...], owed: tuple[object, object]
) -> None:
    found = shared(
        NetnsDir(path=f"{RUN}/a", made=made, mounted=bool(made)),
        [NetnsDir(path=path, made=theirs, mounted=mounted) for path, theirs, mounted in others],
    )
    assert (found.path, (found.made, found.mounted)) == (f"{RUN}/a", owed)

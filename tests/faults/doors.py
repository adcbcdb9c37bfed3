"""The doors through which the agent touches anything, and the errors that fit each of them.

A door is a kind of act: a system call by name, a netlink message by type, a journal statement by its verb,
a plugin call, a request of the kernel's Protocol. Which of them an operation uses, how often and in which
order is recorded (`seam.py`), not written here; an act without a row below takes its family's.

An error fits when the kernel can give it to a caller who did nothing wrong, and when it does not lie: a
delete that did nothing never says ENOENT, since that means "gone", and no undo can know better.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Errors that tell of an act not done (`before`), and of one done and told as failed (`after`).

    `changes`: the act leaves something that another process, or a later start, could see.
    """

    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    changes: bool = True


def _reads(*errors: str) -> Door:
    return Door(before=errors, changes=False)


_PLUGIN = Door(before=("code 11", "code 999", "killed"), after=("code 11", "code 999", "killed"))
_STATEMENT = Door(before=("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_BUSY"), after=("SQLITE_IOERR",))
_MAKES = Door(before=("EPERM", "ENOBUFS", "EBUSY", "EEXIST"), after=("ENOBUFS",))
_SETS = Door(before=("EPERM", "ENOBUFS", "EBUSY"), after=("ENOBUFS",))
_ASKS = _reads("ENOBUFS", "EPERM", "EBUSY")


def _deletes(gone: str) -> Door:
    return Door(before=("EPERM", "ENOBUFS", "EBUSY"), after=("ENOBUFS", gone))


DOORS: Mapping[str, Door] = {
    # Files.
    "os.open": _reads("EMFILE", "ENFILE", "EIO"),
    "os.open O_CREAT": Door(before=("EMFILE", "ENOSPC", "EROFS", "EACCES"), after=("EIO",)),
    # A name that is made or refused: an error that leaves one does not exist here.
    "os.open O_EXCL": Door(before=("EMFILE", "ENOSPC", "EROFS", "EEXIST")),
    "os.open O_TMPFILE": _reads("EMFILE", "ENOSPC", "EROFS", "EOPNOTSUPP"),
    "os.read": _reads("EIO"),
    "os.write": Door(before=("ENOSPC", "EIO", "EDQUOT"), after=("EIO",)),
    "os.close": Door(after=("EIO",), changes=False),
    "os.ftruncate": Door(before=("EIO", "ENOSPC"), after=("EIO",)),
    "os.link": Door(before=("ENOSPC", "EIO", "EROFS"), after=("EIO",)),
    "os.unlink": Door(before=("EIO", "EROFS", "EBUSY", "EPERM"), after=("EIO", "ENOENT")),
    "os.mkdir": Door(before=("ENOSPC", "EROFS", "EACCES"), after=("EIO", "EEXIST")),
    "os.rmdir": Door(before=("EROFS", "EPERM", "EIO"), after=("EIO", "ENOENT")),
    "os.chmod": Door(before=("EPERM", "EROFS"), after=("EIO",)),
    "os.rename": Door(before=("ENOSPC", "EIO", "EROFS"), after=("EIO",)),
    "os.replace": Door(before=("ENOSPC", "EIO", "EROFS"), after=("EIO",)),
    "os.utime": Door(before=("EPERM", "EROFS"), after=("EIO",)),
    "os.access": Door(changes=False),  # it answers no, and raises nothing
    "os.listdir": _reads("EMFILE", "EIO", "ENOMEM"),
    "os.scandir": _reads("EMFILE", "EIO", "ENOMEM"),
    "fcntl.flock": _reads("ENOLCK"),
    "fcntl.flock LOCK_NB": _reads("ENOLCK", "EWOULDBLOCK"),
    "fcntl.flock LOCK_UN": Door(changes=False),
    # What was opened as a namespace is one: no error fits.
    "fcntl.ioctl NS_GET_NSTYPE": Door(changes=False),
    "fcntl.ioctl SIOCGSKNS": _reads("EMFILE", "EPERM"),
    "fcntl.ioctl SIOCGIFINDEX": _reads("EPERM"),
    "fcntl.ioctl SIOCGIFMTU": _reads("EPERM"),
    "fcntl.ioctl SIOCGIFHWADDR": _reads("EPERM"),
    "fcntl.ioctl TUNSETIFF": Door(before=("EPERM", "EBUSY", "ENOMEM"), after=("EIO",)),
    "fcntl.ioctl TUNSETOWNER": Door(before=("EINVAL", "EBADFD")),
    "fcntl.ioctl TUNSETGROUP": Door(before=("EINVAL", "EBADFD")),
    "fcntl.ioctl TUNSETPERSIST": Door(before=("EBADFD",), after=("EBADFD",)),
    # Namespaces and mounts. A thread that a failing unshare or setns moved all the same does not exist.
    "syscalls.unshare": Door(before=("ENOSPC", "EPERM", "ENOMEM")),
    "syscalls.setns": Door(before=("EPERM", "ENOMEM")),
    "syscalls.mount": Door(before=("EPERM", "ENOMEM", "ENOSPC"), after=("ENOMEM",)),
    # What a process takes from itself at its start; nobody else sees it.
    "syscalls.become_subreaper": Door(before=("EINVAL",), changes=False),
    "syscalls.bounding_set": Door(changes=False),
    "syscalls.set_no_new_privs": Door(before=("EINVAL",), changes=False),
    "syscalls.drop_from_bounding_set": Door(before=("EPERM",), changes=False),
    "syscalls.set_capabilities": Door(before=("EPERM",), changes=False),
    "syscalls.umount": Door(before=("EPERM", "ENOMEM"), after=("ENOMEM",)),
    # Netlink: the send of a batch, and each message of it, which the kernel does or refuses by itself.
    "socket": _reads("EMFILE", "ENOBUFS", "EPERM"),
    "netlink transaction": Door(before=("ENOBUFS", "EPERM", "ENOMEM"), after=("ENOBUFS",)),
    "netlink dry transaction": _reads("ENOBUFS", "EPERM"),
    "netlink send": Door(before=("ENOBUFS", "EPERM"), after=("ENOBUFS",), changes=False),
    "netlink dump": _reads("ENOBUFS", "EBUSY", "EINTR"),
    "netlink RTM_GETLINK": _ASKS,
    "netlink RTM_NEWLINK": _MAKES,
    "netlink RTM_NEWADDR": _MAKES,
    # A route that is there already counts as made: EEXIST would lie.
    "netlink RTM_NEWROUTE": _SETS,
    "netlink RTM_NEWQDISC": _MAKES,
    "netlink RTM_NEWTFILTER": _SETS,
    "netlink RTM_SETLINK": _SETS,
    "netlink RTM_DELLINK": _deletes("ENODEV"),
    "netlink RTM_DELADDR": _deletes("EADDRNOTAVAIL"),
    "netlink RTM_DELROUTE": _deletes("ESRCH"),
    "netlink RTM_DELQDISC": _deletes("ENOENT"),
    # The kernel's Protocol, where a fake stands for the kernel. What makes leaves nothing when it fails.
    "kernel.create_netns": Door(before=("EEXIST", "ENOSPC", "EMFILE", "EPERM")),
    "kernel.add_tap": Door(before=("EEXIST", "EMFILE", "EPERM", "EBUSY")),
    "kernel.prepare_netns_dir": Door(before=("ENOSPC", "EPERM", "EROFS")),
    "kernel.plan_netns_dir": _reads("EMFILE", "EIO"),
    "kernel.undo_netns_dir": Door(before=("EBUSY", "EPERM")),
    "kernel.delete_netns": Door(before=("EPERM", "ENOMEM"), after=("EBUSY",)),
    "kernel.unlink_netns": Door(before=("EPERM", "ENOMEM")),
    "kernel.open_netns": _reads("EMFILE", "ENOBUFS", "EPERM"),
    "kernel.netns_identity": _reads("EMFILE", "EIO"),
    "kernel.write_sysctl": Door(before=("EPERM", "EIO"), after=("EIO",)),
    "kernel.read_sysctl": _reads("EMFILE", "EIO"),
    "kernel.GetLink": _ASKS,
    "kernel.AddRoute": _SETS,
    "kernel.AddRedirect": _SETS,
    "kernel.SetLink": _SETS,
    "kernel.DelLink": _deletes("ENODEV"),
    "kernel.DelAddress": _deletes("EADDRNOTAVAIL"),
    "kernel.DelRoute": _deletes("ESRCH"),
    "kernel.DelIngress": _deletes("ENOENT"),
    # The journal. A COMMIT that finds the disk full is rolled back by SQLite; one that finds it busy is not.
    "journal COMMIT": Door(before=("SQLITE_FULL", "SQLITE_BUSY"), after=("SQLITE_IOERR",)),
    "journal PRAGMA": _reads("SQLITE_IOERR", "SQLITE_BUSY"),
    "journal SELECT": _reads("SQLITE_IOERR"),
    "journal ROLLBACK": _reads("SQLITE_IOERR"),
    "journal BEGIN": _reads("SQLITE_BUSY", "SQLITE_IOERR"),
}

# What an act without a row of its own takes: the first that its name begins with.
FAMILIES: Mapping[str, Door] = {
    "kernel.Add": _MAKES,
    "kernel.Del": _SETS,
    "kernel.": _ASKS,
    "netlink NFT_GET": _ASKS,
    "netlink ": _SETS,
    "fcntl.ioctl": Door(before=("EPERM",)),
    "syscalls.": Door(before=("EPERM", "ENOMEM")),
    "journal ": _STATEMENT,
    "plugin ": _PLUGIN,
    "os.": _reads("EIO", "ENOMEM"),
}

# Errors that come to stay: from the first act that meets them on, every act they fit fails.
LASTING: Mapping[str, frozenset[str]] = {
    "disk full": frozenset({"ENOSPC", "SQLITE_FULL"}),
    "disk read-only": frozenset({"EROFS"}),
    "no descriptors": frozenset({"EMFILE"}),
}


def door(name: str) -> Door:
    """The door of that name."""
    found = DOORS.get(name)
    if found is None:
        found = next(each for family, each in FAMILIES.items() if name.startswith(family))
    return found

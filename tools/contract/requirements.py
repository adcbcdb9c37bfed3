"""The requirement ids that stand in the contract's comments: what a conformance check names.

An id stands after the sentence it is for, in brackets, or in the last column of a table for its row. Numbers
from 101 on are rows of error tables.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from tools.contract import error_tables, image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.descriptor_pb2 import FileDescriptorSet

FORM = re.compile(r"REQ-[A-Z]+-\d{3}")
_MEANT = re.compile(r"REQ-[\w-]*")


def ids(full: FileDescriptorSet) -> list[str]:
    """Every id in the order of the sources, as often as it stands there."""
    return [word for word in _words(full) if FORM.fullmatch(word)]


def faults(full: FileDescriptorSet) -> list[str]:
    """Ids of another form, ids that stand twice, rows of error tables without one."""
    found = [f"{word}: not of the form {FORM.pattern}" for word in _words(full) if not FORM.fullmatch(word)]
    found += [f"{one}: stands {count} times" for one, count in Counter(ids(full)).items() if count > 1]
    found += [
        f"{where}: {row.code} / {row.reason}: no requirement id"
        for where, table in error_tables.rows(full).items()
        for row in table
        if not FORM.fullmatch(row.requirement)
    ]
    return found


def _words(full: FileDescriptorSet) -> Iterator[str]:
    for file in full.file:
        if file.package == image.CONTRACT:
            for place in file.source_code_info.location:
                comments = (*place.leading_detached_comments, place.leading_comments, place.trailing_comments)
                for comment in comments:
                    yield from _MEANT.findall(comment)

"""What may be secret in a request, and texts without it.

Values of CNI arguments, of capability arguments and of inline configurations are their caller's: they reach plugins and
the journal, and nothing that is read. A plugin may quote any of it in its errors, so each text of a plugin passes here.
"""

from __future__ import annotations

import functools
import ipaddress
import json
import re
from collections.abc import Iterable, Iterator

from vmplumbd.model.outcome import Attachment
from vmplumbd.model.spec import NetworkSpec

HIDDEN = "[hidden]"
# Shorter ones are parts of every other word.
_SHORTEST = 4
_SHORTEST_NUMBER = 100_000
# Names that answers and records show anyway: without them no error says what it is about.
_NAMES = frozenset({"name", "type"})
_VERSION = re.compile(r"\d{1,3}(\.\d{1,3}){0,2}")
_OPEN_ARGS = ("TC_REDIRECT_TAP_", "IgnoreUnknown")
_MAC = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")
# A request with more is not worth looking for each.
_MOST = 1000
# Texts of this length may have been cut, and so much of their ends is looked at.
_CUT = 1000
_LONGEST_END = 4096


class Secrets:
    """Texts that may be secret."""

    def __init__(self, texts: Iterable[str]) -> None:
        found = {text for text in texts if len(text) >= _SHORTEST and not _is_public(text)}
        self._too_many = len(found) > _MOST
        spelled = set() if self._too_many else {form for text in found for form in _spellings(text)}
        self._texts = tuple(sorted(spelled, key=len, reverse=True))

    def hide(self, text: str) -> str:
        """The text without them."""
        if self._too_many:
            return HIDDEN if text else text
        may_be_cut = len(text) >= _CUT
        for one in self._texts:
            text = text.replace(one, HIDDEN)
        return self._hide_ends(text) if may_be_cut else text

    def _hide_ends(self, text: str) -> str:
        """The text without what is left of one where somebody has cut it off."""
        for one in self._texts:
            if size := _left_of_end(one, text):
                text = HIDDEN + text[size:]
            if size := _left_of_beginning(one, text):
                text = text[:-size] + HIDDEN
        return text


NOTHING = Secrets(())


def _left_of_end(one: str, text: str) -> int:
    """How long the longest end of `one` is that `text` begins with; 0 for one that is too short to tell.

    Looked for by its first letters: most are nowhere in `one`.
    """
    first = text[:_SHORTEST]
    place = one.find(first, max(1, len(one) - _LONGEST_END))
    while place >= 0:
        if text.startswith(one[place:]):
            return len(one) - place if len(one) - place >= _SHORTEST else 0
        place = one.find(first, place + 1)
    return 0


def _left_of_beginning(one: str, text: str) -> int:
    """As `_left_of_end`, of a beginning of `one` that `text` ends with."""
    last = text[-_SHORTEST:]
    place = one.rfind(last, 0, min(len(one) - 1, _LONGEST_END))
    while place >= 0:
        size = place + len(last)
        if text.endswith(one[:size]):
            return size if size >= _SHORTEST else 0
        place = one.rfind(last, 0, size - 1)
    return 0


def of_spec(spec: NetworkSpec) -> Secrets:
    """What a request has."""
    cnis = [one.cni for one in spec.interfaces if one.cni is not None]
    documents = [raw for one in cnis for raw in (one.capability_args, one.network_config or b"")]
    return of_texts(tuple(arg for one in cnis for arg in one.args), *documents)


@functools.lru_cache(maxsize=64)
def of_texts(args: tuple[tuple[str, str], ...], *documents: bytes) -> Secrets:
    """What these arguments and JSON documents have."""
    return Secrets((*_of_args(args), *(text for raw in documents for text in _of_json(raw))))


def of_attachment(attachment: Attachment) -> Secrets:
    """What an attachment has. Its list is the operator's own unless it came inline."""
    inline = attachment.conf_list if attachment.inline else b""
    return of_texts(attachment.args, attachment.capability_args, inline)


def _of_args(args: Iterable[tuple[str, str]]) -> Iterator[str]:
    for key, value in args:
        if not key.startswith(_OPEN_ARGS):
            yield value


def _of_json(raw: bytes) -> Iterator[str]:
    """Every text and long number of a document but names; the whole of what is none."""
    if not raw:
        return
    try:
        waiting = [("", json.loads(raw.decode(errors="replace")))]
    except (ValueError, RecursionError):
        yield raw.decode(errors="replace")
        return
    while waiting:
        key, value = waiting.pop()
        match value:
            case dict():
                waiting.extend((str(name), each) for name, each in value.items())
            case list():
                waiting.extend((key, each) for each in value)
            case str() if key.casefold() not in _NAMES:
                yield value
            case int() | float() if abs(value) >= _SHORTEST_NUMBER:
                yield str(value)
            case _:
                pass


def _is_public(text: str) -> bool:
    """Addresses, networks and MACs are in every result, and in what the kernel says; versions are nobody's."""
    if _MAC.fullmatch(text) or _VERSION.fullmatch(text):
        return True
    try:
        ipaddress.ip_interface(text)
    except ValueError:
        return False
    return True


def _spellings(text: str) -> Iterator[str]:
    """As it is, and as JSON, Python and Go write it within quotes."""
    yield text
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield repr(text)[1:-1]

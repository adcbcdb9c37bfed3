"""Messages without what the contract marks `debug_redact`, wherever it stands in them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeVar

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

M = TypeVar("M", bound=Message)


def redacted(message: M) -> M:
    """A copy whose marked fields are empty."""
    copy = type(message)()
    copy.CopyFrom(message)
    _clear(copy)
    return copy


def hide_in(message: Message, hide: Callable[[str], str]) -> None:
    """Put every text of a message through `hide`, in place."""
    for field, value in message.ListFields():
        if field.message_type is not None:
            if _is_map(field):
                for key in list(value):
                    if isinstance(value[key], str):
                        value[key] = hide(value[key])
                continue
            for one in value if field.is_repeated else (value,):
                hide_in(one, hide)
        elif field.type == FieldDescriptor.TYPE_STRING:
            if field.is_repeated:
                for index, text in enumerate(value):
                    value[index] = hide(text)
            else:
                setattr(message, field.name, hide(value))


def _clear(message: Message) -> None:
    marked, below = _fields(message.DESCRIPTOR)
    for name in marked:
        message.ClearField(name)
    for field, value in message.ListFields():
        if field.name in below:
            for one in value if field.is_repeated else (value,):
                _clear(one)


@functools.cache
def _fields(descriptor: Descriptor) -> tuple[tuple[str, ...], frozenset[str]]:
    """Names of the marked fields, and of those that lead to some."""
    marked = tuple(field.name for field in descriptor.fields if field.GetOptions().debug_redact)
    below = frozenset(
        field.name
        for field in descriptor.fields
        if field.message_type is not None
        and not _is_map(field)
        and not field.GetOptions().debug_redact
        and _leads_to_marked(field.message_type, (descriptor.full_name,))
    )
    return marked, below


def _leads_to_marked(descriptor: Descriptor, seen: tuple[str, ...]) -> bool:
    if descriptor.full_name in seen:
        return False
    return any(
        field.GetOptions().debug_redact
        or (
            field.message_type is not None
            and _leads_to_marked(field.message_type, (*seen, descriptor.full_name))
        )
        for field in descriptor.fields
    )


def _is_map(field: FieldDescriptor) -> bool:
    return bool(field.message_type is not None and field.message_type.GetOptions().map_entry)

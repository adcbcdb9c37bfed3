"""What `vmplumbd.api` and `vmplumbd.cni` offer, as text: one line for each name, with its signature.

python -m tests.library.public > tests/library/public.txt
"""

from __future__ import annotations

import dataclasses
import enum
import importlib
import inspect
import pkgutil
import sys
import types
from collections.abc import Iterator
from typing import Any

import vmplumbd.cni


def public() -> Iterator[str]:
    """Every line, in order."""
    names = sorted(one.name for one in pkgutil.walk_packages(vmplumbd.cni.__path__, "vmplumbd.cni."))
    for name in ("vmplumbd.api", *names):
        module = importlib.import_module(name)
        for each in getattr(module, "__all__", None) or _own(module):
            yield from _lines(f"{name}.{each}", getattr(module, each))


def _own(module: types.ModuleType) -> Iterator[str]:
    """Names that a module without `__all__` defines itself."""
    for name, value in sorted(vars(module).items()):
        if name.startswith("_") or isinstance(value, types.ModuleType):
            continue
        defined = getattr(value, "__module__", None)
        if defined == module.__name__ or (name.isupper() and defined != "typing"):
            yield name


def _lines(path: str, value: Any) -> Iterator[str]:
    if inspect.isclass(value):
        bases = ", ".join(one.__name__ for one in value.__bases__ if one is not object)
        yield f"{path}({bases})"
        if issubclass(value, enum.Enum):
            yield from (f"{path}.{one.name} = {one.value!r}" for one in value)
            return
        if value.__module__ == "vmplumbd.config":
            return  # its fields are the operator's settings, which grow, each with a default
        if dataclasses.is_dataclass(value):
            for field in dataclasses.fields(value):
                default = "" if _required(field) else " = ..."
                yield f"{path}.{field.name}: {field.type}{default}"
        elif "__init__" in vars(value):
            yield f"{path}.__init__{_signature(vars(value)['__init__'])}"
        for name, member in sorted(vars(value).items()):
            if not name.startswith("_") and not _is_field(value, name):
                yield from _member(f"{path}.{name}", member)
    elif inspect.isfunction(value):
        yield f"{path}{_signature(value)}"
    else:
        yield f"{path}: {type(value).__name__}"


def _member(path: str, member: Any) -> Iterator[str]:
    if isinstance(member, property):
        assert member.fget is not None
        yield f"{path} -> {inspect.signature(member.fget).return_annotation}"
    elif isinstance(member, classmethod | staticmethod):
        yield f"{path}{_signature(member.__func__)}"
    elif inspect.isfunction(member):
        yield f"{path}{_signature(member)}"
    else:
        yield f"{path}: {type(member).__name__}"


def _signature(function: Any) -> str:
    """Annotations as they are written, defaults as dots: their values may be objects of a run."""
    signature = inspect.signature(function)
    parameters = [
        one if one.default is inspect.Parameter.empty else one.replace(default=_Dots())
        for one in signature.parameters.values()
    ]
    return str(signature.replace(parameters=parameters)).replace("'", "")


class _Dots:
    def __repr__(self) -> str:
        return "..."


def _required(field: Any) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _is_field(value: Any, name: str) -> bool:
    return dataclasses.is_dataclass(value) and name in {one.name for one in dataclasses.fields(value)}


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in public())

"""The stack of inverse steps. Pushed before the risky act, so undo covers the step that fails."""

from __future__ import annotations

from collections.abc import Callable

from vmplumbd.model.progress import Leftover, ResourceKind


class Undo:
    """Inverse steps, newest first. Every step is tried; what fails becomes a leftover.

    Steps must be idempotent: the act they undo may have happened, half or not at all.
    """

    def __init__(self) -> None:
        self._steps: list[tuple[ResourceKind, str, str, Callable[[], None]]] = []

    def push(self, kind: ResourceKind, what: str, where: str, step: Callable[[], None]) -> None:
        """Remember how to take back `what` at `where`."""
        self._steps.append((kind, what, where, step))

    def forget(self) -> None:
        """The operation is committed: nothing is taken back any more."""
        self._steps.clear()

    def run(self) -> tuple[Leftover, ...]:
        """Take everything back, to the end. Answers what could not be."""
        leftovers: list[Leftover] = []
        while self._steps:
            kind, what, where, step = self._steps.pop()
            try:
                step()
            except Exception as exc:  # noqa: BLE001 - a failing step must not keep the older ones from running
                leftovers.append(Leftover(kind=kind, what=what, where=where, cause=str(exc)))
        return tuple(leftovers)

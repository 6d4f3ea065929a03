"""The processes that make up one job. Pure: the process table is given."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ..state import Json, JsonObject
from .processes import Identity, Row, descendants, find, identity_from_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A root with all that came from it, and its whole session or process group.

    `members` are those seen last; through them the tree holds together when its root
    has ended. `already` were stopped by someone else before we paused.
    """

    root: Identity
    session: bool
    members: tuple[Identity, ...] = ()
    already: tuple[Identity, ...] = ()

    def rows(self, table: Mapping[int, Row]) -> list[Row]:
        """Return the members that live, parents first; zombies do nothing and do not count."""
        known = [row for it in (self.root, *self.members) if (row := find(table, it)) is not None]
        pids = [row.pid for row in known]
        # A session or group that a known process is in cannot have changed hands.
        if any(self._gathered(row) for row in known):
            pids += [row.pid for row in table.values() if self._gathered(row)]
        return [row for row in descendants(table, pids) if not row.zombie]

    def running(self, table: Mapping[int, Row]) -> list[Row]:
        """Return the live members that are not stopped."""
        return [row for row in self.rows(table) if not row.stopped]

    def stopped_by_us(self, table: Mapping[int, Row]) -> list[Row]:
        """Return the stopped members but for those that were stopped already."""
        return [row for row in self.rows(table) if row.stopped and row.identity not in self.already]

    def seen(self, table: Mapping[int, Row]) -> "Tree":
        """Return the tree with the members that it has now."""
        return replace(self, members=tuple(row.identity for row in self.rows(table)))

    def with_members(self, rows: Iterable[Row]) -> "Tree":
        """Return the tree with these members too."""
        return replace(self, members=_unique((*self.members, *(row.identity for row in rows))))

    def with_stopped(self, table: Mapping[int, Row], before: "Tree | None" = None) -> "Tree":
        """Return the tree as it is before a pause, with the members stopped already.

        `before` is of a pause that holds: what is stopped in that we have stopped.
        """
        rows = self.rows(table)
        held = [] if before is None else before.rows(table)
        ours = {row.identity for row in held} - set(() if before is None else before.already)
        return replace(
            self,
            members=_unique(row.identity for row in (*rows, *held)),
            already=_unique(
                row.identity for row in (*rows, *held) if row.stopped and row.identity not in ours
            ),
        )

    def to_json(self) -> JsonObject:
        """Return what `from_json` reads."""
        return {
            "root": self.root.to_json(),
            "session": self.session,
            "members": [member.to_json() for member in self.members],
            "already": [member.to_json() for member in self.already],
        }

    @classmethod
    def from_json(cls, document: JsonObject) -> "Tree | None":
        """Read a tree; anything else is None."""
        root = identity_from_json(document.get("root"))
        if root is None:
            return None
        return cls(
            root=root,
            session=document.get("session") is True,
            members=_identities(document.get("members")),
            already=_identities(document.get("already")),
        )

    def _gathered(self, row: Row) -> bool:
        return (row.session if self.session else row.group) == self.root.pid


def _unique(identities: Iterable[Identity]) -> tuple[Identity, ...]:
    return tuple(dict.fromkeys(identities))


def _identities(document: Json) -> tuple[Identity, ...]:
    items = document if isinstance(document, list) else []
    return tuple(found for item in items if (found := identity_from_json(item)) is not None)

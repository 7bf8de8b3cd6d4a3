"""Comments: what a clerk has noted about an object. No event tells of them."""

from __future__ import annotations

from .cards import Cards
from .state import Body, Refused, WrongValue

# What can be commented on here, by Chargebee's name for it.
ENTITIES = ("customer", "subscription", "invoice", "transaction", "credit_note", "item", "item_price")
_LONGEST = 1000
# Under whose name the merchant's side does things.
CLERK = "finance@boreal.example"


class Comments(Cards):
    """Actions on comments."""

    def add_comment(self, entity_type: str, entity_id: str, notes: str, *, added_by: str | None = None) -> Body:
        """Note something about an object, under the name of a user."""
        if entity_type not in ENTITIES:
            raise WrongValue(f"entity_type {entity_type} is none of {', '.join(ENTITIES)}", "entity_type")
        if not 0 < len(notes) <= _LONGEST:
            raise WrongValue(f"notes must have 1 to {_LONGEST} characters", "notes")
        with self._action("admin_console"):
            about = self.current(entity_type, entity_id)
            if about["deleted"]:
                raise Refused(f"{entity_id} not found", code="resource_not_found", status=404)
            return self._remark(about, notes, added_by or CLERK)

    def delete_comment(self, comment_id: str) -> Body:
        """Remove a comment."""
        with self._action("admin_console"):
            comment = self._edit("comment", comment_id)
            comment["deleted"] = True
            return comment

    def _remark(self, about: Body, notes: str, added_by: str = CLERK) -> Body:
        """A comment as it is kept."""
        return self._make(
            "comment",
            self._new_id("cmt_"),
            {
                "entity_type": about["object"],
                "entity_id": about["id"],
                "notes": notes,
                "added_by": added_by,
                "type": "user",
                "created_at": self._timestamp(),
            },
        )

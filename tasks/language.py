"""The language that a customer is written to in: what they asked for, and who recorded it."""

from __future__ import annotations

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from emails.language import LOCALES, Locale, locale_of
from models import AuditEntry, Customer, LanguageChoice, clock


def choose_language(session: Session, customer_id: str, locale: str, by: str) -> None:
    """Record that this customer asked for this language. Mail that was not written yet is written in it.

    `by` is who says so: a person, or the link of a mail. It is the proof that a customer in Québec chose English.

    Raises:
        ValueError: a language that we do not write.
    """
    if locale not in LOCALES:
        raise ValueError(f"{locale!r} is not a language we write: {', '.join(LOCALES)}")
    known = session.get(LanguageChoice, customer_id)
    if known and known.locale == locale:
        return
    values = {"locale": locale, "chosen_by": by, "chosen_at": clock.now(session)}
    choice = insert(LanguageChoice).values(customer_id=customer_id, **values)
    session.execute(choice.on_conflict_do_update(index_elements=["customer_id"], set_=values))
    session.add(
        AuditEntry(
            actor=by,
            object_type="language_choices",
            object_id=customer_id,
            before={"locale": known.locale} if known else None,
            after={"locale": locale},
        )
    )


def language_of(session: Session, customer: Customer, default: Locale) -> Locale:
    """The language to write to this customer in."""
    choice = session.get(LanguageChoice, customer.id)
    return locale_of(
        chosen=choice.locale if choice else None,
        customer_locale=customer.locale,
        country=customer.country,
        province=customer.province,
        default=default,
    )

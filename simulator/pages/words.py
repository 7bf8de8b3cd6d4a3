"""Every word of the pages, in French and English: one catalogue, so that nothing is missing in either.

Facts stand in braces. `~` is a no-break space: French has one before a colon and inside guillemets.
"""

from __future__ import annotations

from ..state import Body

LANGUAGES = ("fr", "en")


class Words:
    """The catalogue in one language."""

    def __init__(self, language: str) -> None:
        self._side = LANGUAGES.index(language)

    def __call__(self, key: str, **facts: object) -> str:
        """The text of a key.

        Raises:
            KeyError: the catalogue lacks it.
        """
        text = CATALOGUE[key][self._side]
        return text.format(**facts) if facts else text

    def has(self, key: str) -> bool:
        return key in CATALOGUE

    def count(self, key: str, count: int, **facts: object) -> str:
        """The text of a key for a number of things: in French none is singular, in English plural."""
        singular = count < 2 if self._side == 0 else count == 1
        return self(f"{key}.one" if singular else f"{key}.many", **facts)

    def status(self, kind: str, value: str) -> str:
        """The state of an object; one that the catalogue lacks as the site writes it."""
        return self._known(f"status.{kind}.{value}", value)

    def method(self, value: str) -> str:
        """A way that money comes."""
        return self._known(f"method.{value}", value)

    def due(self, what: str) -> str:
        """Something that will happen by itself."""
        return self._known(f"due.{what}", what)

    def locale(self, locale: str | None) -> str:
        """A customer's language."""
        return self(f"option.language.{'en-CA' if str(locale or '').startswith('en') else 'fr-CA'}")

    def way(self, payer: Body) -> str:
        """How a customer, or one subscription, pays."""
        if payer.get("auto_collection") == "on":
            return self("way.card")
        method = self.method(payer.get("offline_payment_method") or "no_preference")
        days = payer.get("net_term_days")
        return f"{method}, {self('way.days', days=days)}" if days else method

    def refused(self, code: str) -> str:
        """Why the site refused, by the code that its API answers with."""
        own = f"refused.own.{code}"
        return self(own) if self.has(own) else self._known(f"refused.{code}", self("refused.other"))

    def _known(self, key: str, otherwise: str) -> str:
        return self(key) if key in CATALOGUE else otherwise.replace("_", " ")


_WRITTEN: dict[str, tuple[str, str]] = {
    # ---- the frame
    "site": ("Chargebee fictif", "Make-believe Chargebee"),
    "skip": ("Aller au contenu", "Skip to content"),
    "nav": ("Pages du site fictif", "Pages of the make-believe site"),
    "site_time": ("Heure du site", "Site time"),
    "colon": ("~: ", ": "),
    "language.fr": ("Français", "Français"),
    "language.en": ("English", "English"),
    "optional": ("(facultatif)", "(optional)"),
    "none": ("Aucune", "None"),
    "facts": ("Détails", "Details"),
    "search": ("Chercher", "Search"),
    "search.customers": ("Nom, courriel ou identifiant", "Name, email or id"),
    "search.events": ("Type d’événement", "Event type"),
    "filter.state": ("Filtrer par état", "Filter by state"),
    "filter.all": ("Tous", "All"),
    "pager": ("Pages de la liste", "Pages of the list"),
    "pager.before": ("Précédente", "Previous"),
    "pager.next": ("Suivante", "Next"),
    "pager.page": ("Page {number}, {count} en tout", "Page {number}, {count} in all"),
    "closed": (
        "L’histoire de démonstration se joue encore. Vous pourrez agir dès qu’elle sera finie.",
        "The demo story is still being played. You can act as soon as it has ended.",
    ),
    "title.overview": ("Vue d’ensemble", "Overview"),
    "title.order": ("Commander", "Order"),
    "title.customers": ("Clients", "Customers"),
    "title.subscriptions": ("Abonnements", "Subscriptions"),
    "title.invoices": ("Factures", "Invoices"),
    "title.events": ("Événements", "Events"),
    "title.webhooks": ("Webhooks", "Webhooks"),
    "title.clock": ("Horloge", "Clock"),
    "title.": ("Chargebee fictif", "Make-believe Chargebee"),
    "problem.403": ("Demande refusée", "Request refused"),
    "problem.403.what": (
        "Le formulaire venait d’une autre page que celles-ci. Ouvrez la page par son adresse locale, puis recommencez.",
        "The form came from a page that is not one of these. Open the page at its local address, then try again.",
    ),
    "problem.410": ("Lien expiré", "Link expired"),
    "problem.410.what": (
        "Cette session du portail est terminée. Demandez-en une nouvelle.",
        "This portal session is over. Ask for another one.",
    ),
    "problem.404": ("Page introuvable", "Page not found"),
    "problem.404.what": (
        "Rien ne porte cette adresse. L’objet a peut-être été supprimé.",
        "Nothing has this address. The object may have been deleted.",
    ),
    # ---- what was done
    "told.nothing": ("Aucun événement.", "No event."),
    "told.events.one": ("1 événement", "1 event"),
    "told.events.many": ("{number} événements", "{number} events"),
    "told.more.one": ("et 1 autre", "and 1 more"),
    "told.more.many": ("et {number} autres", "and {number} more"),
    "told.arrived": ("Les webhooks sont arrivés.", "The webhooks have arrived."),
    "told.waiting": (
        "Des webhooks attendent ou ont été refusés.",
        "Some webhooks are waiting or were refused.",
    ),
    "told.no_endpoint": ("Aucune adresse ne les reçoit.", "No address receives them."),
    # ---- overview
    "overview.lead": (
        "Un site Chargebee d’entraînement. Jouez le client, la banque ou le temps; le site facture et envoie ses"
        " webhooks comme le vrai.",
        "A Chargebee site to practise on. Play the customer, the bank or time; the site bills and sends its webhooks as"
        " the real one does.",
    ),
    "overview.figures": ("Chiffres", "Figures"),
    "overview.owed": ("À recevoir", "Owed"),
    "overview.open.one": ("{number} facture ouverte", "{number} open invoice"),
    "overview.open.many": ("{number} factures ouvertes", "{number} open invoices"),
    "overview.events": ("Derniers événements", "Latest events"),
    "overview.deeds": ("Derniers gestes", "Latest actions"),
    "empty.deeds": ("Rien n’a été fait d’ici depuis le démarrage.", "Nothing has been done from here since the start."),
    "empty.events": ("Aucun événement.", "No events."),
    "empty.customers": ("Aucun client.", "No customers."),
    "empty.subscriptions": ("Aucun abonnement.", "No subscriptions."),
    "empty.invoices": ("Aucune facture.", "No invoices."),
    "empty.payments": ("Aucun paiement.", "No payments."),
    "empty.endpoints": ("Aucune adresse ne reçoit les webhooks.", "No address receives webhooks."),
    "empty.order": ("Commander des licences", "Order licences"),
    "deeds": ("Gestes", "Actions"),
    "deeds.final": ("Retirer ou annuler", "Take away or cancel"),
    "mishaps.one": ("{number} incident possible", "{number} possible mishap"),
    "mishaps.many": ("{number} incidents possibles", "{number} possible mishaps"),
    "seats.one": ("{number} licence", "{number} licence"),
    "seats.many": ("{number} licences", "{number} licences"),
    # ---- columns
    "col.id": ("Identifiant", "Id"),
    "col.customer": ("Client", "Customer"),
    "col.contact": ("Contact", "Contact"),
    "col.other_contact": ("Autre contact", "Other contact"),
    "col.email": ("Courriel", "Email"),
    "col.address": ("Adresse", "Address"),
    "col.language": ("Langue", "Language"),
    "col.way": ("Paiement", "Pays by"),
    "col.made": ("Créé", "Created"),
    "col.cards": ("Cartes", "Cards"),
    "col.excess": ("Trop-payé", "Excess payments"),
    "col.credits": ("Crédits remboursables", "Refundable credits"),
    "col.promotional": ("Crédits promotionnels", "Promotional credits"),
    "col.subscription": ("Abonnement", "Subscription"),
    "col.seats": ("Licences", "Licences"),
    "col.term": ("Terme", "Term"),
    "col.term_end": ("Fin du terme", "Term end"),
    "col.next_billing": ("Prochaine facturation", "Next billing"),
    "col.starts": ("Commence", "Starts"),
    "col.trial_end": ("Fin de l’essai", "Trial ends"),
    "col.cancelled_at": ("Annulation", "Cancellation"),
    "col.resumes": ("Reprise", "Resumes"),
    "col.changes_at": ("Changement prévu", "Change scheduled"),
    "col.owed": ("Solde dû", "Owed"),
    "col.items": ("Articles", "Items"),
    "col.item": ("Article", "Item"),
    "col.type": ("Sorte", "Type"),
    "col.quantity": ("Quantité", "Quantity"),
    "col.price": ("Prix", "Price"),
    "col.amount": ("Montant", "Amount"),
    "col.invoice": ("Facture", "Invoice"),
    "col.date": ("Date", "Date"),
    "col.total": ("Total", "Total"),
    "col.balance": ("Solde", "Balance"),
    "col.due": ("Échéance", "Due"),
    "col.state": ("État", "State"),
    "col.next_retry": ("Prochain essai", "Next try"),
    "col.dunning": ("Relance", "Dunning"),
    "col.payment": ("Paiement", "Payment"),
    "col.reference": ("Référence", "Reference"),
    "col.note": ("Note de crédit", "Credit note"),
    "col.reason": ("Motif", "Reason"),
    "col.event": ("Événement", "Event"),
    "col.about": ("Objets", "Objects"),
    "col.when": ("Quand", "When"),
    "col.delivery": ("Webhook", "Webhook"),
    "col.choose": ("Choisir", "Choose"),
    "col.source": ("Origine", "Source"),
    "col.chaos": ("Incident", "Mishap"),
    "col.attempt": ("Envoi", "Attempt"),
    "col.answer": ("Réponse", "Answer"),
    "col.endpoint": ("Webhook", "Webhook"),
    "col.what": ("Quoi", "What"),
    "one.invoice": ("Facture", "Invoice"),
    "one.subscription": ("Abonnement", "Subscription"),
    "item.plan": ("forfait", "plan"),
    "item.addon": ("complément", "add-on"),
    "item.charge": ("frais uniques", "one-time charge"),
    "period.day": ("par jour", "a day"),
    "period.week": ("par semaine", "a week"),
    "period.month": ("par mois", "a month"),
    "period.year": ("par an", "a year"),
    "period.": ("une fois", "once"),
    "way.card": ("Carte", "Card"),
    "way.days": ("{days} jours", "{days} days"),
    "way.own": ("cet abonnement", "this subscription"),
    "invoice.pdf": ("Ouvrir le PDF", "Open the PDF"),
    "invoice.lines": ("Lignes", "Lines"),
    "invoice.payments": ("Paiements", "Payments"),
    "invoice.notes": ("Notes de crédit", "Credit notes"),
    "sum.amount_paid": ("Payé", "Paid"),
    "sum.credits_applied": ("Crédits", "Credits"),
    "sum.amount_adjusted": ("Ajusté", "Adjusted"),
    "sum.write_off_amount": ("Radié", "Written off"),
    "event.deliveries": ("Envois", "Deliveries"),
    "event.again": ("prochain envoi", "next attempt"),
    "event.not_tried": ("Pas encore envoyé.", "Not sent yet."),
    "event.no_delivery": (
        "Rien n’est connu de ses envois~: aucune adresse, ou il est parti lors d’un démarrage précédent.",
        "Nothing is known of its deliveries: no address, or it left during an earlier run.",
    ),
    "event.effects": ("Ce qui s’est passé chez le destinataire", "What the receiver made of it"),
    "event.no_effects": ("Le destinataire ne connaît pas cet événement.", "The receiver does not know this event."),
    "event.body": ("Contenu", "Body"),
    "no_endpoint": ("aucun", "none"),
    "webhooks.lead": (
        "Chaque événement part vers ces adresses, par HTTP et avec un mot de passe. Un refus est suivi de sept essais,"
        " après 2 minutes, 6 minutes, 30 minutes, 1 heure, 5 heures, 1 jour et 2 jours du site.",
        "Every event goes to these addresses, over HTTP and with a password. A refusal is followed by seven more tries,"
        " after 2 minutes, 6 minutes, 30 minutes, 1 hour, 5 hours, 1 day and 2 days of site time.",
    ),
    "webhooks.endpoints": ("Adresses", "Addresses"),
    "webhooks.counts": ("Depuis le démarrage", "Since the start"),
    "count.attempts": ("Envois", "Attempts"),
    "count.accepted": ("Acceptés", "Accepted"),
    "count.refused": ("Refusés", "Refused"),
    "count.unanswered": ("Sans réponse", "Unanswered"),
    "count.retried": ("Envoyés de nouveau", "Tried again"),
    "clock.lead": (
        "Le site a sa propre heure. Ce qui arrive à échéance entre deux instants arrive dans l’ordre, chaque chose à"
        " son heure, webhooks et nouveaux essais compris.",
        "The site has a time of its own. What falls due between two instants happens in order, each thing at its own"
        " time, webhooks and their retries included.",
    ),
    "clock.next": ("prochaine échéance", "next due"),
    "clock.nothing": ("Rien n’est à venir.", "Nothing is to come."),
    "clock.more": ("Choisir une date, voir ce qui vient", "Choose a date, see what is to come"),
    "clock.coming": ("Ce qui vient", "What is to come"),
    # ---- ordering
    "order.who": ("Pour qui", "For whom"),
    "order.new": (
        "Pour un nouveau client, donnez au moins l’entreprise et le courriel; sinon laissez ces champs vides.",
        "For a new customer give at least company and email; otherwise leave these fields empty.",
    ),
    "order.what": ("Quoi", "What"),
    "order.how": ("Comment c’est payé", "How it is paid"),
    "order.days": (
        "Par virement ou par chèque, la facture est à payer dans ce délai, 30 jours si rien n’est écrit. Par carte,"
        " elle est prélevée tout de suite.",
        "By wire or cheque the invoice is due after so many days, 30 if nothing is written. By card it is charged at"
        " once.",
    ),
    # ---- fields
    "field.company": ("Entreprise", "Company"),
    "field.first_name": ("Prénom", "First name"),
    "field.last_name": ("Nom", "Last name"),
    "field.email": ("Courriel", "Email"),
    "field.place": ("Province", "Province"),
    "field.language": ("Langue", "Language"),
    "field.way": ("Mode de paiement", "Pays by"),
    "field.days": ("Délai de paiement, en jours", "Days to pay"),
    "field.card": ("Carte", "Card"),
    "field.card_id": ("Carte", "Card"),
    "field.month": ("Mois d’expiration", "Expiry month"),
    "field.year": ("Année d’expiration", "Expiry year"),
    "field.customer": ("Client", "Customer"),
    "field.plan": ("Forfait", "Plan"),
    "field.seats": ("Licences en tout", "Licences in all"),
    "field.addon": ("Complément", "Add-on"),
    "field.quantity": ("Quantité", "Quantity"),
    "field.trial_days": ("Jours d’essai", "Trial days"),
    "field.starts_at": ("Commence plus tard, le", "Starts later, on"),
    "field.moment": ("Quand", "When"),
    "field.reason": ("Motif", "Reason"),
    "field.at": ("Le (vide~: à la fin du terme)", "On (empty: at the end of the term)"),
    "field.credit": ("Créditer le reste du terme", "Credit the rest of the term"),
    "field.resume_at": ("Reprise le", "Resumes on"),
    "field.amount": ("Montant", "Amount"),
    "field.reference": ("Numéro ou référence", "Number or reference"),
    "field.method": ("Mode", "Method"),
    "field.item": ("Complément", "Add-on"),
    "field.expected": ("Date attendue", "Expected date"),
    "field.payment": ("Paiement", "Payment"),
    "field.chargeback": ("Sur demande du titulaire de la carte", "At the card holder’s demand"),
    "field.to": ("Date et heure", "Date and time"),
    "field.mode": ("Horloge", "Clock"),
    "field.factor": ("Combien de fois plus vite", "How many times faster"),
    "field.minutes": ("Minutes de retard", "Minutes late"),
    "field.trick": ("Défaut", "Fault"),
    "field.event": ("Événements", "Events"),
    "field.endpoint": ("Webhook", "Webhook"),
    "field.url": ("Adresse", "Address"),
    "field.user": ("Utilisateur", "User"),
    "field.password": ("Mot de passe", "Password"),
    "field.duplicate": ("Envoyés en double, %", "Sent twice, %"),
    "field.again": ("Renvoyés plus tard, %", "Sent again later, %"),
    "field.reorder": ("Dépassés par d’autres, %", "Overtaken by others, %"),
    "field.delay": ("En retard, %", "Late, %"),
    "field.drop": ("Perdus, %", "Lost, %"),
    "field.cut": ("Coupés en route, %", "Cut on the way, %"),
    "field.credentials": ("Mauvais mot de passe, %", "Wrong password, %"),
    "field.v1": ("Renvoyés en version v1, %", "Sent again as v1, %"),
    "field.altered": ("Renvoyés avec un autre contenu, %", "Sent again with another body, %"),
    "field.burst": ("Retenus, puis tous à la fois, %", "Held, then all at once, %"),
    # ---- choices
    "option.place.QC": ("Québec (TPS et TVQ)", "Québec (GST and QST)"),
    "option.place.ON": ("Ontario (TVH)", "Ontario (HST)"),
    "option.place.AB": ("Alberta (sans taxe)", "Alberta (no tax)"),
    "option.place.FR": ("Hors du Canada (sans taxe)", "Outside Canada (no tax)"),
    "option.language.fr-CA": ("Français", "French"),
    "option.language.en-CA": ("Anglais", "English"),
    "option.way.card": ("Carte, prélevée d’office", "Card, charged by itself"),
    "option.way.bank_transfer": ("Virement", "Wire transfer"),
    "option.way.check": ("Chèque", "Cheque"),
    "option.card.4242": ("4242, qui paie", "4242, which pays"),
    "option.card.0002": ("0002, que la banque refuse", "0002, which the bank declines"),
    "option.method.check": ("Chèque", "Cheque"),
    "option.method.bank_transfer": ("Virement", "Wire transfer"),
    "option.customer.new": ("Nouveau client", "New customer"),
    "option.addon.none": ("Aucun", "None"),
    "option.moment.now": ("Maintenant, au prorata", "Now, prorated"),
    "option.moment.end": ("À la fin du terme", "At the end of the term"),
    "option.reason.none": ("Non précisé", "Not given"),
    "option.reason.Too expensive": ("Trop cher", "Too expensive"),
    "option.reason.No longer needed": ("Plus nécessaire", "No longer needed"),
    "option.reason.Switched provider": ("Autre fournisseur", "Switched provider"),
    "option.mode.frozen": ("Arrêtée", "Frozen"),
    "option.mode.real": ("Elle avance", "Running"),
    "option.trick.cut": ("Coupé au milieu", "Cut in the middle"),
    "option.trick.credentials": ("Mauvais mot de passe", "Wrong password"),
    "option.trick.v1": ("Version v1 de l’API", "API version v1"),
    "option.trick.altered": ("Même identifiant, autre contenu", "Same id, another body"),
    "option.chaos.duplicate": ("envoyé en double", "sent twice"),
    "option.chaos.again": ("renvoyé plus tard", "sent again later"),
    "option.chaos.reorder": ("dans le désordre", "out of order"),
    "option.chaos.delay": ("en retard", "late"),
    "option.chaos.drop": ("perdu", "lost"),
    "option.chaos.cut": ("coupé en route", "cut on the way"),
    "option.chaos.credentials": ("mauvais mot de passe", "wrong password"),
    "option.chaos.v1": ("en version v1", "as v1"),
    "option.chaos.altered": ("autre contenu", "another body"),
    "option.chaos.burst": ("retenu, puis en rafale", "held, then in a burst"),
    # ---- what cannot be read
    "fault.missing": ("À remplir.", "Fill this in."),
    "fault.long": ("Trop long~: 250 caractères au plus.", "Too long: 250 characters at most."),
    "fault.money": (
        "Écrivez un montant positif, par exemple 3~010,09.",
        "Write a positive amount, such as 3,010.09.",
    ),
    "fault.two_ways": (
        "Ce nombre se lit de deux façons~: écrivez aussi les cents, par exemple 3~010,00.",
        "This can be read in two ways: write the cents too, as in 3,010.00.",
    ),
    "fault.whole": (
        "Écrivez un nombre entier de {least} à {most}.",
        "Write a whole number from {least} to {most}.",
    ),
    "fault.instant": ("Choisissez une date et une heure.", "Choose a date and a time."),
    "fault.past": (
        "Choisissez un instant à venir, à l’heure du site.",
        "Choose an instant to come, by the site’s clock.",
    ),
    "fault.mail": ("Écrivez une adresse comme marie@exemple.ca.", "Write an address such as marie@example.com."),
    "fault.address": (
        "Écrivez une adresse comme http://127.0.0.1:8000/webhooks.",
        "Write an address such as http://127.0.0.1:8000/webhooks.",
    ),
    "fault.choice": ("Choisissez une valeur de la liste.", "Choose one of the list."),
    "fault.few": ("Cochez au moins deux événements.", "Tick at least two events."),
    "refused.fields": (
        "Rien n’a changé. Un champ ou plus est à corriger.",
        "Nothing has changed. One field or more must be corrected.",
    ),
    "refused.words": ("Réponse de l’API", "The API’s answer"),
    "refused.other": ("Le site refuse, et rien n’a changé.", "The site refuses, and nothing has changed."),
    "refused.invalid_state_for_request": (
        "L’état actuel ne le permet pas, et rien n’a changé.",
        "The present state does not allow this, and nothing has changed.",
    ),
    "refused.param_wrong_value": (
        "Une valeur ne convient pas, et rien n’a changé.",
        "A value does not fit, and nothing has changed.",
    ),
    "refused.resource_not_found": (
        "Un des objets n’existe pas ou plus, et rien n’a changé.",
        "One of the objects is not there, or not any more, and nothing has changed.",
    ),
    "refused.duplicate_entry": (
        "Cet identifiant est déjà pris, et rien n’a changé.",
        "That id is taken, and nothing has changed.",
    ),
    "refused.payment_processing_failed": (
        "La banque a refusé le paiement.",
        "The bank declined the payment.",
    ),
    "refused.own.nothing_due": (
        "Rien n’est à venir~: l’horloge reste où elle est.",
        "Nothing is to come: the clock stays.",
    ),
    "refused.own.clock_back": (
        "L’horloge du site ne recule jamais. Choisissez un instant à venir.",
        "The site’s clock never goes back. Choose an instant to come.",
    ),
    "refused.own.clock_far": (
        "Pas plus de trois ans à la fois.",
        "Three years in one go at most.",
    ),
    "refused.own.company_missing": (
        "Un nouveau client a besoin d’un nom d’entreprise et d’un courriel.",
        "A new customer needs a company name and an email.",
    ),
    # ---- deeds on customers
    "deed.new-customer": ("Créer un client", "Create a customer"),
    "hint.new-customer": (
        "Le client est créé sans abonnement. S’il paie par carte, une carte valide lui est donnée.",
        "The customer is made without a subscription. One who pays by card is given a card that works.",
    ),
    "done.new-customer": ("{customer} est créé.", "{customer} has been created."),
    "deed.change-customer": ("Courriel, langue, paiement", "Email, language, payment"),
    "hint.change-customer": (
        "Vaut pour les prochaines factures. Le virement et le chèque arrêtent le prélèvement d’office.",
        "Counts for invoices to come. Wire and cheque stop automatic collection.",
    ),
    "done.change-customer": ("{customer} est modifié.", "{customer} has been changed."),
    "deed.move-customer": ("Déménager", "Move house"),
    "hint.move-customer": (
        "Les prochaines factures portent les taxes du nouvel endroit.",
        "Invoices to come carry the taxes of the new place.",
    ),
    "done.move-customer": ("{customer} a déménagé.", "{customer} has moved."),
    "deed.add-card": ("Ajouter une carte", "Add a card"),
    "hint.add-card": ("Elle sera prélevée à partir de maintenant.", "It is charged from now on."),
    "done.add-card": (
        "{customer} a une carte se terminant par {last4}.",
        "{customer} has a card ending in {last4}.",
    ),
    "deed.pay-ahead": ("De l’argent arrive sans facture", "Money arrives for no invoice"),
    "hint.pay-ahead": (
        "Il reste au client comme trop-payé, jusqu’à ce qu’une facture l’utilise.",
        "It stays with the customer as excess, until an invoice uses it.",
    ),
    "done.pay-ahead": ("{customer} a payé {amount} d’avance.", "{customer} has paid {amount} ahead."),
    "deed.give-credits": ("Offrir des crédits", "Give credits"),
    "hint.give-credits": (
        "Des crédits promotionnels, utilisés par les prochaines factures.",
        "Promotional credits, used by the next invoices.",
    ),
    "done.give-credits": ("{customer} a {amount} de crédits de plus.", "{customer} has {amount} of credits more."),
    "deed.delete-card": ("Retirer une carte", "Remove a card"),
    "hint.delete-card": (
        "Une autre carte, s’il y en a une, sera prélevée.",
        "Another card, if there is one, is charged from now on.",
    ),
    "done.delete-card": (
        "La carte se terminant par {last4} est retirée.",
        "The card ending in {last4} has been removed.",
    ),
    "deed.delete-customer": ("Supprimer le client", "Delete the customer"),
    "hint.delete-customer": (
        "Refusé s’il a déjà acheté quelque chose.",
        "Refused once anything was sold to it.",
    ),
    "done.delete-customer": ("{company} est supprimé.", "{company} has been deleted."),
    # ---- deeds on subscriptions
    "deed.order": ("Commander", "Order"),
    "hint.order": (
        "Un client commande des licences. Par virement ou par chèque, la facture part tout de suite et l’argent se fait"
        " attendre~: à vous d’être la banque, sur la page de la facture.",
        "A customer orders licences. By wire or cheque the invoice goes out at once and the money is to come: play the"
        " bank on the invoice’s page.",
    ),
    "done.order": (
        "{customer} a commandé {seats}~: abonnement {subscription}, {status}.",
        "{customer} has ordered {seats}: subscription {subscription}, {status}.",
    ),
    "deed.order-more": ("Commander des licences", "Order licences"),
    "hint.order-more": (
        "Le nombre est le total voulu. La différence est facturée au prorata, et payée ainsi.",
        "The number is the total wanted. The difference is billed prorated, and paid this way.",
    ),
    "done.order-more": (
        "{customer} a maintenant {seats} (abonnement {subscription}).",
        "{customer} now has {seats} (subscription {subscription}).",
    ),
    "deed.change-seats": ("Changer le nombre de licences", "Change the number of licences"),
    "hint.change-seats": (
        "Maintenant~: plus est facturé, moins est crédité, au prorata. Une annulation prévue est levée.",
        "Now: more is billed, less is credited, prorated. A scheduled cancellation is removed.",
    ),
    "done.change-seats": ("{subscription} a {seats}.", "{subscription} has {seats}."),
    "also.later": ("À la fin du terme~: {later}.", "At the end of the term: {later}."),
    "also.kept": ("L’annulation prévue est levée.", "The scheduled cancellation has been removed."),
    "deed.change-plan": ("Changer de forfait", "Change the plan"),
    "hint.change-plan": (
        "Un nouveau terme commence; le reste de l’ancien est crédité.",
        "A new term begins; the rest of the old one is credited.",
    ),
    "done.change-plan": ("{subscription} a un nouveau forfait.", "{subscription} has a new plan."),
    "deed.add-item": ("Ajouter un complément ou des frais", "Add an add-on or a charge"),
    "hint.add-item": (
        "Un complément est facturé au prorata jusqu’à la fin du terme, des frais uniques tout de suite.",
        "An add-on is billed prorated to the end of the term, a one-time charge at once.",
    ),
    "done.add-item": ("{subscription} a ce qui a été choisi.", "{subscription} has what was chosen."),
    "deed.remove-item": ("Retirer un complément", "Remove an add-on"),
    "hint.remove-item": ("Le reste du terme est crédité.", "The rest of the term is credited."),
    "done.remove-item": (
        "Le complément de {subscription} est retiré.",
        "The add-on of {subscription} has been removed.",
    ),
    "deed.forget-change": ("Oublier le changement prévu", "Forget the scheduled change"),
    "hint.forget-change": ("L’abonnement continue tel quel.", "The subscription continues as it is."),
    "done.forget-change": (
        "{subscription} continue tel quel.",
        "{subscription} continues as it is.",
    ),
    "deed.pause": ("Mettre en pause", "Pause"),
    "hint.pause": (
        "Rien n’est facturé jusqu’à la reprise, et les licences ne comptent plus.",
        "Nothing is billed until it resumes, and its seats do not count.",
    ),
    "done.pause": ("{subscription} est en pause.", "{subscription} is paused."),
    "deed.resume": ("Reprendre", "Resume"),
    "hint.resume": ("L’abonnement redevient actif.", "The subscription is active again."),
    "done.resume": ("{subscription} a repris.", "{subscription} has resumed."),
    "deed.move-subscription": ("Donner à un autre client", "Give to another customer"),
    "hint.move-subscription": ("Les factures restent à l’ancien client.", "Its invoices stay with the old customer."),
    "done.move-subscription": (
        "{subscription} appartient maintenant à {customer}.",
        "{subscription} now belongs to {customer}.",
    ),
    "deed.keep": ("Conserver l’abonnement", "Keep the subscription"),
    "hint.keep": ("L’annulation prévue est levée.", "The scheduled cancellation is removed."),
    "done.keep": ("{subscription} est conservé.", "{subscription} continues."),
    "deed.reactivate": ("Réactiver", "Reactivate"),
    "hint.reactivate": (
        "Un nouveau terme commence maintenant, et est facturé.",
        "A new term begins now, and is billed.",
    ),
    "done.reactivate": ("{subscription} est réactivé.", "{subscription} has been reactivated."),
    "deed.cancel-later": ("Annuler à la fin du terme", "Cancel at the end of the term"),
    "hint.cancel-later": (
        "L’abonnement reste actif jusque-là, puis prend fin de lui-même.",
        "The subscription stays live until then, and ends by itself.",
    ),
    "done.cancel-later": (
        "{subscription} prendra fin le {at}.",
        "{subscription} will end on {at}.",
    ),
    "deed.cancel-now": ("Annuler maintenant", "Cancel now"),
    "hint.cancel-now": ("L’abonnement prend fin tout de suite.", "The subscription ends at once."),
    "done.cancel-now": ("{subscription} est annulé.", "{subscription} has been cancelled."),
    "deed.delete-subscription": ("Supprimer l’abonnement", "Delete the subscription"),
    "hint.delete-subscription": ("Il disparaît; ses factures restent.", "It disappears; its invoices stay."),
    "done.delete-subscription": (
        "L’abonnement {subscription} est supprimé.",
        "Subscription {subscription} has been deleted.",
    ),
    # ---- deeds on invoices
    "deed.cheque-arrives": ("Un chèque arrive", "A cheque arrives"),
    "hint.cheque-arrives": (
        "Moins que le solde~: paiement partiel. Plus~: le reste devient un trop-payé du client.",
        "Less than the balance: a part payment. More: the rest becomes an excess payment of the customer.",
    ),
    "done.cheque-arrives": (
        "Un chèque de {amount} est enregistré. Facture {invoice}~: {status}, solde {due}.",
        "A cheque for {amount} has been recorded. Invoice {invoice}: {status}, balance {due}.",
    ),
    "deed.wire-arrives": ("Un virement arrive", "A wire arrives"),
    "hint.wire-arrives": (
        "Moins que le solde~: paiement partiel. Plus~: le reste devient un trop-payé du client.",
        "Less than the balance: a part payment. More: the rest becomes an excess payment of the customer.",
    ),
    "done.wire-arrives": (
        "Un virement de {amount} est enregistré. Facture {invoice}~: {status}, solde {due}.",
        "A wire of {amount} has been recorded. Invoice {invoice}: {status}, balance {due}.",
    ),
    "deed.pay-by-card": ("Payer par carte", "Pay by card"),
    "hint.pay-by-card": ("La carte du client est prélevée du solde.", "The customer’s card is charged the balance."),
    "done.pay-by-card": (
        "La carte a été sollicitée. Facture {invoice}~: {status}, solde {due}.",
        "The card was charged. Invoice {invoice}: {status}, balance {due}.",
    ),
    "deed.card-fails": ("La carte est refusée", "The card fails"),
    "hint.card-fails": (
        "La banque refuse, quelle que soit la carte; de nouveaux essais suivent.",
        "The bank declines, whatever the card; more tries follow.",
    ),
    "done.card-fails": (
        "La carte a été refusée. Facture {invoice}~: {status}, solde {due}.",
        "The card was declined. Invoice {invoice}: {status}, balance {due}.",
    ),
    "deed.apply-excess": ("Utiliser le trop-payé", "Apply the excess"),
    "hint.apply-excess": (
        "Ce que le client a payé de trop va sur cette facture.",
        "What the customer has paid too much goes on this invoice.",
    ),
    "done.apply-excess": (
        "Le trop-payé est utilisé. Facture {invoice}~: {status}, solde {due}.",
        "The excess has been applied. Invoice {invoice}: {status}, balance {due}.",
    ),
    "deed.apply-credits": ("Utiliser les crédits", "Apply the credits"),
    "hint.apply-credits": (
        "Les notes de crédit du client vont sur cette facture.",
        "The customer’s credit notes go on this invoice.",
    ),
    "done.apply-credits": (
        "Les crédits sont utilisés. Facture {invoice}~: {status}, solde {due}.",
        "The credits have been applied. Invoice {invoice}: {status}, balance {due}.",
    ),
    "deed.expect-payment": ("Paiement attendu le", "Payment expected on"),
    "hint.expect-payment": (
        "La relance de Chargebee s’arrête jusque-là.",
        "Chargebee’s dunning stops until then.",
    ),
    "done.expect-payment": (
        "Facture {invoice}~: paiement attendu le {at}.",
        "Invoice {invoice}: payment expected on {at}.",
    ),
    "deed.stop-dunning": ("Arrêter la relance", "Stop dunning"),
    "hint.stop-dunning": (
        "Chargebee n’essaie plus rien; la facture devient impayée.",
        "Chargebee tries nothing more; the invoice becomes not paid.",
    ),
    "done.stop-dunning": (
        "La relance est arrêtée. Facture {invoice}~: {status}, solde {due}.",
        "Dunning has stopped. Invoice {invoice}: {status}, balance {due}.",
    ),
    "deed.close-invoice": ("Émettre la facture", "Issue the invoice"),
    "hint.close-invoice": ("Sinon le site l’émet de lui-même.", "Otherwise the site issues it by itself."),
    "done.close-invoice": (
        "Facture {invoice}~: {status}, solde {due}.",
        "Invoice {invoice}: {status}, balance {due}.",
    ),
    "deed.cheque-bounces": ("Le chèque est sans provision", "The cheque bounces"),
    "hint.cheque-bounces": (
        "Le paiement est effacé, la facture redevient due.",
        "The payment is taken away, the invoice is owed again.",
    ),
    "done.cheque-bounces": (
        "{amount} sans provision. Facture {invoice}~: {status}, solde {due}.",
        "{amount} bounced. Invoice {invoice}: {status}, balance {due}.",
    ),
    "deed.remove-payment": ("Retirer un paiement", "Remove a payment"),
    "hint.remove-payment": (
        "L’argent reste au client, comme trop-payé; la facture redevient due.",
        "The money stays with the customer as excess; the invoice is owed again.",
    ),
    "done.remove-payment": (
        "{amount} retirés. Facture {invoice}~: {status}, solde {due}.",
        "{amount} removed. Invoice {invoice}: {status}, balance {due}.",
    ),
    "deed.bank-takes-back": ("La banque reprend l’argent", "The bank takes it back"),
    "hint.bank-takes-back": (
        "Un paiement par carte est repris des jours plus tard; la facture redevient due.",
        "A card payment is taken back days later; the invoice is owed again.",
    ),
    "done.bank-takes-back": (
        "La banque a repris {amount}. Facture {invoice}~: {status}, solde {due}.",
        "The bank took {amount} back. Invoice {invoice}: {status}, balance {due}.",
    ),
    "deed.refund": ("Rembourser", "Refund"),
    "hint.refund": (
        "L’argent retourne par où il est venu; la facture reste payée. Vide~: tout ce qui peut l’être.",
        "The money goes back the way it came; the invoice stays paid. Empty: all that can be.",
    ),
    "done.refund": (
        "{amount} remboursés sur la facture {invoice}~: {status}.",
        "{amount} refunded on invoice {invoice}: {status}.",
    ),
    "deed.write-off": ("Radier le solde", "Write off the balance"),
    "hint.write-off": (
        "Le solde est abandonné par une note de crédit; la facture est payée.",
        "The balance is given up with a credit note; the invoice is paid.",
    ),
    "done.write-off": (
        "{amount} radiés. Facture {invoice}~: {status}.",
        "{amount} written off. Invoice {invoice}: {status}.",
    ),
    "deed.void": ("Annuler la facture", "Void the invoice"),
    "hint.void": ("Elle ne compte plus; plus rien n’est dû.", "It counts no longer; nothing is owed any more."),
    "done.void": ("Facture {invoice}~: {status}.", "Invoice {invoice}: {status}."),
    "deed.delete-invoice": ("Supprimer la facture", "Delete the invoice"),
    "hint.delete-invoice": (
        "Elle disparaît, comme si elle n’avait pas été.",
        "It disappears, as if it had never been.",
    ),
    "done.delete-invoice": ("La facture {invoice} est supprimée.", "Invoice {invoice} has been deleted."),
    # ---- deeds on the clock and on webhooks
    "deed.one-day": ("Avancer d’un jour", "One day ahead"),
    "hint.one-day": ("La même heure, demain.", "The same time tomorrow."),
    "done.one-day": ("Le site en est au {now}.", "The site is at {now}."),
    "deed.one-month": ("Avancer d’un mois", "One month ahead"),
    "hint.one-month": ("La même heure, un mois plus tard.", "The same time a month later."),
    "done.one-month": ("Le site en est au {now}.", "The site is at {now}."),
    "deed.next-due": ("Jusqu’à la prochaine échéance", "To the next due thing"),
    "hint.next-due": (
        "Jusqu’à ce que quelque chose arrive de soi-même, sur le site ou à un webhook.",
        "Until something happens by itself, on the site or to a webhook.",
    ),
    "done.next-due": ("Le site en est au {now}.", "The site is at {now}."),
    "deed.jump": ("Avancer à une date", "Move to a date"),
    "hint.jump": ("Trois ans à la fois au plus, jamais en arrière.", "Three years in one go at most, never back."),
    "done.jump": ("Le site en est au {now}.", "The site is at {now}."),
    "deed.run-clock": ("Arrêter ou laisser avancer", "Freeze or run"),
    "hint.run-clock": (
        "Arrêtée, elle ne bouge que par vos gestes. Sinon elle avance comme une montre, ou plus vite.",
        "Frozen, it moves only by your actions. Otherwise it goes on as a watch does, or faster.",
    ),
    "done.run-clock": ("Horloge~: {mode}. Le site en est au {now}.", "Clock: {mode}. The site is at {now}."),
    "deed.send-again": ("Envoyer de nouveau", "Send again"),
    "hint.send-again": ("Comme le bouton de Chargebee.", "As Chargebee’s button does."),
    "done.send-again": (
        "{event} est reparti~: {accepted} accepté sur {attempts}.",
        "{event} was sent again: {accepted} of {attempts} accepted.",
    ),
    "deed.send-twice": ("Envoyer deux fois", "Send twice"),
    "hint.send-twice": ("Le même événement, coup sur coup.", "The same event, one right after the other."),
    "done.send-twice": (
        "{event} est parti deux fois~: {accepted} acceptés sur {attempts}.",
        "{event} was sent twice: {accepted} of {attempts} accepted.",
    ),
    "deed.send-late": ("Envoyer en retard", "Send late"),
    "hint.send-late": (
        "Il part quand l’horloge du site y est; s’il est déjà parti, il part une seconde fois.",
        "It goes when the site’s clock gets there; if it went before, it goes a second time.",
    ),
    "done.send-late": ("{event} partira le {at}.", "{event} will go on {at}."),
    "deed.send-spoiled": ("Envoyer avec un défaut", "Send with a fault"),
    "hint.send-spoiled": (
        "Coupé ou avec un mauvais mot de passe, il est refusé. Les deux autres défauts arrivent.",
        "Cut, or with a wrong password, it is refused. The two other faults arrive.",
    ),
    "done.send-spoiled": (
        "{event} est parti avec un défaut~: {accepted} accepté sur {attempts}.",
        "{event} was sent with a fault: {accepted} of {attempts} accepted.",
    ),
    "deed.drop": ("Perdre en route", "Lose on the way"),
    "hint.drop": (
        "Seulement ce qui attend encore d’être envoyé. Le site le croira arrivé.",
        "Only what still waits to be sent. The site will believe it has arrived.",
    ),
    "done.drop": ("{event} est perdu.", "{event} is lost."),
    "deed.send-shuffled": ("Envoyer dans le désordre", "Send out of order"),
    "hint.send-shuffled": (
        "Cochez deux événements ou plus~: ils partent maintenant, dans un autre ordre.",
        "Tick two events or more: they go now, in another order.",
    ),
    "done.send-shuffled": (
        "{events} événements sont partis dans le désordre~: {accepted} acceptés sur {attempts}.",
        "{events} events were sent out of order: {accepted} of {attempts} accepted.",
    ),
    "deed.test-webhook": ("Envoyer un essai", "Test a webhook"),
    "hint.test-webhook": (
        "Un événement d’exemple, dont les identifiants commencent par cbdemo_.",
        "A sample event, whose ids start with cbdemo_.",
    ),
    "done.test-webhook": (
        "Un essai est parti vers {endpoint}~: {accepted} accepté.",
        "A test went to {endpoint}: {accepted} accepted.",
    ),
    "deed.add-endpoint": ("Ajouter une adresse", "Add an address"),
    "hint.add-endpoint": (
        "Cinq au plus. Elle reçoit ce qui vient à partir de maintenant.",
        "Five at most. It gets what comes from now on.",
    ),
    "done.add-endpoint": ("{endpoint} recevra les événements.", "{endpoint} will get the events."),
    "deed.switch-endpoint": ("Désactiver ou réactiver", "Switch off or on"),
    "hint.switch-endpoint": (
        "Désactivée, une adresse ne reçoit rien, pas même plus tard.",
        "Switched off, an address gets nothing, not even later.",
    ),
    "done.switch-endpoint": ("{endpoint}~: {enabled}.", "{endpoint}: {enabled}."),
    "deed.remove-endpoint": ("Retirer une adresse", "Remove an address"),
    "hint.remove-endpoint": ("Ce qui attendait pour elle ne part plus.", "What waited for it does not go any more."),
    "done.remove-endpoint": ("{endpoint} est retirée.", "{endpoint} has been removed."),
    "deed.set-chaos": ("Régler ce qui va mal", "Set what goes wrong"),
    "hint.set-chaos": (
        "La part des événements à venir à qui cela arrive, de 0 à 100.",
        "The part of the events to come to which it happens, from 0 to 100.",
    ),
    "done.set-chaos": ("À partir de maintenant~: {count}.", "From now on: {count}."),
    # ---- states
    "status.subscription.future": ("À venir", "Future"),
    "status.subscription.in_trial": ("À l’essai", "In trial"),
    "status.subscription.active": ("Actif", "Active"),
    "status.subscription.non_renewing": ("Se termine", "Ending"),
    "status.subscription.paused": ("En pause", "Paused"),
    "status.subscription.cancelled": ("Annulé", "Cancelled"),
    "status.subscription.transferred": ("Transféré", "Transferred"),
    "status.invoice.pending": ("En préparation", "Pending"),
    "status.invoice.posted": ("Émise", "Posted"),
    "status.invoice.payment_due": ("À payer", "Payment due"),
    "status.invoice.not_paid": ("Impayée", "Not paid"),
    "status.invoice.paid": ("Payée", "Paid"),
    "status.invoice.voided": ("Annulée", "Voided"),
    "status.dunning.in_progress": ("En cours", "In progress"),
    "status.dunning.exhausted": ("Épuisée", "Exhausted"),
    "status.dunning.stopped": ("Arrêtée", "Stopped"),
    "status.dunning.success": ("Réussie", "Success"),
    "status.transaction.success": ("Réussi", "Success"),
    "status.transaction.failure": ("Refusé", "Declined"),
    "status.transaction.late_failure": ("Repris par la banque", "Taken back"),
    "status.transaction.in_progress": ("En cours", "In progress"),
    "status.transaction.voided": ("Annulé", "Voided"),
    "status.transaction.timeout": ("Sans réponse", "Timed out"),
    "status.transaction.needs_attention": ("À vérifier", "Needs attention"),
    "status.card.valid": ("Valide", "Valid"),
    "status.card.expiring": ("Expire bientôt", "Expiring"),
    "status.card.expired": ("Expirée", "Expired"),
    "status.card.no_card": ("Aucune", "None"),
    "status.webhook.scheduled": ("À envoyer", "To be sent"),
    "status.webhook.succeeded": ("Arrivé", "Arrived"),
    "status.webhook.re_scheduled": ("À réessayer", "To be retried"),
    "status.webhook.failed": ("Abandonné", "Given up"),
    "status.webhook.skipped": ("Non voulu", "Not wanted"),
    "status.webhook.disabled": ("Désactivé", "Disabled"),
    "status.attempt.accepted": ("Accepté", "Accepted"),
    "status.attempt.refused": ("Refusé", "Refused"),
    "status.endpoint.active": ("Active", "Active"),
    "status.endpoint.disabled": ("Désactivée", "Disabled"),
    "status.clock.frozen": ("Arrêtée", "Frozen"),
    "status.clock.real": ("Elle avance", "Running"),
    "method.card": ("Carte", "Card"),
    "method.check": ("Chèque", "Cheque"),
    "method.bank_transfer": ("Virement", "Wire transfer"),
    "method.cash": ("Comptant", "Cash"),
    "method.direct_debit": ("Prélèvement bancaire", "Direct debit"),
    "method.chargeback": ("Rétrofacturation", "Chargeback"),
    "method.no_preference": ("Hors ligne", "Offline"),
    "method.other": ("Autre", "Other"),
    "method.custom": ("Autre", "Custom"),
    "due.begin": ("L’abonnement commence", "The subscription starts"),
    "due.end_trial": ("L’essai se termine", "The trial ends"),
    "due.renew": ("Renouvellement", "Renewal"),
    "due.carry_out_cancellation": ("L’abonnement prend fin", "The subscription ends"),
    "due.resume_by_itself": ("Reprise", "Resumption"),
    "due.pause_by_itself": ("Mise en pause", "Pause"),
    "due.change_by_itself": ("Changement prévu", "Scheduled change"),
    "due.remind_of": ("Rappel de Chargebee", "Reminder by Chargebee"),
    "due.remind": ("Rappel d’échéance de Chargebee", "Due reminder by Chargebee"),
    "due.expect_no_longer": ("Le paiement était attendu", "The payment was expected"),
    "due.settle_debit": ("Le prélèvement aboutit", "The debit settles"),
    "due.take_back": ("La banque reprend l’argent", "The bank takes it back"),
    "due.close_by_itself": ("La facture est émise", "The invoice is issued"),
    "due.fall_due": ("La facture arrive à échéance", "The invoice falls due"),
    "due.retry_card": ("La carte est essayée de nouveau", "The card is tried again"),
    "due.give_up": ("La facture devient impayée", "The invoice is given up as not paid"),
    "due.card_is_expiring": ("La carte expire bientôt", "The card is about to expire"),
    "due.card_has_expired": ("La carte a expiré", "The card has expired"),
}
CATALOGUE = {key: tuple(text.replace("~", "\N{NO-BREAK SPACE}") for text in texts) for key, texts in _WRITTEN.items()}

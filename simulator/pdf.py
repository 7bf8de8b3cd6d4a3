"""The invoice as a PDF, in the customer's language. The same invoice gives the same bytes."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from zoneinfo import ZoneInfo

from babel.dates import format_date
from babel.numbers import format_currency, format_decimal
from reportlab.lib.pagesizes import letter
from reportlab.pdfgen.canvas import Canvas

from .state import Body

_WORDS = {
    "fr_CA": {
        "invoice": "Facture", "date": "Date", "due": "Échéance", "to": "Facturé à", "description": "Description",
        "quantity": "Quantité", "amount": "Montant", "sub_total": "Sous-total", "total": "Total",
        "paid": "Payé", "credits": "Crédits", "balance": "Solde à payer", "colon": "\u00a0:",
        "gift": "Crédit promotionnel",
        "TPS": "TPS (5\u00a0%)", "TVQ": "TVQ (9,975\u00a0%)", "HST": "TVH (13\u00a0%)",
    },
    "en_CA": {
        "invoice": "Invoice", "date": "Date", "due": "Due", "to": "Billed to", "description": "Description",
        "quantity": "Quantity", "amount": "Amount", "sub_total": "Subtotal", "total": "Total",
        "paid": "Paid", "credits": "Credits", "balance": "Balance due", "colon": ":",
        "gift": "Promotional credit",
        "TPS": "GST (5%)", "TVQ": "QST (9.975%)", "HST": "HST (13%)",
    },
}  # fmt: skip
_LEFT, _RIGHT, _QUANTITY, _TOP, _STEP = 54, 558, 430, 738, 16


def invoice_pdf(invoice: Body, customer: Body, *, merchant: str, zone: ZoneInfo) -> bytes:
    """Draw an invoice: number, dates, payer, lines, taxes, total, what was paid and the balance."""
    locale = "en_CA" if str(customer.get("locale", "")).startswith("en") else "fr_CA"
    words = _WORDS[locale]
    title = f"{words['invoice']} {invoice['id']}"
    file = BytesIO()
    canvas = Canvas(file, pagesize=letter, invariant=1, pageCompression=0)
    canvas.setTitle(title)
    canvas.setAuthor(merchant)
    page = _Page(canvas)
    page.heading(merchant, title)
    page.row(words["date"] + words["colon"], _date(invoice["date"], locale, zone))
    page.row(words["due"] + words["colon"], _date(invoice["due_date"], locale, zone))
    page.row(words["to"] + words["colon"], str(customer.get("company") or invoice["customer_id"]))
    address = invoice.get("billing_address", {})
    page.row("", ", ".join(address[part] for part in ("line1", "city", "state_code", "zip") if address.get(part)))
    page.gap()
    page.columns(words["description"], words["quantity"], words["amount"], bold=True)
    for line in invoice["line_items"]:
        quantity = format_decimal(line["quantity"], locale=locale)
        page.columns(line["description"], quantity, _money(line["amount"], invoice, locale))
    page.gap()
    page.columns(words["sub_total"], "", _money(invoice["sub_total"], invoice, locale))
    for tax in invoice["taxes"]:
        page.columns(words[tax["name"]], "", _money(tax["amount"], invoice, locale))
    for discount in invoice.get("discounts", ()):
        page.columns(words["gift"], "", _money(-discount["amount"], invoice, locale))
    page.columns(words["total"], "", _money(invoice["total"], invoice, locale), bold=True)
    credits = invoice["credits_applied"] + invoice["amount_adjusted"] + invoice["write_off_amount"]
    if credits:
        page.columns(words["credits"], "", _money(-credits, invoice, locale))
    if invoice["amount_paid"]:
        page.columns(words["paid"], "", _money(-invoice["amount_paid"], invoice, locale))
    page.columns(words["balance"], "", _money(invoice["amount_due"], invoice, locale), bold=True)
    canvas.save()
    return file.getvalue()


class _Page:
    """Where the next row goes on the page."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas
        self.y = _TOP

    def heading(self, merchant: str, title: str) -> None:
        self.canvas.setFont("Helvetica", 11)
        self.canvas.drawString(_LEFT, self.y, merchant)
        self.canvas.setFont("Helvetica-Bold", 20)
        self.y -= 2 * _STEP
        self.canvas.drawString(_LEFT, self.y, title)
        self.y -= 2 * _STEP

    def row(self, name: str, value: str) -> None:
        self.canvas.setFont("Helvetica", 10)
        self.canvas.drawString(_LEFT, self.y, name)
        self.canvas.drawString(_LEFT + 90, self.y, value)
        self._next()

    def columns(self, text: str, quantity: str, amount: str, *, bold: bool = False) -> None:
        self.canvas.setFont("Helvetica-Bold" if bold else "Helvetica", 10)
        self.canvas.drawString(_LEFT, self.y, text)
        self.canvas.drawRightString(_QUANTITY, self.y, quantity)
        self.canvas.drawRightString(_RIGHT, self.y, amount)
        self._next()

    def gap(self) -> None:
        self.canvas.line(_LEFT, self.y, _RIGHT, self.y)
        self._next()

    def _next(self) -> None:
        self.y -= _STEP
        if self.y < 72:
            self.canvas.showPage()
            self.y = _TOP


def _date(timestamp: int, locale: str, zone: ZoneInfo) -> str:
    return format_date(datetime.fromtimestamp(timestamp, UTC).astimezone(zone).date(), "medium", locale=locale)


def _money(amount: int, invoice: Body, locale: str) -> str:
    return format_currency(Decimal(amount).scaleb(-2), invoice["currency_code"], locale=locale)

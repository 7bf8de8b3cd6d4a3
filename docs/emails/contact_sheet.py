"""Photographs every kind of e-mail in both languages, light, dark and on a phone, with headless Chromium.

    PYTHONPATH=. .venv/bin/python docs/emails/contact_sheet.py [--full FOLDER]

writes one sheet for each beside this file. `--full` keeps them in their full size as well, to look at closely. Each
mail stands in a frame of its own width (a window would not go below 500 pixels), so its @media rules are at work.
"""

from __future__ import annotations

import argparse
import html
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageChops

from emails import kinds, samples
from emails.language import LOCALES
from emails.render import render

HERE = Path(__file__).parent
DESKTOP, PHONE = 680, 390  # CSS pixels
# Width of the frame, Chromium's preferredColorScheme, width of the sheet as it is kept.
VIEWS = {"light": (DESKTOP, 1, 1200), "dark": (DESKTOP, 0, 1200), "phone": (PHONE, 1, 860)}
COLUMNS = 5
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync --hide-scrollbars --virtual-time-budget=3000"
).split()

PAGE = """<!DOCTYPE html><meta charset="utf-8"><style>
body {{ margin: 0; background: #8d949a; font: 600 26px sans-serif; color: #fff }}
main {{ columns: {columns}; column-width: {width}px; column-gap: 24px; padding: 24px; width: max-content }}
figure {{ break-inside: avoid; margin: 0 0 24px }} figcaption {{ padding: 0 0 8px }}
iframe {{ display: block; border: 0; width: {width}px; height: 10px }}
</style><main>{figures}</main><script>
onload = () => {{ for (const frame of document.querySelectorAll("iframe"))
  frame.style.height = frame.contentDocument.documentElement.scrollHeight + "px"; }}
</script>"""
FIGURE = '<figure><figcaption>{name}</figcaption><iframe srcdoc="{mail}"></iframe></figure>'


def page(locale: str, width: int) -> str:
    """Every kind in that language, the first sample of each; of the invoice, also the paid one."""
    shown = [(kind, kind.name, next(iter(kind.samples.values()))) for kind in kinds.ALL]
    shown[:1] = [(kinds.invoice, f"invoice ({variant})", samples.INVOICE[variant]) for variant in ("due", "paid")]
    figures = []
    for kind, name, context in shown:
        mail = render(
            kind, context, locale, merchant=samples.MERCHANT, remittance=samples.REMITTANCE, links=samples.LINKS
        )
        figures.append(FIGURE.format(name=name, mail=html.escape(mail.html)))
    return PAGE.format(columns=COLUMNS, width=width, figures="".join(figures))


def photograph(chromium: str, document: str, width: int, scheme: int, to: Path) -> Image.Image:
    """The page as Chromium shows it, without the ground below it."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "sheet.html")
        source.write_text(document, "utf-8")
        window = f"--window-size={COLUMNS * (width + 24) + 24},9000"
        profile = f"--user-data-dir={folder}/profile"
        colours = f"--blink-settings=preferredColorScheme={scheme}"
        command = [chromium, *FLAGS, profile, colours, window, f"--screenshot={to}", source.as_uri()]
        subprocess.run(command, check=True, timeout=120, capture_output=True)
    photo = Image.open(to).convert("RGB")
    ground = Image.new("RGB", photo.size, photo.getpixel((0, 0)))
    seen = ImageChops.difference(photo, ground).getbbox()
    return photo.crop((0, 0, photo.width, min(photo.height, (seen[3] if seen else photo.height) + 24)))


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--full", type=Path, help="folder for the sheets in their full size")
    chosen = arguments.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        print("There is no Chromium on the PATH: install the package chromium, then run this again.", file=sys.stderr)
        return 1
    full = chosen.full or Path(tempfile.mkdtemp())
    full.mkdir(parents=True, exist_ok=True)
    for locale in LOCALES:
        for view, (width, scheme, kept) in VIEWS.items():
            whole = full / f"{view}.{locale}.png"
            sheet = photograph(chromium, page(locale, width), width, scheme, whole)
            sheet.save(whole)
            small = sheet.resize((kept, round(sheet.height * kept / sheet.width)), Image.Resampling.LANCZOS)
            small.save(HERE / f"{view}.{locale}.jpg", quality=64, optimize=True)
            print(f"{view}.{locale}.jpg")
    return 0


if __name__ == "__main__":
    sys.exit(main())

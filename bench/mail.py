"""How many mails one core writes in a second, and one process sends: `./dev bench mail`.

Each mail is a sample, rendered again and again: subject, text part, HTML part with its styles written into the
elements. What css-inline alone takes for the same HTML and styles stands beside it: the part that no template can save.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median

import css_inline

from emails import kinds, samples
from emails.kinds import AnyKind
from emails.render import HERE, Rendered, render

from . import machine, sending
from .figures import Noise, ratios, spread, told
from .options import options_for
from .results import Judged, Result, finish

WANTED_MS = 5.0  # for one mail of an invoice, after warm-up
FIRST = """
import time
start = time.perf_counter()
from bench.mail import written
from emails import kinds
imported = time.perf_counter()
written(kinds.invoice, "due", "fr_CA")
print(imported - start, time.perf_counter() - imported)
"""


def written(kind: AnyKind, sample: str, locale: str) -> Rendered:
    return render(
        kind,
        kind.samples[sample],
        locale,
        merchant=samples.MERCHANT,
        remittance=samples.REMITTANCE,
        links=samples.LINKS,
    )


def milliseconds(deed: Callable[[], object], times: int) -> float:
    """Processor time of one, over so many."""
    start = time.process_time()
    for _ in range(times):
        deed()
    return (time.process_time() - start) / times * 1000


def each_kind(times: int) -> dict[str, float]:
    """Milliseconds for the first sample of each kind, French and English in turn."""
    cost = {}
    for kind in kinds.ALL:
        cost[kind.name] = milliseconds(partial(both, kind, next(iter(kind.samples))), times) / 2
    return cost


def both(kind: AnyKind, sample: str) -> None:
    for locale in ("fr_CA", "en_CA"):
        written(kind, sample, locale)


def the_invoice(repeat: int, times: int, patience: float) -> tuple[list[float], list[float], list[Noise]]:
    """Milliseconds for an invoice to pay and, in turn with it, for css-inline alone; and what others did meanwhile."""
    inliner = css_inline.CSSInliner(keep_style_tags=False, keep_at_rules=True, load_remote_stylesheets=False)
    styled = f"<style>{(HERE / 'email.css').read_text('utf-8')}</style></head>"
    html = written(kinds.invoice, "due", "fr_CA").html.replace("</head>", styled)
    ours, alone, noises = [], [], []
    for _ in range(repeat):
        before = machine.wait_for_quiet(patience)
        with machine.measured() as cost:
            ours.append(milliseconds(lambda: written(kinds.invoice, "due", "fr_CA"), times))
            alone.append(milliseconds(lambda: inliner.inline(html), times))
        noises.append(Noise(before, cost.others))
    return ours, alone, noises


def the_first_mail() -> tuple[float, float]:
    """Seconds for the imports of a new process, and for its first mail."""
    told_by_it = subprocess.run([sys.executable, "-c", FIRST], check=True, capture_output=True, text=True).stdout
    imports, first = told_by_it.split()
    return float(imports), float(first)


def main(arguments: Sequence[str]) -> list[Result]:
    parser = options_for("mail", __doc__)
    parser.add_argument("--mails", type=int, default=200, help="how many mails each time (%(default)s)")
    chosen = parser.parse_args(arguments)
    machine.require_linux()
    both(kinds.invoice, "due")  # templates and catalogues are read once a process
    ours, alone, noises = the_invoice(chosen.reps, chosen.mails, chosen.patience)
    print(f"one core writes {spread([1000 / each for each in ours])} mails of an invoice a second")
    print(f"  css-inline alone: {spread(alone, 2)} ms; the whole / css-inline alone: {spread(ratios(ours, alone), 1)}")
    imports, first = the_first_mail()
    print(f"a new process: {imports * 1000:.0f} ms for its imports, {first * 1000:.0f} ms for its first mail")
    costs = each_kind(max(1, chosen.mails // 4))
    print(f"all kinds: {spread(list(costs.values()), 2)} ms, one core {1000 / median(costs.values()):.0f} a second")
    for name, cost in sorted(costs.items(), key=lambda pair: -pair[1]):
        print(f"  {name:26} {cost:5.2f} ms")
    print(told(noises))
    sent, bare = sending.measure(chosen.reps, chosen.mails, chosen.patience)
    written_one = Result(
        "mail",
        "One mail of an invoice, written whole",
        "milliseconds of processor",
        {"quittance": ours, "css-inline alone": alone},
        [Judged("ms of processor for an invoice's mail", ours, at_most=WANTED_MS)],
    )
    sent_all = Result(
        "mail-sent",
        "Mails sent by one process, beside bare smtplib with mails written before",
        "mails a second",
        {"bare": bare, "quittance": sent},
        [Judged("mails sent: quittance / bare", ratios(sent, bare))],
    )
    return finish([written_one, sent_all], chosen.chart)

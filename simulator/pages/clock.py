"""What can be done to the clock, to the webhooks on their way, and to what goes wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from ..chaos import AFTERWARDS, SPOILED, Chaos, rates
from ..simulation import Simulation
from ..site import Site
from ..state import Body, Refused
from ..terms import add_days, add_months
from ..webhooks import Attempt, Endpoint
from .deeds import Deed, Done, add, choice
from .forms import Field, Option, Values
from .show import Count, Fact, Link, Show, Status

FARTHEST = timedelta(days=366 * 3)  # that the clock is moved in one go
FASTEST = 3600  # times as fast as real time


def _one_day(simulation: Simulation, id: str, values: Values) -> Done:
    return _move(simulation, lambda now: add_days(now, 1, simulation.site.zone))


def _one_month(simulation: Simulation, id: str, values: Values) -> Done:
    return _move(simulation, lambda now: add_months(now, 1, simulation.site.zone))


def _next_due(simulation: Simulation, id: str, values: Values) -> Done:
    def next_due(now: datetime) -> datetime:
        due = simulation.next_due_at
        if due is None:
            raise Refused("nothing is due", code="nothing_due")
        return due

    return _move(simulation, next_due)


def _jump(simulation: Simulation, id: str, values: Values) -> Done:
    def there(now: datetime) -> datetime:
        to: datetime = values["to"]
        if to < now:
            raise Refused("the clock of a site never goes back", code="clock_back")
        if to - now > FARTHEST:
            raise Refused("that is too far for one go", code="clock_far")
        return to

    return _move(simulation, there)


def _move(simulation: Simulation, to: Callable[[datetime], datetime]) -> Done:
    """Move the clock from where it stands; it does not go on by itself meanwhile."""
    with simulation.turn:
        simulation.advance_to(to(simulation.site.now))
    return Done("clock", "", {"now": simulation.site.now})


def _run(simulation: Simulation, id: str, values: Values) -> Done:
    simulation.run_clock(values["mode"], values["factor"] or 1)
    return Done("clock", "", {"mode": Status("clock", values["mode"]), "now": simulation.site.now})


def _send_again(simulation: Simulation, id: str, values: Values) -> Done:
    return _sent(id, simulation.resend(id))


def _send_twice(simulation: Simulation, id: str, values: Values) -> Done:
    return _sent(id, simulation.send_twice(id))


def _send_spoiled(simulation: Simulation, id: str, values: Values) -> Done:
    return _sent(id, simulation.send_spoiled(id, values["trick"]))


def _send_late(simulation: Simulation, id: str, values: Values) -> Done:
    simulation.send_late(id, timedelta(minutes=values["minutes"]))
    at = simulation.site.now + timedelta(minutes=values["minutes"])
    return Done("event", id, {"event": Link("event", id), "at": at})


def _drop(simulation: Simulation, id: str, values: Values) -> Done:
    simulation.drop(id)
    return Done("event", id, {"event": Link("event", id)})


def _shuffle(simulation: Simulation, id: str, values: Values) -> Done:
    attempts = simulation.send_shuffled(values["event"])
    return Done("events", "", _counted(attempts) | {"events": len(values["event"])})


def _sent(id: str, attempts: list[Attempt]) -> Done:
    return Done("event", id, {"event": Link("event", id), **_counted(attempts)})


def _counted(attempts: list[Attempt]) -> dict[str, Fact]:
    return {"attempts": len(attempts), "accepted": sum(attempt.accepted for attempt in attempts)}


def _test(simulation: Simulation, id: str, values: Values) -> Done:
    attempt = simulation.send_test(values["endpoint"])
    return Done("webhooks", "", {"endpoint": values["endpoint"], "accepted": int(attempt.accepted)})


def _add_endpoint(simulation: Simulation, id: str, values: Values) -> Done:
    known = {endpoint.id for endpoint in simulation.endpoints}
    name = next(f"whv2_{number}" for number in range(1, 100) if f"whv2_{number}" not in known)
    endpoint = Endpoint(values["url"], values["user"] or "", values["password"] or "", id=name)
    simulation.endpoints = (*simulation.endpoints, endpoint)
    return Done("webhooks", "", {"endpoint": name})


def _switch_endpoint(simulation: Simulation, id: str, values: Values) -> Done:
    endpoint = simulation.deliveries.endpoint(values["endpoint"])
    changed = replace(endpoint, enabled=not endpoint.enabled)
    simulation.endpoints = tuple(changed if each == endpoint else each for each in simulation.endpoints)
    return Done(
        "webhooks",
        "",
        {"endpoint": endpoint.id, "enabled": Status("endpoint", "active" if changed.enabled else "disabled")},
    )


def _remove_endpoint(simulation: Simulation, id: str, values: Values) -> Done:
    endpoint = simulation.deliveries.endpoint(values["endpoint"])
    simulation.endpoints = tuple(each for each in simulation.endpoints if each != endpoint)
    return Done("webhooks", "", {"endpoint": endpoint.id})


def _set_chaos(simulation: Simulation, id: str, values: Values) -> Done:
    wanted = {name: (values[name] or 0) / 100 for name in rates()}
    simulation.chaos = Chaos(simulation.chaos.seed, **wanted)
    return Done("webhooks", "", {"count": Count("mishaps", sum(map(bool, wanted.values())))})


def _waits(site: Site, event: Body) -> bool:
    return any(webhook["webhook_status"] in ("scheduled", "re_scheduled") for webhook in event["webhooks"])


def _tomorrow(site: Site, show: Show, body: Body) -> str:
    return show.field(add_days(site.now, 1, site.zone))


def _rate(name: str) -> Callable[[Site, Show, Body], str]:
    """How often something goes wrong now, in percent."""
    return lambda site, show, body: str(round(getattr(body["chaos"], name) * 100))


def _endpoints(site: Site, show: Show, body: Body) -> list[Option]:
    return [(endpoint.id, endpoint.id) for endpoint in body["endpoints"]]


add(Deed("one-day", "clock", _one_day, reach="moment"))
add(Deed("one-month", "clock", _one_month, reach="moment"))
add(Deed("next-due", "clock", _next_due, reach="moment"))
add(Deed("jump", "clock", _jump, (Field("to", "instant", required=True, default=_tomorrow),), reach="moment"))
add(
    Deed(
        "run-clock", "clock", _run,
        (
            replace(choice("mode", "frozen", "real"), default=lambda site, show, body: body["mode"]),
            Field("factor", "whole", least=1, most=FASTEST, default=lambda site, show, body: f"{body['factor']:.0f}"),
        ),
        reach="moment",
    )
)  # fmt: skip
add(Deed("send-again", "event", _send_again, reach="moment"))
add(Deed("send-twice", "event", _send_twice, reach="moment"))
add(
    Deed(
        "send-late", "event", _send_late,
        (Field("minutes", "whole", required=True, least=1, most=7 * 1440, default=lambda site, show, body: "60"),),
        reach="moment",
    )
)  # fmt: skip
add(Deed("send-spoiled", "event", _send_spoiled, (choice("trick", *SPOILED, *AFTERWARDS),), reach="moment"))
add(Deed("drop", "event", _drop, offered=_waits, final=True, reach="moment"))
add(Deed("send-shuffled", "events", _shuffle, (Field("event", "many"),), reach="moment"))
_ENDPOINT = Field("endpoint", "choice", required=True, options=_endpoints)
add(Deed("test-webhook", "webhooks", _test, (_ENDPOINT,), reach="moment"))
add(
    Deed(
        "add-endpoint", "webhooks", _add_endpoint,
        (Field("url", "address", required=True), Field("user"), Field("password")),
        reach="settings",
    )
)  # fmt: skip
add(Deed("switch-endpoint", "webhooks", _switch_endpoint, (_ENDPOINT,), reach="settings"))
add(Deed("remove-endpoint", "webhooks", _remove_endpoint, (_ENDPOINT,), final=True, reach="settings"))
add(
    Deed(
        "set-chaos", "webhooks", _set_chaos,
        tuple(Field(name, "whole", most=100, default=_rate(name)) for name in rates()),
        reach="settings",
    )
)  # fmt: skip

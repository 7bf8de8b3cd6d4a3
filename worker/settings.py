"""Settings: everything an installation may decide, read once from the environment and passed down as values.

Each setting is one field below; its environment name, the table that the documentation prints and the message for a
wrong value are derived from that field. A message never repeats a value: it may be a secret.
"""

from __future__ import annotations

import dataclasses
import difflib
import ipaddress
import os
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from dotenv import dotenv_values
from pydantic import BeforeValidator, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from billing.colours import READABLE, contrast, is_colour, nearest_readable
from billing.merchant import COLOUR, PAPER, PAPER_DARK, Merchant, Remittance

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

DEVELOPMENT_SECRET_KEY = "development-only-never-in-production"  # noqa: S105 (production refuses it)
_WELL_KNOWN = frozenset(
    "admin changeme chargebee default example pass password quittance secret test user webhook".split()
) | {DEVELOPMENT_SECRET_KEY}


class SettingsError(Exception):
    """The settings cannot be used. The message has one line for every problem, each with its fix."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(f"{count} in the settings:" + "".join(f"\n  - {problem}" for problem in problems))


# What a value must look like. Each takes the text as given and says what to write instead where it will not do.


def _from_text(parse: Callable[[str], Any]) -> BeforeValidator:
    return BeforeValidator(lambda value: parse(value) if isinstance(value, str) else value)


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in words:
            raise ValueError(f"is not one of {', '.join(words)}")
        return value

    return parse


def _whole_number(low: int, high: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,12}", value) or not low <= int(value) <= high:
            raise ValueError(f"is not a whole number from {low} to {high}")
        return int(value)

    return parse


def _url(*schemes: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        scheme = value.partition(":")[0].lower()
        try:
            parts = urlsplit(value)
            reachable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
        except ValueError:
            reachable = False
        if scheme not in schemes or not reachable:
            raise ValueError(
                f"is not a URL such as {schemes[0]}://host: check the scheme ({', '.join(schemes)}), host and port"
            )
        return value

    return parse


def _database_url(value: str) -> str:
    scheme, colon, rest = value.partition("://")
    if not colon or scheme not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise ValueError("is not a PostgreSQL URL: write postgresql://user:password@host:5432/database")
    return f"postgresql://{rest}"


def _mail_url(value: str) -> str:
    scheme, colon, rest = value.partition(":")
    if scheme in ("console", "null") and colon:
        return value
    if scheme == "file" and rest.startswith("///"):
        return value
    try:
        return _url("smtp", "smtps", "smtp+starttls")(value)
    except ValueError:
        raise ValueError(
            "is not a mail URL: write smtp+starttls://user:password@host:587, smtps://.., smtp://.., "
            "file:///folder, console: or null:"
        ) from None


def _credentials(value: str) -> tuple[tuple[str, str], ...]:
    pairs = []
    for position, pair in enumerate(value.split(","), start=1):
        user, colon, password = pair.partition(":")
        if not colon or not user or not password:
            raise ValueError(
                f"pair {position} is not user:password with neither part empty; a password cannot hold a comma"
            )
        if pair != pair.strip() or not pair.isprintable():
            raise ValueError(f"pair {position} has a space at an end or a control character: remove it")
        pairs.append((user, password))
    return tuple(pairs)


def _networks(value: str) -> tuple[Network, ...]:
    networks = []
    for position, text in enumerate(_words(value), start=1):
        try:
            networks.append(ipaddress.ip_network(text))
        except ValueError:
            raise ValueError(
                f"entry {position} is not an address or a network: write 203.0.113.7 or 203.0.113.0/24"
            ) from None
    return tuple(networks)


def _words(value: str) -> tuple[str, ...]:
    return tuple(word for word in (part.strip() for part in value.split(",")) if word)


def _emails(value: str) -> tuple[str, ...]:
    return tuple(_email(word) for word in _words(value))


def _email(value: str) -> str:
    # Shape only: the mail server is the judge. What matters here is that no line break or list gets into a header.
    if not re.fullmatch(r"[^\s@,;<>]+@[^\s@,;<>]+", value) or not value.isprintable():
        raise ValueError("is not an e-mail address: write name@domain, without a display name")
    return value


def _hosts(value: str) -> tuple[str, ...]:
    hosts = _words(value)
    for position, host in enumerate(hosts, start=1):
        if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", host):
            raise ValueError(f"entry {position} is not an exact host name in lower case: write cdn.example.com")
    return hosts


def _site(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", value):
        raise ValueError("is not the name of a site: write only what stands before .chargebee.com")
    return value


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ValueError, OSError, KeyError):
        raise ValueError("is not a time zone: write a name such as America/Toronto") from None
    return value


def _locale(value: str) -> str:
    return _one_of("fr_CA", "en_CA")(value.replace("-", "_"))


def _span(value: str) -> timedelta:
    number = re.fullmatch(r"([0-9]{1,5})\s*(days?|hours?)?", value)
    if not number:
        raise ValueError('is not a number of days: write 7, "7 days" or "12 hours"')
    amount = int(number[1])
    return timedelta(hours=amount) if (number[2] or "").startswith("hour") else timedelta(days=amount)


def _lines(value: str) -> str:
    return value.replace("\\n", "\n")


WholeUrl = Annotated[str, _from_text(_url("https", "http"))]


def _setting(meaning: str, default: Any = ..., *, fix: str = "", secret: bool = False, **more: Any) -> Any:
    """A field with what the table of settings, the messages and `repr` need to know about it.

    `development` is the default there, where it differs; `names` are the environment names, where they differ.
    """
    return Field(
        default, description=meaning, repr=not secret, json_schema_extra={"fix": fix, "secret": secret, **more}
    )


class Settings(BaseSettings):
    """Every setting, checked. Make one with `Settings.read()`; `repr` shows no secret."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=False)

    env: Annotated[Literal["development", "production"], _from_text(_one_of("development", "production"))] = _setting(
        "development, or production, which refuses embedded servers, default secrets and plain-http consoles",
        "development",
        names=("QUITTANCE_ENV",),
    )
    database_url: Annotated[str, _from_text(_database_url)] = _setting(
        "PostgreSQL (15 or later)", fix="set it to postgresql://user:password@host:5432/database", secret=True
    )
    broker_url: Annotated[str, _from_text(_url("redis", "rediss", "amqp", "amqps"))] = _setting(
        "Redis, Valkey or RabbitMQ; BROKER_URL wins over REDIS_URL",
        fix="set it, or REDIS_URL, to redis://:password@host:6379/0 or amqp://user:password@host:5672/",
        secret=True,
        names=("BROKER_URL", "REDIS_URL"),
    )
    broker_visibility_timeout: Annotated[int, _from_text(_whole_number(1, 86_400))] = _setting(
        "Seconds after which an unacknowledged message is delivered again (redis:// only)", 150
    )
    broker_restore_interval: Annotated[int, _from_text(_whole_number(1, 3_600))] = _setting(
        "Seconds between two searches for such messages (redis:// only)", 10
    )
    broker_key_prefix: str = _setting(
        "Put before every key, where several installations share a Redis (redis:// only)", ""
    )
    webhook_credentials: Annotated[tuple[tuple[str, str], ...], _from_text(_credentials)] = _setting(
        "user:password that Chargebee calls with; two pairs separated by a comma while they rotate",
        fix="set it to user:password as entered in Chargebee under Settings > Webhooks",
        secret=True,
    )
    webhook_allowed_addresses: Annotated[tuple[Network, ...], _from_text(_networks)] = _setting(
        "Addresses or networks that may call, separated by commas; none: any", ()
    )
    trusted_proxies: Annotated[int, _from_text(_whole_number(0, 16))] = _setting(
        "How many proxies of yours stand before the receiver; as many entries of X-Forwarded-For are believed", 0
    )
    chargebee_site: Annotated[str, _from_text(_site)] | None = _setting(
        "Name of the Chargebee site: acme, or acme-test", None
    )
    chargebee_api_key: str | None = _setting(
        "API key of that site",
        None,
        fix="set it to a key made in Chargebee under Settings > Configure Chargebee > API keys",
        secret=True,
    )
    chargebee_pdf_hosts: Annotated[tuple[str, ...], _from_text(_hosts)] = _setting(
        "Hosts beside the site's own that invoice PDFs may be fetched from, separated by commas", ()
    )
    chargebee_api_url: WholeUrl | None = _setting("Where the API is, in development: the simulator", None)
    chargebee_calls_per_minute: Annotated[int, _from_text(_whole_number(5, 100_000))] = _setting(
        "Most calls a minute to its API, of all processes together: 150 for a test site or the Starter plan", 150
    )
    mail_url: Annotated[str, _from_text(_mail_url)] = _setting(
        "How mail leaves: smtp+starttls://, smtps://, smtp://, file:///folder, console: or null:",
        "",
        fix="set it to smtp+starttls://user:password@host:587",
        secret=True,
        development="the folder .dev/mail",
    )
    mail_from: Annotated[str, _from_text(_email)] = _setting(
        "Address that mail comes from",
        "",
        fix="set it to an address such as billing@example.com",
        development="billing@example.com",
    )
    mail_domain: str = _setting("Domain in Message-IDs; where it is not given, that of MAIL_FROM", "")
    mail_per_domain: Annotated[int, _from_text(_whole_number(0, 100_000))] = _setting(
        "Most mails a minute to one recipient domain; 0: no limit", 100
    )
    mail_webhook_credentials: Annotated[tuple[tuple[str, str], ...], _from_text(_credentials)] = _setting(
        "user:password that the mail relay reports bounces with; none: /webhooks/mail is closed", (), secret=True
    )
    finance_emails: Annotated[tuple[str, ...], _from_text(_emails)] = _setting(
        "Who follows payments up, separated by commas", ()
    )
    ops_emails: Annotated[tuple[str, ...], _from_text(_emails)] = _setting(
        "Who hears of technical trouble, separated by commas", ()
    )
    secret_key: str = _setting(
        "Signs links and sessions; 32 characters or more",
        "",
        fix="set it to the output of: python -c 'import secrets; print(secrets.token_urlsafe(48))'",
        secret=True,
        development=DEVELOPMENT_SECRET_KEY,
    )
    public_url: Annotated[str, _from_text(lambda value: _url("https", "http")(value).rstrip("/"))] = _setting(
        "Where links in mail lead",
        "",
        fix="set it to https:// and the host of the console",
        development="http://127.0.0.1:8000",
    )
    callback_url: WholeUrl | None = _setting("Where the product hears of changes; none: it does not", None)
    callback_secret: str | None = _setting("Signs those calls", None, fix="set it to a long random text", secret=True)
    merchant: Merchant = _setting("Who sells", Merchant())
    remittance: Remittance = _setting("Where cheques and wires go", Remittance())
    site_timezone: Annotated[str, _from_text(_time_zone)] = _setting(
        "Time zone of the Chargebee site", "America/Toronto"
    )
    default_locale: Annotated[Literal["fr_CA", "en_CA"], _from_text(_locale)] = _setting(
        "Language for customers who have none: fr_CA or en_CA", "fr_CA"
    )
    seat_item_prices: Annotated[frozenset[str], _from_text(lambda value: frozenset(_words(value)))] = _setting(
        "Item prices that count as seats beside the plan, separated by commas", frozenset()
    )
    effects_horizon: Annotated[timedelta, _from_text(_span)] = _setting(
        "Events older than this when received write no mail and no callback: days", timedelta(days=7)
    )
    webhook_silence: Annotated[timedelta, _from_text(_span)] = _setting(
        "So long without a webhook, and OPS_EMAILS are told; 0: never", timedelta(days=3)
    )
    email_ambiguous: Annotated[Literal["hold", "resend"], _from_text(_one_of("hold", "resend"))] = _setting(
        "Mail that may or may not have left: hold it for a person, or resend it", "hold"
    )
    pdf_max_bytes: Annotated[int, _from_text(_whole_number(1, 100 * 1024 * 1024))] = _setting(
        "Largest invoice PDF that is attached, in bytes", 5 * 1024 * 1024
    )
    email_template_dir: str | None = _setting("Folder whose templates go before the built-in ones", None)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # `read` is the only door to the environment: it knows NAME_FILE, and names all problems at once.
        return (init_settings,)

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """The settings of the environment, or of the mapping given.

        Each may come as NAME or as the path of a file in NAME_FILE; an empty value counts as not given. Without a
        mapping, a `.env` file in the working directory is read as well, in development only; the environment wins.

        Raises:
            SettingsError: naming every problem at once.
        """
        problems: list[str] = []
        given, texts = _gathered(environ, _known_names(), problems)
        problems += _strangers(given)
        production = texts.get("QUITTANCE_ENV") == "production"
        problems += _disagreements(texts, production) + _brand_problems(texts)
        try:
            settings = cls(**_values(texts, production))
        except ValidationError as invalid:
            problems += _told(invalid, given)
        if problems:
            raise SettingsError(problems)
        return settings

    def require(self, *names: str) -> None:
        """Make sure that these are set: attribute names, with a dot for what lies within (`merchant.name`).

        Raises:
            SettingsError: naming every one that is missing.
        """
        missing = []
        for name in names:
            value: Any = self
            for part in name.split("."):
                value = getattr(value, part)
            if value is None or value == "" or value == () or value == frozenset():
                outer, _, inner = name.partition(".")
                environment_name = f"{outer}_{inner}".upper() if inner else _names_of(outer)[0]
                missing.append(f"{environment_name} is missing: {_fix_of(outer)}")
        if missing:
            raise SettingsError(missing)


def read_database_url(environ: Mapping[str, str] | None = None) -> str:
    """DATABASE_URL alone, by the rules of `Settings.read`: whatever changes the schema only may have no other setting.

    Raises:
        SettingsError: it is missing, or cannot be used.
    """
    given, texts = _gathered_alone(["DATABASE_URL"], environ)
    if "DATABASE_URL" not in texts:
        near = _nearly_given("database_url", given)
        raise SettingsError([f"DATABASE_URL is missing: {near}{_fix_of('database_url')}"])
    try:
        return _database_url(texts["DATABASE_URL"])
    except ValueError as wrong:
        raise SettingsError([f"DATABASE_URL {wrong}"]) from None


def read_texts(*names: str, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """What these alone say by the rules of `Settings.read`, as they are written; what is not given is not there.

    For commands that need few settings, or some that the product has not.

    Raises:
        SettingsError: a file of theirs cannot be read.
    """
    return _gathered_alone(names, environ)[1]


def credentials_in(name: str, text: str) -> tuple[tuple[str, str], ...]:
    """Pairs of user and password, as WEBHOOK_CREDENTIALS writes them, of the setting of this name.

    Raises:
        SettingsError: they are none.
    """
    try:
        return _credentials(text)
    except ValueError as wrong:
        raise SettingsError([f"{name}: {wrong}"]) from None


class Setting(NamedTuple):
    """One line of the table of settings."""

    name: str
    meaning: str
    default: str
    secret: bool
    required: bool


def table() -> tuple[Setting, ...]:
    """Every setting as the documentation and `quittance doctor` print it, in the order of the fields."""
    lines = []
    for name, field in Settings.model_fields.items():
        more = _more(field)
        if dataclasses.is_dataclass(field.annotation):
            lines += [
                Setting(f"{name}_{part.name}".upper(), part.metadata["meaning"], _shown(part.default), False, False)
                for part in dataclasses.fields(field.annotation)
            ]
            continue
        default = "" if field.is_required() else _shown(field.default)
        if "development" in more:
            default = f"in development {more['development']}"
        lines.append(Setting(_names_of(name)[0], field.description or "", default, more["secret"], field.is_required()))
    return tuple(lines)


def _shown(default: Any) -> str:
    if default is None or default == "" or default == () or default == frozenset():
        return ""
    return f"{default.days} days" if isinstance(default, timedelta) else str(default)


def _more(field: FieldInfo) -> dict[str, Any]:
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def _names_of(field: str) -> tuple[str, ...]:
    return tuple(_more(Settings.model_fields[field]).get("names", (field.upper(),)))


def _fix_of(field: str) -> str:
    return str(_more(Settings.model_fields[field])["fix"]) or "set it"


def _known_names() -> list[str]:
    names = [line.name for line in table()]
    return [*names, *(other for field in Settings.model_fields for other in _names_of(field)[1:])]


def _gathered(
    environ: Mapping[str, str] | None, names: list[str], problems: list[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """What is given, with the `.env` of a developer, and what of that these settings say."""
    given = dict(os.environ if environ is None else environ)
    texts = _texts(given, names, problems)
    if environ is None and texts.get("QUITTANCE_ENV", "development") == "development":
        problems.clear()
        given = _with_dotenv(given, problems)
        texts = _texts(given, names, problems)
    return given, texts


def _gathered_alone(names: Iterable[str], environ: Mapping[str, str] | None) -> tuple[dict[str, str], dict[str, str]]:
    problems: list[str] = []
    given, texts = _gathered(environ, ["QUITTANCE_ENV", *names], problems)
    if problems:
        raise SettingsError(problems)
    return given, texts


def _texts(given: Mapping[str, str], names: list[str], problems: list[str]) -> dict[str, str]:
    """What the environment says by environment name, files read, nothing empty."""
    texts = {}
    for name in names:
        value, path = given.get(name, ""), given.get(f"{name}_FILE", "")
        if value and path:
            problems.append(f"{name} and {name}_FILE are both set: keep one of them")
        elif path:
            try:
                value = Path(path).read_text("utf-8").rstrip("\r\n")
            except (OSError, UnicodeDecodeError, ValueError) as error:
                why = error.strerror if isinstance(error, OSError) and error.strerror else "not UTF-8 text"
                problems.append(f"{name}_FILE cannot be read ({why}): name a file that this process may read")
                continue
            if not value:
                problems.append(f"{name}_FILE is an empty file: write the value into it")
        if value:
            texts[name] = value
    return texts


def _strangers(given: Mapping[str, str]) -> list[str]:
    """Names that begin as ours do and are none of ours: a setting that is misspelt would silently not hold."""
    problems = []
    known = _known_names()
    for name in sorted(given):
        if name.startswith("QUITTANCE_") and name.removesuffix("_FILE") not in known:
            near = difflib.get_close_matches(name, known, 1) or difflib.get_close_matches(
                name.removeprefix("QUITTANCE_"), known, 1
            )
            hint = f"you may have meant {near[0]}" if near else "remove it"
            problems.append(f"{name} is not a setting: {hint}")
    return problems


def _with_dotenv(given: dict[str, str], problems: list[str]) -> dict[str, str]:
    path = Path(".env")
    if not path.is_file():
        return given
    written = {name: value for name, value in dotenv_values(path).items() if value}
    if written.get("QUITTANCE_ENV", "development") != "development":
        problems.append("QUITTANCE_ENV in .env is not development, where alone .env is read: set it in the environment")
    # A name given in the environment, in either form, replaces both forms of the file.
    taken = {name.removesuffix("_FILE") for name, value in given.items() if value}
    return {name: value for name, value in written.items() if name.removesuffix("_FILE") not in taken} | given


def _values(texts: dict[str, str], production: bool) -> dict[str, Any]:
    """Arguments of Settings by field name."""
    values: dict[str, Any] = {}
    for name, field in Settings.model_fields.items():
        if dataclasses.is_dataclass(field.annotation):
            continue
        for environment_name in reversed(_names_of(name)):
            if environment_name in texts:
                values[name] = texts[environment_name]
        if name not in values and not production and "development" in _more(field):
            values[name] = _more(field)["development"]
    if "MAIL_URL" not in texts and not production:
        values["mail_url"] = (Path.cwd() / ".dev" / "mail").as_uri()
    if "mail_domain" not in values and "@" in values.get("mail_from", ""):
        values["mail_domain"] = values["mail_from"].rpartition("@")[2]
    values["merchant"] = _merchant(texts)
    values["remittance"] = Remittance(**_parts(texts, "REMITTANCE_", Remittance))
    return values


def _parts(texts: dict[str, str], prefix: str, kind: type[Merchant | Remittance]) -> dict[str, str]:
    named = {part.name: prefix + part.name.upper() for part in dataclasses.fields(kind)}
    return {part: _lines(texts[name]) for part, name in named.items() if name in texts}


def _merchant(texts: dict[str, str]) -> Merchant:
    """Who sells, as far as it can be read; what is wrong with it, `_brand_problems` tells."""
    given: dict[str, Any] = _parts(texts, "MERCHANT_", Merchant)
    given.setdefault("product", given.get("name", ""))
    given["tax_numbers"] = _words(given.get("tax_numbers", ""))
    for side in ("logo_width", "logo_height"):
        given[side] = int(given[side]) if given.get(side, "").isdecimal() else None
    if "colour" in given and "colour_dark" not in given and is_colour(given["colour"]):
        given["colour_dark"] = nearest_readable(given["colour"], PAPER_DARK)
    return Merchant(**given)


def _brand_problems(texts: dict[str, str]) -> list[str]:
    """What would make mails and pages hard to read, or show a broken image."""
    problems = []
    for name, ground, where in (
        ("MERCHANT_COLOUR", PAPER, "light paper"),
        ("MERCHANT_COLOUR_DARK", PAPER_DARK, "dark paper"),
    ):
        colour = texts.get(name)
        if colour is not None and not is_colour(colour):
            problems.append(f"{name} is not a colour: write # and six digits in lower case, such as {COLOUR}")
        elif colour is not None and (ratio := contrast(colour, ground)) < READABLE:
            problems.append(
                f"{name} has a contrast of {ratio:.2f} to 1 on {where} ({ground}), where text needs {READABLE}: "
                f"use {nearest_readable(colour, ground)}, the nearest that has it"
            )
    return problems + _logo_problems(texts)


def _logo_problems(texts: dict[str, str]) -> list[str]:
    url, problems = texts.get("MERCHANT_LOGO_URL"), []
    if url is None:
        if any(name.startswith("MERCHANT_LOGO_") for name in texts):
            problems.append("MERCHANT_LOGO_URL is missing while others of the logo are set: set it, or remove those")
        return problems
    if not _is_https(url):
        problems.append("MERCHANT_LOGO_URL is not https://host/..: mail readers show no other image")
    for name, most in (("MERCHANT_LOGO_WIDTH", 560), ("MERCHANT_LOGO_HEIGHT", 200)):
        try:
            _whole_number(1, most)(texts.get(name, ""))
        except ValueError as wrong:
            problems.append(f"{name} {wrong}: the pixels that the logo takes")
    return problems


def _is_https(url: str) -> bool:
    try:
        _url("https")(url)
    except ValueError:
        return False
    return url.isascii() and url.isprintable() and not set(url) & set(" \"'<>\\")


def _disagreements(texts: dict[str, str], production: bool) -> list[str]:
    """What is wrong between settings, or in production only; read from the text, so that it is told with the rest."""
    problems = []
    for one, other in (
        ("CHARGEBEE_SITE", "CHARGEBEE_API_KEY"),
        ("CHARGEBEE_API_KEY", "CHARGEBEE_SITE"),
        ("CALLBACK_URL", "CALLBACK_SECRET"),
    ):
        if one in texts and other not in texts:
            problems.append(f"{other} is missing while {one} is set: set both, or neither")
    if not production:
        return problems
    if "CHARGEBEE_API_URL" in texts:
        problems.append("CHARGEBEE_API_URL is for development: remove it, the address follows from CHARGEBEE_SITE")
    if texts.get("PUBLIC_URL", "https:").partition(":")[0].lower() != "https":
        problems.append("PUBLIC_URL is not https: in production the console is served over TLS only")
    secret_key = texts.get("SECRET_KEY")
    if secret_key is not None and (len(secret_key) < 32 or secret_key == DEVELOPMENT_SECRET_KEY):
        problems.append(f"SECRET_KEY is a default or shorter than 32 characters: {_fix_of('secret_key')}")
    passwords = [pair.partition(":")[2] for pair in texts.get("WEBHOOK_CREDENTIALS", "").split(",")]
    if any(password.lower() in _WELL_KNOWN for password in passwords):
        problems.append("WEBHOOK_CREDENTIALS has a password that anyone would try first: choose a long random one")
    if texts.get("CALLBACK_SECRET", "").lower() in _WELL_KNOWN:
        problems.append("CALLBACK_SECRET is one that anyone would try first: choose a long random one")
    return problems


def _nearly_given(field: str, given: Mapping[str, str]) -> str:
    """What stands in the environment under a name that is nearly this setting's, and no other's."""
    known = _known_names()
    strangers = [name for name, value in given.items() if value and name.removesuffix("_FILE") not in known]
    for name in _names_of(field):
        for wanted in (name, f"{name}_FILE"):
            by_capitals = {stranger.upper(): stranger for stranger in strangers}
            if near := difflib.get_close_matches(wanted, by_capitals, 1, cutoff=0.85):
                return f"{by_capitals[near[0]]} is set, which may have been meant for it; "
    return ""


def _told(invalid: ValidationError, given: Mapping[str, str]) -> list[str]:
    problems = []
    for error in invalid.errors(include_url=False, include_context=False, include_input=False):
        field = str(error["loc"][0])
        name = _names_of(field)[0]
        if error["type"] == "missing" and any(given.get(f"{name}_FILE") for name in _names_of(field)):
            continue  # its file could not be used: told already
        if error["type"] == "missing":
            problems.append(f"{name} is missing: {_nearly_given(field, given)}{_fix_of(field)}")
        else:
            problems.append(f"{name} {error['msg'].removeprefix('Value error, ')}")
    return problems

"""How a Node may be set: each setting with what it may be, and the sentence that says so. Read at the next attempt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from models.domain.bulk_window import BulkWindow
from models.domain.errors import Permanent
from models.domain.syntaxes import named_syntax, syntax_of


@dataclass(frozen=True)
class Setting:
    """`read` makes the value of what was typed, or raises ValueError; `wants` says what may be typed."""

    label: str
    wants: str
    read: Callable[[str], Any]


def _between(least: float, most: float, kind: Callable[[str], Any]) -> Callable[[str], Any]:
    def read(words: str) -> Any:
        value = kind(words)
        if not least <= value <= most:
            raise ValueError(words)
        return value

    return read


def _window(words: str) -> str:
    BulkWindow.of("" if words == "always" else words)
    return "" if words == "always" else words


def _one_of(*words: str) -> Callable[[str], Any]:
    return lambda typed: words[words.index(typed)]


def _switch(words: str) -> bool:
    return {"on": True, "off": False}[words]


def _tls(words: str) -> str:
    return {"off": "", "name": "name", "certificate": "certificate"}[words]


def _syntaxes(words: str) -> list[str]:
    """UIDs by their names or as they are; "as received" for none."""
    if words == "as received":
        return []
    return list(dict.fromkeys(map(named_syntax, words.split(","))))


SETTINGS: Mapping[str, Setting] = {
    "tls": Setting("TLS", "off, name (it names its host) or certificate (it is the one registered)", _tls),
    "preferred_syntaxes": Setting(
        "Preferred transfer syntaxes",
        "names or UIDs with commas between them, the best first, or as received",
        _syntaxes,
    ),
    "slots": Setting("Slots", "a whole number from 1 to 64: associations to it at once", _between(1, 64, int)),
    "urgent_slots": Setting(
        "Slots kept for urgent", "a whole number from 0 to 64; one slot stays for all", _between(0, 64, int)
    ),
    "rate": Setting("Rate", "images a second, up to 10000; 0 for no limit", _between(0, 10000, float)),
    "bulk_window": Setting("Hours for bulk", "hours like 19:00-07:00, or always", _window),
    "back_off": Setting(
        "Longest wait between attempts", "seconds, up to 3600; 0 for the exchange's own", _between(0, 3600, float)
    ),
    "dscp_urgent": Setting("DSCP of the urgent lane", "a whole number from 0 to 63", _between(0, 63, int)),
    "dscp_bulk": Setting("DSCP of the bulk lane", "a whole number from 0 to 63", _between(0, 63, int)),
    "query_back": Setting("Asked whether it has the images", "on or off", _switch),
    "confirm_by": Setting("How it confirms", "query, commitment or both", _one_of("query", "commitment", "both")),
    "dimse_timeout": Setting("Longest wait for an answer", "seconds from 1 to 600", _between(1, 600, float)),
    "quiet_seconds": Setting("A study of it is complete after", "seconds from 1 to 3600", _between(1, 3600, float)),
}


def read_settings(typed: Mapping[str, str]) -> dict[str, Any]:
    """The values by column. Raises Permanent with the sentence of the first that cannot be."""
    values = {}
    for name, words in typed.items():
        setting = SETTINGS[name]
        try:
            values[name] = setting.read(words.strip())
        except (ValueError, KeyError):
            raise Permanent(f"{setting.label} takes {setting.wants}.") from None
    return values


def in_words(name: str, value: Any) -> str:
    """A value as pages show it."""
    match name, value:
        case "tls", "":
            return "off"
        case "tls", _:
            return f"on; checked by {'the name of its host' if value == 'name' else 'its registered certificate'}"
        case "preferred_syntaxes", _:
            return ", ".join(syntax_of(uid).name for uid in value) or "as received"
        case "query_back", bool():
            return "on" if value else "off"
        case "confirm_by", "commitment":
            return "by storage commitment"
        case "confirm_by", "both":
            return "by storage commitment, and asked for the identity"
        case "confirm_by", _:
            return "asked by query"
        case "bulk_window", "":
            return "always"
        case "rate", 0:
            return "no limit"
        case "rate", _:
            return f"{value:g} images a second"
        case "back_off", 0:
            return "as the exchange waits"
        case "back_off" | "dimse_timeout" | "quiet_seconds", _:
            return f"{value:g} seconds"
        case "dscp_urgent" | "dscp_bulk", 0:
            return "none"
    return str(value)

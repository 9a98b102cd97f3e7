"""Secrets: passwords and keys in settings are used, but no file of a run contains them."""

from __future__ import annotations

import os
import re
from typing import Any

HIDDEN = "<hidden>"
# The last word of a setting's name: api_key, apikey, hf_token, password, client_secret, …
_NAME = re.compile(
    r"(.*_)?(api_?key|(access|auth|private|secret|signing)_key|token|pass(word|wd|phrase)|secret|credentials?|cookie"
    r"|authorization|(bearer|auth|access|api)_?token)",
    re.IGNORECASE,
)
_SHORTEST = 6  # characters of a secret that is looked for in a text: shorter ones are in ordinary words
_IN_ADDRESS = re.compile(r"(?<=://)[^/\s@]+(?=@)")  # user:password of an address


def without_secrets(value: Any, name: str = "") -> Any:
    """Return a config in which each secret is replaced by `HIDDEN`."""
    if isinstance(value, dict):
        return {key: without_secrets(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_secrets(inner, name) for inner in value]
    if not isinstance(value, str) or not value:
        return value
    return HIDDEN if is_secret(name) else _IN_ADDRESS.sub(HIDDEN, value)


def is_secret(name: str) -> bool:
    """Return whether a setting of that name (``trainer.logger.init_args.api_key``) is a secret."""
    return _NAME.fullmatch(name.rpartition(".")[2].replace("-", "_")) is not None


def text_without_secrets(name: str, text: str) -> str:
    """Return a flag's value with its secrets hidden, also those in JSON."""
    if is_secret(name):
        return HIDDEN
    pairs = r"""(["']?)([\w-]+)\1(\s*[:=]\s*)(?:"[^"]*"|'[^']*'|[^\s,}\]{\["']+)"""
    hidden = re.sub(
        pairs, lambda pair: f"{pair[1]}{pair[2]}{pair[1]}{pair[3]}{HIDDEN}" if is_secret(pair[2]) else pair[0], text
    )
    return _IN_ADDRESS.sub(HIDDEN, hidden)


def message_without_secrets(text: str) -> str:
    """Return a message of another program without passwords in addresses and secrets of the environment."""
    for name, value in os.environ.items():
        if is_secret(name) and len(value) >= _SHORTEST:
            text = text.replace(value, HIDDEN)
    return _IN_ADDRESS.sub(HIDDEN, text)


def forget_hidden(value: Any) -> Any:
    """Return a saved config without the settings whose values are hidden, so that they get their defaults."""
    if isinstance(value, dict):
        return {key: forget_hidden(inner) for key, inner in value.items() if inner != HIDDEN}
    if isinstance(value, list):
        return [forget_hidden(inner) for inner in value if inner != HIDDEN]
    return value

"""Settings: what a person chose for this program, from flags, environment, a file, or by default."""

from reconciler.config.load import as_text, load_settings, unknown_variables
from reconciler.config.settings import BOOLEAN, BY_NAME, SETTINGS, Color, LogFormat, LogLevel, Setting, Settings
from reconciler.config.values import DEFAULT_ENGINE, parse_seconds

__all__ = [
    "BOOLEAN",
    "BY_NAME",
    "DEFAULT_ENGINE",
    "SETTINGS",
    "Color",
    "LogFormat",
    "LogLevel",
    "Setting",
    "Settings",
    "as_text",
    "load_settings",
    "parse_seconds",
    "unknown_variables",
]

"""What is installed in LiteLLM: our provider, and the client that answers for it. The one place that knows."""

from __future__ import annotations

from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

from orchestra.api import MultiModelAPI
from orchestra.settings import APISettings

if TYPE_CHECKING:
    from orchestra.dropin.provider import Provider
    from orchestra.dropin.registration import Registration

Config = MultiModelAPI | APISettings | str | Path | None


class _Installed:
    def __init__(self) -> None:
        self.lock = RLock()
        self.config: Config = None
        self.registration: Registration | None = None


_INSTALLED = _Installed()


def install(config: Config = None) -> MultiModelAPI:
    """Make every policy a model of LiteLLM's, `orchestra/<policy>`, for all code of this process; returns the client.

    `config` is a client, an `APISettings` or the path of a policy file; `None` looks for one as `MultiModelAPI` does.
    Installing again changes nothing, but for another `config`, which takes the place of the first. Imports LiteLLM.
    Raises `ConfigError` when something in the file is wrong. Safe from any thread.
    """
    from orchestra.dropin.registration import Registration

    with _INSTALLED.lock:
        current = _INSTALLED.registration
        if current is not None and (config is None or config == _INSTALLED.config or config is current.api):
            current.renew()
            return current.api
        api = config if isinstance(config, MultiModelAPI) else MultiModelAPI(config)
        if current is not None:
            uninstall()
        _INSTALLED.config, _INSTALLED.registration = config, Registration(api, owned=api is not config)
        _INSTALLED.registration.renew()
        return api


def handler() -> Provider:
    """The provider as it is registered, for code that registers by hand; installs it where that was not done."""
    with _INSTALLED.lock:
        install()
        assert _INSTALLED.registration is not None
        return _INSTALLED.registration.provider


def uninstall() -> None:
    """Take `orchestra/…` out of LiteLLM again, and close the client that `install` made."""
    with _INSTALLED.lock:
        registration, _INSTALLED.registration, _INSTALLED.config = _INSTALLED.registration, None, None
        if registration is not None:
            registration.withdraw()

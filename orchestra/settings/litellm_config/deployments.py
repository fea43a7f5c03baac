"""`model_list`: each deployment as a model, and its key and address as a provider."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ruamel.yaml.comments import CommentedMap

from orchestra.settings.litellm_config.page import KeyPath, Page, line_in
from orchestra.settings.secret import ENVIRONMENT

MODEL_LIST = "model_list"
EVERY = "*"
CONNECTION = {"api_key": "api_key", "api_base": "base_url", "base_url": "base_url", "organization": "organization"}
"""What belongs to a provider, in LiteLLM's words and in ours."""
FIGURES = {
    "input_cost_per_token": "input_usd_per_mtok",
    "output_cost_per_token": "output_usd_per_mtok",
    "max_input_tokens": "context_tokens",
    "max_output_tokens": "output_tokens",
    "base_model": "base_model",
    "timeout": "timeout_s",
}
"""What is known of a model, in LiteLLM's words and in ours."""
SHARES = ("weight", "rpm", "tpm")
"""What LiteLLM draws a deployment of a group by; the first of them that is given counts."""
READ = frozenset({"model", "custom_llm_provider", "order", *CONNECTION, *FIGURES, *SHARES})
SECRETS = ("_key", "_secret", "_token", "_password", "_credentials")
"""What the names of secrets end in."""
ROUTER_ONLY = frozenset(
    {
        "budget_duration",
        "configurable_clientside_auth_params",
        "cooldown_time",
        "litellm_credential_name",
        "max_budget",
        "max_parallel_requests",
        "max_retries",
        "region_name",
        "silent_model",
        "stream_timeout",
        "tags",
        "use_in_pass_through",
        "use_litellm_proxy",
    }
)
"""Parameters of a deployment that LiteLLM's router reads itself, and that mean nothing to a call."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """A model of a group: the name it has here, the line where it begins, its rank (lowest first) and its shares."""

    name: str
    line: int
    order: int
    shares: Mapping[str, float]


def deployments(page: Page, chained: Callable[[str], bool], timeout_s: Any) -> dict[str, list[Deployment]]:
    """The deployments of each group, put on the page; a group of one that is not `chained` is a model of its name.

    `timeout_s` is for those that have none of their own.
    """
    entries = [(path, entry, _params(page, path, entry)) for path, entry in page.rows((MODEL_LIST,), page.config)]
    counts = Counter(entry["model_name"] for _, entry, _ in entries)
    groups: dict[str, list[Deployment]] = {}
    for path, entry, params in entries:
        group, model = entry["model_name"], _model(params)
        if model.startswith("orchestra/"):
            page.leave(path, "is a policy already")
        elif EVERY in model:
            _wildcard(page, path, group, model, params)
        else:
            found, info = groups.setdefault(group, []), entry.get("model_info") or {}
            alone = counts[group] == 1 and not chained(group)
            name = group if alone else str(info.get("id") or f"{group}#{len(found) + 1}")
            shares = {word: float(params[word]) for word in SHARES if isinstance(params.get(word), (int, float))}
            order = params.get("order")
            line = line_in(page.config[MODEL_LIST], path[-1])
            spec = _spec(page, path, model, params, info)
            if timeout_s is not None:
                spec.setdefault("timeout_s", timeout_s)
            page.put(("models", name), spec, line)
            found.append(Deployment(name, line, order if isinstance(order, int) else 0, shares))
            if shares and counts[group] == 1:
                page.leave((*path, "litellm_params", next(iter(shares))), "there is one deployment: nothing to share")
    return groups


def _params(page: Page, path: KeyPath, entry: CommentedMap) -> CommentedMap:
    params = entry.get("litellm_params")
    if not (isinstance(params, CommentedMap) and isinstance(params.get("model"), str)):
        page.refuse((*path, "litellm_params"), "a deployment needs its 'model'")
    if not isinstance(entry.get("model_info") or {}, Mapping):
        page.refuse((*path, "model_info"), "this is no mapping")
    if not isinstance(entry.get("model_name"), str):
        page.refuse(path, "a deployment needs its 'model_name'")
    return params


def _model(params: CommentedMap) -> str:
    model, kind = str(params["model"]), params.get("custom_llm_provider")
    return f"{kind}/{model}" if kind and not model.startswith(f"{kind}/") else model


def _spec(page: Page, path: KeyPath, model: str, params: CommentedMap, info: Mapping[str, Any]) -> CommentedMap:
    """One deployment as a model of ours; parameters that only a call reads go with every call."""
    spec, passed, here = CommentedMap(litellm=model), CommentedMap(), (*path, "litellm_params")
    if provider := _provider(page, model, params):
        spec["provider"] = provider
    for word, ours in FIGURES.items():
        value = params.get(word, info.get(word))
        if value is not None:
            spec[ours] = value * 1_000_000 if ours.endswith("per_mtok") and isinstance(value, (int, float)) else value
    for key, value in params.items():
        if key in READ:
            continue
        if key in ROUTER_ONLY:
            page.leave((*here, key), "is not read")
        elif key.endswith(SECRETS) and not str(value).startswith(ENVIRONMENT):
            page.leave((*here, key), "a secret is named as os.environ/NAME; this is left out")
        else:
            passed[key] = value
    for key in info:
        if key not in (*FIGURES, "id"):
            page.leave((*path, "model_info", key), "is not read")
    return spec | {"params": passed} if passed else spec


def _provider(page: Page, model: str, params: CommentedMap) -> str | None:
    """The provider with this key and address, a new one where there is none; `None` where neither is named."""
    connection = _connection(params)
    if not connection:
        return None
    prefix = model.partition("/")[0] if "/" in model else "litellm"
    known = {name: about for name, about in page.made.get("providers", {}).items() if name.startswith(f"{prefix}#")}
    name = next((name for name, about in known.items() if about == connection), f"{prefix}#{len(known) + 1}")
    if name not in known:
        line = line_in(params, next(word for word in CONNECTION if params.get(word) is not None))
        page.put(("providers", name), connection, line)
    return name


def _connection(params: CommentedMap) -> CommentedMap:
    return CommentedMap({ours: params[word] for word, ours in CONNECTION.items() if params.get(word) is not None})


def _wildcard(page: Page, path: KeyPath, group: str, model: str, params: CommentedMap) -> None:
    """`openai/*`: any model of a provider, which here needs no entry, only the provider's key."""
    prefix, slash, _ = model.partition("/")
    connection, here = _connection(params), (*path, "litellm_params")
    if group not in (EVERY, model) or (connection and not slash):
        page.leave((*here, "model"), f"only '*' and 'provider/*' stand for every model, not {group!r}")
        return
    if connection:
        page.put(("providers", prefix), connection | {"provider": prefix}, line_in(params, "model"))
    for key in params:
        if key not in ("model", *CONNECTION):
            page.leave((*here, key), "is not read for every model at once")

"""`orchestra explain`: the decision without the call."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from orchestra.cli import options
from orchestra.cli.output import out, show_json

PARTS: dict[str, dict[str, Any]] = {
    "image": {"type": "image_url", "image_url": {"url": "data:"}},
    "audio": {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}},
    "video": {"type": "video_url", "video_url": {"url": "data:"}},
    "document": {"type": "file", "file": {"file_data": "data:"}},
}
"""Parts of a message that stand for the real ones: a decision looks only at their kind."""
TOOL = {"type": "function", "function": {"name": "tool"}}


def explain(
    prompt: options.Prompt = None,
    file: options.PromptFile = None,
    config: options.Config = None,
    policy: options.Policy = None,
    model: options.Model = None,
    task: options.Task = None,
    priority: options.Priority = None,
    tag: options.Tags = None,
    system: options.System = None,
    max_tokens: options.MaxTokens = None,
    input_tokens: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="The length of the input (default: estimated).")
    ] = None,
    image: Annotated[bool, typer.Option("--image", help="As if an image came with it.")] = False,
    audio: Annotated[bool, typer.Option("--audio", help="As if audio came with it.")] = False,
    video: Annotated[bool, typer.Option("--video", help="As if a video came with it.")] = False,
    document: Annotated[bool, typer.Option("--document", help="As if a document came with it.")] = False,
    tools: Annotated[bool, typer.Option("--tools", help="As if it had tools.")] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Count missing keys as a call would, not as if every key were there.")
    ] = False,
    as_json: options.Json = False,
    verbose: options.Verbose = False,
) -> None:
    """Say which model a request would go to, by which rule, and why not to others. Nothing is called."""
    from orchestra.api import MultiModelAPI
    from orchestra.cli.decision import as_data, decisions, drawn

    asked = options.routing(policy, model, task, priority, tag)
    given = {"image": image, "audio": audio, "video": video, "document": document}
    parts = [part for kind, part in PARTS.items() if given[kind]]
    content: Any = options.prompt_of(prompt, file, read_pipe=False) or ""
    asked["messages"] = [
        *([] if system is None else [{"role": "system", "content": system}]),
        {"role": "user", "content": [{"type": "text", "text": content}, *parts] if parts else content},
    ]
    asked |= {"input_tokens": input_tokens} if input_tokens is not None else {}
    asked |= {"max_tokens": max_tokens} if max_tokens is not None else {}
    asked |= {"tools": [TOOL]} if tools else {}
    api = MultiModelAPI(config)
    options.check_policy(api.tree, policy)
    choices = decisions(api, asked, live)
    if as_json:
        show_json(as_data(choices, api.tree))
    else:
        out().print(drawn(choices, api.tree))

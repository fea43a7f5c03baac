"""The prompts of the settings, and the node that renders one."""

from __future__ import annotations

from orchestra.build.builder import Builder
from orchestra.errors import ConfigError, PromptError
from orchestra.prompting import Prompted
from orchestra.prompting.data import plain
from orchestra.routing import Arm
from orchestra.settings.file import KeyPath
from orchestra.settings.nodes import PromptedSpec


def inline(builder: Builder) -> None:
    """The prompts of the settings: each can be read, and is in no folder too."""
    for name in builder.tree.settings.prompt_templates:
        try:
            builder.tree.prompts.get(name, 1)
        except (PromptError, ConfigError) as error:
            builder.problem(("prompt_templates", name), str(error))


def prompted(builder: Builder, spec: PromptedSpec, name: str, path: KeyPath) -> Arm | None:
    library = builder.tree.prompts
    try:
        template = library.get(spec.prompt, spec.version)
    except (PromptError, ConfigError) as error:
        builder.problem((*path, "prompt"), str(error))
        return None
    variables = plain(spec.variables)
    for variable, place in [
        *((name, "variables") for name in variables),
        *([(spec.input, "input")] if spec.input else []),
    ]:
        if (known := template.variables.get(variable)) is None:
            takes = ", ".join(template.variables) or "none"
            builder.problem((*path, place), f"{spec.prompt!r} takes no variable {variable!r}; it takes {takes}")
        elif place == "variables" and (said := known.fault(variables[variable])):
            builder.problem((*path, place, variable), f"the variable {variable!r} {said}")
    of = builder.node(spec.model, f"{name}.model", (*path, "model"))
    if of is None:
        return None
    return Arm(name, Prompted(of.model, library, spec.prompt, spec.version, variables, spec.input), of.members)

"""The prompts of the settings, and the node that renders one."""

from __future__ import annotations

from orchestra.build.builder import Builder
from orchestra.errors import ConfigError, PromptError
from orchestra.prompting import Prompted
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
    for key, names in (("variables", [*spec.variables]), ("input", [spec.input] if spec.input else [])):
        for variable in names:
            known = template.variables.get(variable)
            if known is None:
                takes = ", ".join(template.variables) or "none"
                builder.problem((*path, key), f"{spec.prompt!r} takes no variable {variable!r}; it takes {takes}")
            elif key == "variables" and (said := known.fault(spec.variables[variable])):
                builder.problem((*path, key, variable), f"the variable {variable!r} {said}")
    of = builder.node(spec.model, f"{name}.model", (*path, "model"))
    if of is None:
        return None
    return Arm(name, Prompted(of.model, library, spec.prompt, spec.version, spec.variables, spec.input), of.members)

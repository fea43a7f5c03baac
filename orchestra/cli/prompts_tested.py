"""`orchestra prompts test`: a prompt's own tests, asked of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestra.cli import options
from orchestra.cli.output import out, show_json
from orchestra.errors import ConfigError, OrchestraError

if TYPE_CHECKING:
    from orchestra.api import MultiModelAPI
    from orchestra.prompting import Template
    from orchestra.prompting.head import Case


def run_tests(
    name: options.PromptName,
    version: options.PromptVersion = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", metavar="NAME", help="A model or policy (default: as the prompt says, else default)."
        ),
    ] = None,
    repeat: Annotated[int, typer.Option("--repeat", "-n", min=1, metavar="N", help="Ask each so often.")] = 1,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Ask a model each test of a prompt, and check the answers; leave with 1 if one fails. Costs what the calls do."""
    from orchestra.api import MultiModelAPI
    from orchestra.cli.figures import counted, money
    from orchestra.cli.progress import Progress
    from orchestra.cli.quiet import without_banners
    from orchestra.ledger import nano

    with without_banners(), Progress() as progress, MultiModelAPI(config) as api:
        template = api.prompts.get(name, version)
        if not template.head.tests:
            raise ConfigError(f"{template.name} v{template.version} has no tests; write some under 'tests:'")
        results: list[dict[str, Any]] = []
        for n, case in enumerate(template.head.tests):
            title = case.name or f"test {n + 1}"
            for _ in range(repeat):
                progress.say(f"{title} ({len(results) + 1} of {len(template.head.tests) * repeat})")
                results.append({"test": title} | asked(api, template, case, model))
    failed = [result for result in results if result["faults"]]
    if as_json:
        show_json({"name": template.name, "version": template.version, "failed": len(failed), "results": results})
    else:
        console = out()
        for result in results:
            mark, style = ("✗", "red") if result["faults"] else ("✓", "green")
            console.print(f"{mark} {result['test']}", style=style)
            for fault in result["faults"]:
                console.print(f"    {fault}", soft_wrap=True)
        known = [nano(result["cost_usd"]) for result in results if result["cost_usd"] is not None]
        models = ", ".join(dict.fromkeys(result["model"] for result in results if result["model"]))
        passed = f"{len(results) - len(failed)} of {counted(len(results), 'test')} passed"
        said = f"{template.name} v{template.version}: {passed} on {models or 'no model'}, {money(sum(known))}"
        console.print(said, soft_wrap=True)
    if failed:
        raise typer.Exit(1)


def asked(api: MultiModelAPI, template: Template, case: Case, model: str | None) -> dict[str, Any]:
    """One answer to a test, and what is wrong with it; an error of the model is a fault too."""
    from orchestra.prompting.checking import faults

    try:
        response = api.generate_sync(
            prompt_id=template.name, version=template.version, variables=case.variables, model=model
        )
    except ConfigError:
        raise
    except OrchestraError as error:
        return {"model": None, "answer": None, "cost_usd": None, "faults": [f"{type(error).__name__}: {error}"]}
    found = faults(response.text, case.expect, template.head.output)
    return {"model": response.name, "answer": response.text, "cost_usd": response.cost_usd, "faults": found}

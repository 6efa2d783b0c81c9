"""What Terraform would deploy: the resources that the module plans with a mocked provider, with every reference resolved to a symbol."""
import json
import re

from infra.checks.parity.symbols import ENTITIES, STACK, everywhere, placed
from infra.checks.variables import hcl
from infra.checks.workspace import CheckError, Workspace

_FOLDER = "tests/parity"


def plans(workspace: Workspace, scenarios: dict) -> dict:
    """By scenario: planned values by address, and `schemas` of the resource types."""
    folder = workspace.module / _FOLDER
    folder.mkdir(exist_ok=True)
    (folder / "parity.tftest.hcl").write_text(_tests(scenarios))
    workspace.init(workspace.module, f"-test-directory={_FOLDER}")
    done = workspace.terraform(workspace.module, "test", f"-test-directory={_FOLDER}", "-json", "-verbose", capture=True)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    planned = {line["@testrun"]: line["test_plan"] for line in lines if line["type"] == "test_plan"}
    if done.returncode != 0 or len(planned) != len(scenarios):
        raise CheckError("terraform cannot plan the scenarios\n" + "\n".join(line["@message"] + _detail(line) for line in lines))
    return {name: _resources(planned[_run(name)]) for name in scenarios}


def _detail(line: dict) -> str:
    return "\n" + line["diagnostic"].get("detail", "") if "diagnostic" in line else ""


def _tests(scenarios: dict) -> str:
    overrides = "".join(_override(name, entity) for name, entity in ENTITIES.items())
    runs = "".join(_scenario(name, inputs) for name, inputs in scenarios.items())
    return f'mock_provider "aws" {{\n  source = "./tests/mocks"\n}}\n{overrides}{runs}'


def _override(name: str, entity) -> str:
    values = {"arn": entity.arn} if entity.arn else {"id": f"parity-{name}-id"}
    if entity.ref == "url":
        # The mock would make up a redrive policy where none is configured; this is JSON for none.
        values.update(url=f"https://parity-{name}-url", redrive_policy="null")
    return f"override_resource {{\n  target = {entity.address}\n  override_during = plan\n  values = {hcl(values)}\n}}\n"


def _scenario(name: str, inputs: dict) -> str:
    variables = "".join(f"    {key} = {hcl(value)}\n" for key, value in {**inputs, "name": STACK}.items())
    return f'run "{_run(name)}" {{\n  command = plan\n  variables {{\n{variables}  }}\n}}\n'


def _run(name: str) -> str:
    return name.replace(" ", "_")


def _resources(plan: dict) -> dict:
    after = {change["address"]: (change["type"], change["change"]["after"]) for change in plan["resource_changes"] if change["mode"] == "managed"}
    names = _names({address: values for address, (_, values) in after.items()})
    (provider,) = plan["provider_schemas"].values()
    for type_, values in after.values():
        if type_ == "aws_cloudwatch_metric_alarm":
            values["alarm_name"] = values["alarm_name"].replace(f"{STACK}-", "<stack>-", 1)
    return {address: {"type": type_, "values": everywhere(values, lambda text: _symbolic(text, names)), "schema": provider["resource_schemas"][type_]["block"]}
            for address, (type_, values) in after.items()}


def _names(after: dict) -> dict:
    """What stands for which symbol; the longer first, because one name may begin another."""
    found = {}
    for name, entity in ENTITIES.items():
        values = after.get(entity.address, {})
        found[entity.arn] = f"<{name}.arn>"
        found[f"parity-{name}-id"] = f"<{name}.id>"
        found[f"https://parity-{name}-url"] = f"<{name}.url>"
        found[values.get("function_name") or values.get("bucket") or values.get("name") or ""] = f"<{name}.name>"
    # CloudFormation has no ARN of a log group without `:*`, so that side writes it out.
    found[ENTITIES["logs"].arn] = "arn:aws:logs:ca-central-1:111122223333:log-group:<logs.name>"
    found.pop("", None)
    return dict(sorted(found.items(), key=lambda item: -len(item[0])))


def _symbolic(text: str, names: dict) -> str:
    # The function's name alone begins all the others.
    if text == STACK:
        return "<function.name>"
    # Some alarms have the name of a queue.
    text = text.replace(f":alarm:{STACK}-", ":alarm:<stack>-")
    for found, symbol in names.items():
        if found != STACK:
            text = re.sub(rf"(?<![\w/-]){re.escape(found)}(?![\w-])", symbol, text)
    # Within JSON it stands in quotes.
    text = text.replace(f'"{STACK}"', '"<function.name>"').replace(f"{STACK}-", "<stack>-")
    return placed(text)

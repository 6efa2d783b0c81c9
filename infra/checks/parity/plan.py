"""The resources that Terraform plans with a mocked provider, with symbols for all references."""

import json
import re

from infra.checks.parity.symbols import REFS, STACK, map_strings, with_placeholders
from infra.checks.parity.table import PAIRS
from infra.checks.variables import hcl
from infra.checks.workspace import CheckError, Workspace

_FOLDER = "tests/parity"
_LOGS = "SyncLogs"


def plans(workspace: Workspace, scenarios: dict) -> dict:
    """Returns for each scenario its resources by address: type and planned values."""
    folder = workspace.module / _FOLDER
    folder.mkdir(exist_ok=True)
    (folder / "parity.tftest.hcl").write_text(_tests(scenarios))
    option = f"-test-directory={_FOLDER}"
    workspace.init(workspace.module, option)
    done = workspace.terraform(workspace.module, "test", option, "-json", "-verbose", capture=True)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    planned = {line["@testrun"]: line["test_plan"] for line in lines if line["type"] == "test_plan"}
    if done.returncode != 0 or len(planned) != len(scenarios):
        raise CheckError(
            "terraform test: cannot plan the scenarios\n" + "\n".join(map(_message, lines))
        )
    return {name: _resources(planned[_run(name)]) for name in scenarios}


def _message(line: dict) -> str:
    return f"{line['@message']}\n{line.get('diagnostic', {}).get('detail', '')}".rstrip()


def _tests(scenarios: dict) -> str:
    overrides = "".join(map(_override, REFS))
    runs = "".join(_scenario(name, inputs) for name, inputs in scenarios.items())
    return f'mock_provider "aws" {{\n  source = "./tests/mocks"\n}}\n{overrides}{runs}'


def _override(logical: str) -> str:
    values = {"arn": _arn(logical), "id": _id(logical)}
    if REFS[logical] == "url":
        # The mock would generate a redrive policy for a queue without one; this is JSON for none.
        values.update(url=_url(logical), redrive_policy="null")
    return (
        f"override_resource {{\n  target = {PAIRS[logical]}\n"
        f"  override_during = plan\n  values = {hcl(values)}\n}}\n"
    )


def _scenario(name: str, inputs: dict) -> str:
    values = {**inputs, "name": STACK}
    variables = "".join(f"    {key} = {hcl(value)}\n" for key, value in values.items())
    return f'run "{_run(name)}" {{\n  command = plan\n  variables {{\n{variables}  }}\n}}\n'


def _arn(logical: str) -> str:
    return f"arn:aws:parity:::{logical}"


def _id(logical: str) -> str:
    return f"parity-{logical}-id"


def _url(logical: str) -> str:
    return f"https://parity-{logical}"


def _run(name: str) -> str:
    return name.replace(" ", "_")


def _resources(plan: dict) -> dict:
    planned = {
        change["address"]: (change["type"], change["change"]["after"])
        for change in plan["resource_changes"]
        if change["mode"] == "managed"
    }
    names = _names({address: values for address, (_, values) in planned.items()})
    for type_, values in planned.values():
        if type_ == "aws_cloudwatch_metric_alarm":
            values["alarm_name"] = values["alarm_name"].replace(f"{STACK}-", "<stack>-", 1)
    return {
        address: {
            "type": type_,
            "values": map_strings(values, lambda text: _symbolic(text, names)),
        }
        for address, (type_, values) in planned.items()
    }


def _names(planned: dict) -> dict:
    """Returns the symbol of each name, longest names first, because one may be part of another."""
    found = {}
    for logical in REFS:
        values = planned.get(PAIRS[logical], {})
        found[_arn(logical)] = f"<{logical}.arn>"
        found[_id(logical)] = f"<{logical}.id>"
        found[_url(logical)] = f"<{logical}.url>"
        given = values.get("function_name") or values.get("bucket") or values.get("name")
        found[given or ""] = f"<{logical}.name>"
    # CloudFormation has no ARN of a log group without `:*`, so the CDK composes it from the name.
    found[_arn(_LOGS)] = f"arn:<Partition>:logs:<Region>:<Account>:log-group:<{_LOGS}.name>"
    found.pop("", None)
    return dict(sorted(found.items(), key=lambda item: -len(item[0])))


def _symbolic(text: str, names: dict) -> str:
    # The function's name is the prefix of all other names.
    if text == STACK:
        return "<SyncFunction.name>"
    # Some alarms have the name of a queue.
    text = text.replace(f":alarm:{STACK}-", ":alarm:<stack>-")
    for found, symbol in names.items():
        if found != STACK:
            text = re.sub(rf"(?<![\w/-]){re.escape(found)}(?![\w-])", symbol, text)
    # In JSON, the function's name is quoted.
    text = text.replace(f'"{STACK}"', '"<SyncFunction.name>"').replace(f"{STACK}-", "<stack>-")
    return with_placeholders(text)

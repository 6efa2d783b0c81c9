"""Generates the tables of inputs in the READMEs of both stacks, and of outputs in Terraform's."""

import json
import re
import textwrap
from pathlib import Path

from infra.checks.variables import SHARED, inputs

_MARK = "<!-- {name}: written by make infra-files -->"


def terraform(readme: str, module: Path) -> str:
    """Returns the README of the module with current tables."""
    return _between(_between(readme, "inputs", _inputs()), "outputs", _outputs(module))


def cdk(readme: str) -> str:
    """Returns the README of the CDK app with current tables."""
    return _between(readme, "inputs", _cdk_names(_inputs("cdk")))


def _between(text: str, name: str, table: str) -> str:
    begin, end = _MARK.format(name=name), f"<!-- end of {name} -->"
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"README.md: expected one '{begin}' and one '{end}'")
    before, rest = text.split(begin)
    return f"{before}{begin}\n{table}{end}{rest.split(end)[1]}"


def _cdk_names(text: str) -> str:
    names = sorted((entry["name"] for entry in inputs("cdk")), key=len, reverse=True)
    snake_case = "|".join(name for name in names if "_" in name)
    return re.sub(
        rf"\b({snake_case})\b",
        lambda found: re.sub(r"_(.)", lambda letter: letter[1].upper(), found[1]),
        text,
    )


def _inputs(stack: str = "terraform") -> str:
    listed = json.loads((SHARED / "inputs.json").read_text())
    entries = inputs(stack)
    names = {entry["name"] for entry in entries}
    groups = "".join(
        _group(f"**{group}**: {meaning}", [each for each in entries if each["group"] == group])
        for group, meaning in listed["groups"].items()
    )
    rules = [
        _wrapped(f"- {', '.join(f'`{name}`' for name in rule['inputs'])}: {rule['rule']}", "  ")
        for rule in listed["rules"]
        if names >= set(rule["inputs"])
    ]
    return f"{groups}\nBetween inputs:\n\n{''.join(rules)}"


def _group(title: str, entries: list) -> str:
    rows = [
        f"| `{entry['name']}` | {_type(entry)} | {_default(entry)} "
        f"| {_cell(entry['description'] + _limit(entry))} |\n"
        for entry in entries
    ]
    head = "| input | type | default | meaning |\n|---|---|---|---|\n"
    return f"\n{_wrapped(title)}\n{head}{''.join(rows)}"


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(text, 100, subsequent_indent=indent, break_on_hyphens=False) + "\n"


def _type(entry: dict) -> str:
    return {"list": "list(string)", "map": "map(string)"}.get(entry["type"], entry["type"])


def _default(entry: dict) -> str:
    if entry.get("required"):
        return "required"
    value = entry["default"]
    return "–" if value is None else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _limit(entry: dict) -> str:
    if "allowed" in entry:
        return " One of " + ", ".join(f"`{word}`" for word in entry["allowed"]) + "."
    return f" {entry['least']} to {entry['most']}." if "least" in entry else ""


def _outputs(module: Path) -> str:
    found = re.findall(
        r'^output "(\w+)" \{\n  description = "(.+)"$', (module / "outputs.tf").read_text(), re.M
    )
    rows = [f"| `{name}` | {_cell(description)} |" for name, description in found]
    return "\n".join(["", "| output | meaning |", "|---|---|", *rows]) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace(">", "&gt;")

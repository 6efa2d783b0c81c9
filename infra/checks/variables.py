"""Generates the variables of the Terraform module from the list of inputs,
`infra/shared/inputs.json`.

A variable has the input's name, type, default, description and limits. A rule between inputs is
a precondition that is written by hand in the resource that it protects.
"""

import json
import re
import textwrap
from pathlib import Path

SHARED = Path(__file__).resolve().parent.parent / "shared"
_FILES = {
    "variables.tf": ("package", "vault", "keys"),
    "variables_operation.tf": ("function", "queue", "schedules", "alarms", "stack"),
    "variables_network.tf": ("network", "encryption"),
}
# Terraform requires a literal for `prevent_destroy`, so the bucket and the key are always kept.
_NOT_HERE = {"removal_policy"}
_TYPES = {
    "string": "string",
    "path": "string",
    "number": "number",
    "bool": "bool",
    "list": "list(string)",
    "map": "map(string)",
}
# Further limits, which neither a pattern nor a range can express: the conditions and their
# expectations.
_SEGMENTS = (
    'length(setintersection(split("/", var.{name}), [".", ".."])) == 0',
    "a path without . or .. as a segment",
)
_PORT = (
    'try(tonumber(one(regex(":([0-9]+)/?$", var.{name}))), 443) <= 65535',
    "a port of at most 65535",
)
# A host that ends with a number is an IPv4 address to the function.
_HOST = (
    '(!can(regex("[/.][0-9]+[.]?(:[0-9]+)?/?$", var.{name})) || '
    'can(cidrhost("${{one(regex("//([0-9.]+)", var.{name}))}}/32", 0))) && '
    '(!strcontains(var.{name}, "[") || '
    'can(cidrhost("${{one(regex("\\\\[(.*)\\\\]", var.{name}))}}/128", 0)))',
    "the name of a host, or a valid IP address",
)
_RANGES = (
    'alltrue([for each in var.{name} : try("${{cidrhost(each, 0)}}/${{split("/", each)[1]}}" == each, false)])',
    "IPv4 ranges without host bits, such as 10.1.0.0/16 and not 10.1.2.3/16",
)
# The content of files is checked by preconditions of the function, because Terraform validates
# variables for a destroy too, which needs no files.
_MORE = {
    "vault_addr": (_PORT, _HOST),
    "vault_auth_mount": (_SEGMENTS,),
    "vault_mount": (_SEGMENTS,),
    "vault_path_prefix": (_SEGMENTS,),
    "vault_cidrs": (_RANGES,),
    "endpoint_cidrs": (_RANGES,),
    "user_list": (
        (
            'alltrue([for each in var.{name} : !contains([".", ".."], each)])',
            "names of users, and neither . nor ..",
        ),
    ),
}
_HEAD = "# Generated from ../shared/inputs.json: edit that file, then run make infra-files.\n"


def inputs(stack: str = "terraform") -> list:
    """Returns the inputs of a stack: `terraform` or `cdk`."""
    listed = json.loads((SHARED / "inputs.json").read_text())["inputs"]
    return [
        entry
        for entry in listed
        if entry.get("only", stack) == stack
        and not (stack == "terraform" and entry["name"] in _NOT_HERE)
    ]


def files() -> dict:
    """Returns the text of each file, by its name in the module."""
    groups = json.loads((SHARED / "inputs.json").read_text())["groups"]
    placed = [group for names in _FILES.values() for group in names]
    if sorted(placed) != sorted(groups):
        raise ValueError(
            f"inputs.json has the groups {', '.join(groups)}; {__name__} places {', '.join(placed)}"
        )
    return {
        name: _HEAD + "".join(_group(group, groups[group]) for group in names)
        for name, names in _FILES.items()
    }


def _group(name: str, meaning: str) -> str:
    variables = [_variable(entry) for entry in inputs() if entry["group"] == name]
    comment = textwrap.fill(meaning, 100, initial_indent="# ", subsequent_indent="# ")
    return f"\n{comment}\n\n" + "\n".join(variables)


def _variable(entry: dict) -> str:
    lines = [("description", hcl(entry["description"])), ("type", _TYPES[entry["type"]])]
    if not entry.get("required"):
        lines.append(("default", hcl(entry["default"])))
    if entry["default"] is not None or entry.get("required"):
        lines.append(("nullable", "false"))
    width = max(len(key) for key, _ in lines)
    body = "".join(f"  {key.ljust(width)} = {value}\n" for key, value in lines)
    validations = "".join(_validation(entry["name"], *limit) for limit in _limits(entry))
    return f'variable "{entry["name"]}" {{\n{body}{validations}}}\n'


def _validation(name: str, condition: str, expected: str) -> str:
    message = hcl(f"{name}: expected {expected}")
    if condition.startswith("alltrue("):
        # Names the rejected items of a list.
        item = condition.removeprefix("alltrue([").removesuffix("])")
        loop, holds = item.split(" : ", 1)
        message = f'{message[:-1]}; got ${{join(", ", [{loop} : each if !({holds})])}}"'
    return (
        f"\n  validation {{\n    condition     = {condition}\n    error_message = {message}\n  }}\n"
    )


def _limits(entry: dict):
    """Yields pairs of a condition and its expectation."""
    name, value = entry["name"], "each" if entry["type"] == "list" else f"var.{entry['name']}"
    if "allowed" in entry:
        allowed = ", ".join(hcl(word) for word in entry["allowed"])
        condition, expected = (
            f"contains([{allowed}], {value})",
            "one of " + ", ".join(str(word) for word in entry["allowed"]),
        )
    elif "least" in entry:
        least, most = entry["least"], entry["most"]
        condition = f"{value} >= {least} && {value} <= {most} && floor({value}) == {value}"
        expected = f"a whole number from {least} to {most}"
    elif "pattern" in entry:
        condition, expected = _matches(entry["pattern"], value), entry["expected"]
    else:
        condition = expected = None
    if condition and entry["type"] == "list":
        condition, expected = (
            f"alltrue([for {value} in var.{name} : {condition}])",
            f"each item to be {expected}",
        )
    elif condition and entry["default"] is None and not entry.get("required"):
        # Not ||, because Terraform evaluates both of its sides, and null cannot be compared.
        condition = f"var.{name} == null ? true : {condition}"
    if condition:
        yield condition, expected
    for condition, expected in _MORE.get(name, ()):
        yield condition.format(name=name), expected


def _matches(pattern: str, value: str) -> str:
    """Returns the condition for a pattern. Terraform limits repetitions in expressions to 1000."""
    long = re.fullmatch(r"\^\.\{1,(\d{4,})\}\$", pattern)
    return (
        f"length({value}) >= 1 && length({value}) <= {long[1]}"
        if long
        else f"can(regex({hcl(pattern)}, {value}))"
    )


def hcl(value) -> str:
    """Returns a value in the syntax of Terraform."""
    text = json.dumps(value, ensure_ascii=False)
    return text.replace("${", "$${").replace("%{", "%%{")

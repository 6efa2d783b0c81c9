"""Compares the resources of the two stacks, property by property, in both directions."""

from typing import NamedTuple

from infra.checks.parity.differences import CDK_ONLY, CHANGED, TERRAFORM_ONLY
from infra.checks.parity.table import FACTS, PAIRS


class Row(NamedTuple):
    """A fact with its value in each stack."""

    logical: str
    fact: str
    cdk: object
    terraform: object

    def verdict(self) -> str:
        if self.cdk == self.terraform:
            return "same"
        change = CHANGED.get((self.logical, self.fact))
        return "allowed" if change and change(self.cdk) == self.terraform else "DIFFERENT"


class Comparison:
    """Compares one scenario.

    `rows` are the compared facts, `problems` resources and properties without a counterpart, and
    `needed` the allowed differences that were found.
    """

    def __init__(self, template: dict, plan: dict):
        self.rows, self.problems, self.needed = [], [], set()
        self._plan = plan
        self._compared = set()
        resources = dict(template)
        for logical, address in PAIRS.items():
            resource = resources.pop(logical, None)
            if resource is not None and address in plan:
                self._compare(logical, resource, address)
            elif resource is not None or address in plan:
                stack = "Terraform" if resource is None else "the CDK"
                self.problems.append(f"{logical}, {address}: only in {stack}")
        self.problems += [f"{logical}: not compared" for logical in resources]
        self._require_all_arguments()
        self.needed |= {row[:2] for row in self.rows if row.verdict() == "allowed"}

    def _compare(self, logical: str, resource: dict, address: str) -> None:
        self._compared.add((address, None))
        facts = FACTS[self._plan[address]["type"]]
        for path, fact in facts.items():
            planned = self._planned(address, fact.path)
            cdk = _at(resource, path)
            row = [fact.form(fact.default if value is None else value) for value in (cdk, planned)]
            self.rows.append(Row(logical, path, *row))
        for path in _leaves(resource):
            if _covered(path, facts):
                continue
            allowed = {(logical, prefix) for prefix in _prefixes(path)} & CDK_ONLY.keys()
            self.needed |= allowed
            if not allowed:
                self.problems.append(f"{logical}: property {path} not compared")

    def _planned(self, address: str, path: str):
        """Returns the value at a path, which may be in other resources of the same name."""
        owner, _, inner = path.rpartition(":")
        name = address.split(".")[1].split("[")[0]
        owner = owner.replace("*", name) or address
        every = owner.endswith("[]")
        start = owner.removesuffix("[]")
        found = [each for each in self._plan if each == owner or every and each.startswith(start)]
        self._compared |= {(each, inner) for each in found}
        values = [_at(self._plan[each]["values"], inner) for each in found]
        return values if every else next(iter(values), None)

    def _require_all_arguments(self) -> None:
        for address, planned in self._plan.items():
            compared = [path for owner, path in self._compared if owner == address]
            if not compared:
                self.problems.append(f"{address}: not compared")
                continue
            for path in _arguments(planned["values"], planned["schema"]):
                argument = (planned["type"], path.split(".")[0])
                if _covered(path, compared):
                    continue
                if argument in TERRAFORM_ONLY:
                    self.needed.add(argument)
                else:
                    self.problems.append(f"{address}: argument {path} not compared")


def superfluous(needed: set) -> list:
    """Returns a problem for each allowed difference that was not found in any scenario."""
    allowed = (CDK_ONLY | TERRAFORM_ONLY | CHANGED).keys()
    return [f"differences.py: unused {' '.join(entry)}" for entry in sorted(allowed - needed)]


def _at(value, path: str):
    for step in path.split(".") if path else ():
        if isinstance(value, list):
            value = value[int(step)] if len(value) > int(step) else None
        else:
            value = value.get(step) if value is not None else None
    return value


def _leaves(value, path: str = "") -> list:
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    else:
        return [] if path in ("Type", "DeletionPolicy") else [path]
    return [leaf for key, item in items for leaf in _leaves(item, f"{path}.{key}".strip("."))]


def _arguments(values: dict, schema: dict, path: str = "") -> list:
    """Returns the configured arguments, without those that the provider may compute: the mock
    generates values for these."""
    found = []
    for name, value in values.items():
        here = f"{path}.{name}".strip(".")
        if name in schema.get("block_types", {}):
            nested = schema["block_types"][name]["block"]
            for number, item in enumerate(value if isinstance(value, list) else []):
                found += _arguments(item, nested, f"{here}.{number}")
        elif value is not None and not schema["attributes"][name].get("computed"):
            found.append(here)
    return found


def _covered(path: str, facts) -> bool:
    return "" in facts or any(prefix in facts for prefix in _prefixes(path))


def _prefixes(path: str) -> list:
    steps = path.split(".")
    return [".".join(steps[:count]) for count in range(1, len(steps) + 1)]

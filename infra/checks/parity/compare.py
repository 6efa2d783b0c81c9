"""Compares the facts of the two stacks in both directions."""

from typing import NamedTuple

from infra.checks.parity.table import FACTS, PAIRS


class Row(NamedTuple):
    """A fact with its value in each stack."""

    logical: str
    fact: str
    cdk: object
    terraform: object

    def is_same(self) -> bool:
        return self.cdk == self.terraform


def compare(template: dict, plan: dict) -> tuple:
    """Returns the rows of one scenario, and the resources that only one stack has."""
    rows, problems = [], []
    for logical, address in PAIRS.items():
        resource, planned = template.get(logical), plan.get(address)
        if resource is not None and planned is not None:
            rows += _rows(logical, resource, address, plan)
        elif resource is not None or planned is not None:
            stack = "Terraform" if resource is None else "the CDK"
            problems.append(f"{logical}, {address}: only in {stack}")
    return rows, problems


def _rows(logical: str, resource: dict, address: str, plan: dict):
    for path, fact in FACTS[plan[address]["type"]].items():
        values = (_at(resource, path), _planned(plan, address, fact.path))
        values = (fact.form(fact.default if value is None else value) for value in values)
        yield Row(logical, path, *values)


def _planned(plan: dict, address: str, path: str):
    """Returns the value at a path, which may be in other resources of the same name."""
    owner, _, inner = path.rpartition(":")
    owner = owner.replace("*", address.split(".")[1].split("[")[0]) or address
    if owner.endswith("[]"):
        start = owner.removesuffix("[]") + "["
        return [_at(each["values"], inner) for name, each in plan.items() if name.startswith(start)]
    return _at(plan[owner]["values"], inner) if owner in plan else None


def _at(value, path: str):
    for step in path.split(".") if path else ():
        if isinstance(value, list):
            value = value[int(step)] if len(value) > int(step) else None
        else:
            value = value.get(step) if value is not None else None
    return value

"""Holds the resources of the two stacks against each other, member by member, in both directions."""
from typing import NamedTuple

from infra.checks.parity.differences import CDK_ONLY, KNOWN, TERRAFORM_ONLY
from infra.checks.parity.table import Fact, pairs


class Row(NamedTuple):
    pair: str
    fact: str
    cdk: object
    terraform: object

    def verdict(self) -> str:
        if self.cdk == self.terraform:
            return "same"
        change, _ = KNOWN.get((self.pair, self.fact), (None, None))
        return "known" if change and change(self.cdk) == self.terraform else "DIFFERENT"


def compare(scenario: dict, template: dict, plan: dict) -> tuple:
    """Rows of facts; problems: what is in one stack alone, or is not compared; and the exceptions that were needed."""
    rows, problems, used, needed = [], [], set(), set()
    left_template, left_plan = dict(template), set(plan)
    for pair in pairs(scenario):
        resource, planned = left_template.pop(pair.logical, None), plan.get(pair.address)
        if (resource is None) != (planned is None):
            problems.append(f"{pair.name}: only {'Terraform' if resource is None else 'the CDK'} has it")
        if resource is None or planned is None:
            left_plan.discard(pair.address)
            continue
        for path, entry in pair.facts.items():
            fact = entry if isinstance(entry, Fact) else Fact(entry)
            address, _, inner = fact.terraform.rpartition(":") if ":" in fact.terraform else (pair.address, "", fact.terraform)
            rows.append(Row(pair.name, path, _value(fact, _at(resource, path), fact.cdk_default),
                            _value(fact, _planned(plan, address, inner), fact.terraform_default)))
            used |= {(found, inner) for found in _addresses(plan, address)}
        left_plan -= {pair.address} | {address for address, _ in used}
        for path in _leaves(resource):
            excepted = {(pair.name, known) for known in _prefixes(path)} & CDK_ONLY.keys()
            if not _covered(path, pair.facts):
                needed |= excepted
                problems += [] if excepted else [f"{pair.name}: {path} of the CDK is not compared"]
    problems += [f"{logical}: the CDK's resource is not compared" for logical in left_template]
    problems += [f"{address}: Terraform's resource is not compared" for address in sorted(left_plan)]
    for address, path in _uncompared(plan, used):
        exception = (plan[address]["type"], path.split(".")[0])
        if exception in TERRAFORM_ONLY:
            needed.add(exception)
        else:
            problems.append(f"{address}: {path} of Terraform is not compared")
    return rows, problems, needed | {(row.pair, row.fact) for row in rows if row.verdict() == "known"}


def superfluous(needed: set) -> list:
    """Exceptions that nothing needs any more."""
    return [f"differences.py: nothing needs {' '.join(exception)}" for exception in (CDK_ONLY | TERRAFORM_ONLY | KNOWN).keys() - needed]


def _uncompared(plan: dict, used: set):
    for address, planned in plan.items():
        paths = [inner for owner, inner in used if owner == address]
        yield from ((address, path) for path in _arguments(planned["values"], planned["schema"]) if not _covered(path, paths))


def _value(fact: Fact, value, default):
    value = default if value is None else value
    # Some forms say something about nothing: an empty list, false.
    return fact.form(value)


def _planned(plan: dict, address: str, path: str):
    if address.endswith("[*]"):
        return [_at(plan[found]["values"], path) for found in _addresses(plan, address)]
    return _at(plan[address]["values"], path) if address in plan else None


def _addresses(plan: dict, address: str) -> list:
    return [found for found in plan if found.startswith(address[:-2])] if address.endswith("[*]") else [address]


def _at(value, path: str):
    for step in path.split(".") if path else ():
        if isinstance(value, list):
            value = value[int(step)] if len(value) > int(step) else None
        else:
            value = value.get(step) if value is not None else None
    return value


def _leaves(value, path: str = "") -> list:
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in _leaves(item, f"{path}.{key}".strip("."))]
    if isinstance(value, list):
        return [leaf for number, item in enumerate(value) for leaf in _leaves(item, f"{path}.{number}")]
    return [] if path in ("Type", "DeletionPolicy") else [path]


def _arguments(values: dict, schema: dict, path: str = "") -> list:
    """What the configuration says; what only the provider would fill in has values too, made up by the mock."""
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
    return any(known in facts for known in ["", *_prefixes(path)])


def _prefixes(path: str) -> list:
    steps = path.split(".")
    return [".".join(steps[:count]) for count in range(1, len(steps) + 1)]

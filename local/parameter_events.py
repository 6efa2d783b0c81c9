"""Adds three features to ministack, by wrapping private functions of the pinned version inside its
process:

- Every successful put, delete and label of an SSM parameter sends the event "Parameter Store
  Change", as AWS does.
- With `allow_replays()`, PutEvents accepts entries whose source is `aws.*`, which AWS rejects, and
  uses their `Time` as the time of the event. A test can send a duplicate, old or malformed event.
- With `allow_losses()`, PutEvents with the source `local.parameter-events`, the detail type `Lose`
  and the detail `{"name": "/iam_users/jane_keys"}` suppresses the next event of that parameter. AWS
  occasionally loses an event.

The results of the wrapped functions do not change.
"""
import contextvars
import inspect
import json
import logging
import queue
import threading
import time
import uuid
from collections import Counter
from importlib.metadata import version

from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge, ssm

WRITTEN_FOR = "1.5.33"
LOSE = ("local.parameter-events", "Lose")

_EXPECTED = {
    (ssm, "_put_parameter"): ["data"],
    (ssm, "_delete_parameter"): ["data"],
    (ssm, "_delete_parameters"): ["data"],
    (ssm, "_label_parameter_version"): ["data"],
    (ssm, "_lookup_parameter"): ["name_or_arn", "allow_arn_region", "flexible_name"],
    (eventbridge, "_dispatch_event"): ["event", "view"],
    (eventbridge, "_put_events"): ["data", "allow_aws_source"],
}
_log = logging.getLogger("parameter-events")
_outbox: queue.SimpleQueue = queue.SimpleQueue()
_to_lose: Counter = Counter()


def verify() -> None:
    """Exits with a message if a wrapped function has another signature."""
    wrong = [f"{module.__name__}.{name}" for (module, name), expected in _EXPECTED.items()
             if _parameters(module, name) != expected]
    if wrong:
        raise SystemExit(
            f"local/parameter_events.py needs ministack {WRITTEN_FOR}. In version "
            f"{version('ministack')} {', '.join(wrong)} is missing or has other arguments; run "
            "local/setup, or adapt the file to the new version")


def install() -> None:
    """Wraps the SSM handlers. A separate thread sends the events in the order of the writes."""
    ssm._put_parameter = _wrap_put(ssm._put_parameter)
    ssm._delete_parameter = _wrap_delete(
        ssm._delete_parameter, lambda request, _: [request.get("Name")])
    ssm._delete_parameters = _wrap_delete(
        ssm._delete_parameters, lambda _, answer: answer["DeletedParameters"])
    ssm._label_parameter_version = _wrap_label(ssm._label_parameter_version)
    threading.Thread(target=_deliver, name="parameter-events", daemon=True).start()


def allow_replays() -> None:
    put_events = eventbridge._put_events

    def wrapped(data, allow_aws_source=False):
        entries = data.get("Entries", [])
        if not entries or not all(str(e.get("Source", "")).startswith("aws.") for e in entries):
            return put_events(data, allow_aws_source)
        sent = [_event(e["Source"], e.get("DetailType", ""), e.get("Detail", "{}"),
                       e.get("Resources", []), e.get("Time")) for e in entries]
        for event in sent:
            eventbridge._dispatch_event(event)
        return _put_events_response([event["EventId"] for event in sent])

    eventbridge._put_events = wrapped


def allow_losses() -> None:
    put_events = eventbridge._put_events

    def wrapped(data, allow_aws_source=False):
        entries = data.get("Entries", [])
        if not entries or not all((e.get("Source"), e.get("DetailType")) == LOSE for e in entries):
            return put_events(data, allow_aws_source)
        _to_lose.update(json.loads(entry["Detail"])["name"] for entry in entries)
        return _put_events_response([str(uuid.uuid4()) for _ in entries])

    eventbridge._put_events = wrapped


def _put_events_response(event_ids: list):
    entries = [{"EventId": event_id} for event_id in event_ids]
    return eventbridge.json_response({"FailedEntryCount": 0, "Entries": entries})


def _wrap_put(put):
    def wrapped(data):
        answer = put(data)
        if answer[0] == 200:
            operation = "Create" if json.loads(answer[2])["Version"] == 1 else "Update"
            _emit(operation, ssm._lookup_parameter(data["Name"])[1])
        return answer

    return wrapped


def _wrap_delete(delete, deleted_names):
    def wrapped(data):
        names = [data.get("Name"), *data.get("Names", [])]
        before = {name: ssm._lookup_parameter(name)[1] for name in names if name}
        answer = delete(data)
        if answer[0] == 200:
            for name in deleted_names(data, json.loads(answer[2])):
                _emit("Delete", before[name])
        return answer

    return wrapped


def _wrap_label(label):
    def wrapped(data):
        answer = label(data)
        if answer[0] == 200:
            _emit("LabelParameterVersion", ssm._lookup_parameter(data["Name"])[1])
        return answer

    return wrapped


def _emit(operation: str, parameter: dict) -> None:
    if _to_lose[parameter["Name"]] > 0:
        _to_lose[parameter["Name"]] -= 1
        _log.warning("suppressed the %s event of %s on request", operation, parameter["Name"])
        return
    detail = {"operation": operation, "name": parameter["Name"], "type": parameter["Type"]}
    if parameter.get("Description"):
        detail["description"] = parameter["Description"]
    event = _event("aws.ssm", "Parameter Store Change", json.dumps(detail), [parameter["ARN"]])
    # ministack finds its rules by account and Region of the request, which are context variables.
    _outbox.put((contextvars.copy_context(), event))


def _event(source: str, detail_type: str, detail: str, resources: list, at=None) -> dict:
    """Returns an event as ministack stores it. ministack formats `Time` in whole seconds of UTC, as
    AWS does."""
    return {"EventId": str(uuid.uuid4()), "Source": source, "DetailType": detail_type,
            "Detail": detail, "Resources": resources, "EventBusName": "default",
            "Time": int(at or time.time()), "Account": get_account_id(), "Region": get_region()}


def _deliver() -> None:
    while True:
        context, event = _outbox.get()
        try:
            context.run(eventbridge._dispatch_event, event)
        except Exception:
            _log.exception("delivering a parameter event failed")


def _parameters(module, name: str):
    function = getattr(module, name, None)
    return list(inspect.signature(function).parameters) if callable(function) else None

"""Hooks of schemathesis: a stream is asked to end, so that the next request has its turn."""

import json

import schemathesis

STREAMS = ("/v1/watch", "/logs", "/v1/audit/entries")


@schemathesis.hook
def before_call(context, case, kwargs):
    if not case.operation.path.endswith(STREAMS):
        return
    asked = str(case.query.get("timeoutSeconds", 1))
    # What is no number stays: that it is refused is what is asked.
    if asked.isdigit() and 1 <= int(asked) <= 3600:
        case.query = {**case.query, "timeoutSeconds": 1}


@schemathesis.deserializer("application/x-ndjson")
def first_line(context, response):
    """A stream is one document a line; the first stands for all of them, and nothing for an empty object."""
    lines = response.content.splitlines()
    return json.loads(lines[0]) if lines else {}

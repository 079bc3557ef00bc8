"""Hooks of schemathesis: a stream is asked to end, so that the next request has its turn, and the limits of the controller
are kept, because a request that is refused for coming too early shows nothing of its operation."""

import json
import time

import schemathesis

STREAMS = ("/v1/watch", "/logs", "/v1/audit/entries")

# Below what a founded cluster allows one caller, `limits.writes_per_second` and `limits.writes_burst`.
REQUESTS_PER_SECOND = 180
BURST = 300


class Pace:
    """A token bucket, kept as the time at which it is full again."""

    def __init__(self):
        self._full_at = time.monotonic()

    def wait(self):
        now = time.monotonic()
        self._full_at = max(self._full_at, now) + 1 / REQUESTS_PER_SECOND
        early = self._full_at - now - BURST / REQUESTS_PER_SECOND
        if early > 0:
            time.sleep(early)


PACE = Pace()


@schemathesis.hook
def before_call(context, case, kwargs):
    PACE.wait()
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

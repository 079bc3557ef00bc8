"""Checks from outside what `holdfast simulate --events FILE` says happened.

It shares no code with the scheduler or the simulator. It keeps its own books of who holds what, and names every event that breaks a
rule: places nobody has, gangs that start in part, queues beyond their limit, jobs on dead nodes, jobs preempted too soon, jobs on nodes
that are kept free, and more drawn than may be.

    python3 tests/checker/checker.py events.jsonl [QUEUE=ACCELERATORS ...]
"""

import json
import sys


class Run:
    """The books of one policy."""

    def __init__(self, begin, limits):
        self.free = list(begin["nodes"])
        self.min_run = begin["minRun"]
        self.reservations = begin.get("reservations", [])
        self.watts = begin.get("watts", 0)
        self.limits = limits
        self.dead = set()
        self.running = {}
        self.used = {}
        self.last = 0

    def event(self, event):
        """What is wrong with an event; the books are kept on whatever is."""
        found = []
        if event["at"] < self.last:
            found.append("time goes back")
        if event["at"] > self.last:
            found += self.kept(event["at"])
        self.last = event["at"]
        found += getattr(self, "on_" + event["event"])(event)
        return found

    def begun(self, at):
        """The reservations that hold at a moment, and since when."""
        for kept in self.reservations:
            since = at - kept["startsAt"]
            if since < 0:
                continue
            if kept["every"] is not None:
                since %= kept["every"]
            if kept["duration"] is None or since < kept["duration"]:
                yield kept, at - since

    def on(self, nodes):
        """The jobs on some nodes, and how many accelerators of those nodes they have."""
        for job, start in self.running.items():
            devices = sum(place["devices"] for place in start["places"] if place["node"] in nodes)
            if devices:
                yield job, devices

    def kept(self, at):
        """What is wrong at the end of the last moment, with all that happened in it."""
        found = []
        for kept, _ in self.begun(self.last):
            there = list(self.on(set(kept["nodes"])))
            drawn = self.watts * sum(devices for _, devices in there)
            if kept["maxPower"] is None:
                found += [f"job {job} is on nodes of {kept['name']}" for job, _ in there]
            elif drawn > kept["maxPower"]:
                found.append(f"{drawn} W are drawn below {kept['name']}")
        # Between two events one may begin: then something has to happen at that moment.
        for kept, since in self.begun(at):
            there = list(self.on(set(kept["nodes"])))
            drawn = self.watts * sum(devices for _, devices in there)
            if self.last < since < at and there and (kept["maxPower"] is None or drawn > kept["maxPower"]):
                found.append(f"nobody makes way when {kept['name']} begins")
        return found

    def on_start(self, event):
        job, places = event["job"], event["places"]
        if job in self.running:
            return [f"job {job} starts and runs already"]
        found = []
        if sum(place["devices"] for place in places) != event["devices"]:
            found.append(f"job {job} starts in part")
        for place in places:
            node, devices = place["node"], place["devices"]
            if not 0 <= node < len(self.free) or devices < 1:
                found.append(f"job {job} has places that do not exist")
                return found
            if node in self.dead:
                found.append(f"job {job} starts on dead node {node}")
            self.free[node] -= devices
            if self.free[node] < 0:
                found.append(f"node {node} is booked twice, last for job {job}")
        queue = event["queue"]
        self.used[queue] = self.used.get(queue, 0) + event["devices"]
        if self.used[queue] > self.limits.get(queue, self.used[queue]):
            found.append(f"queue {queue} is over its limit with job {job}")
        self.running[job] = event
        return found

    def release(self, event):
        job = event["job"]
        start = self.running.pop(job, None)
        if start is None:
            return None, [f"job {job} ends and does not run"]
        for place in start["places"]:
            self.free[place["node"]] += place["devices"]
        self.used[start["queue"]] -= start["devices"]
        return start, []

    def on_end(self, event):
        return self.release(event)[1]

    on_stop = on_end

    def on_preempt(self, event):
        start, found = self.release(event)
        early = start and self.min_run is not None and event["at"] - start["at"] < self.min_run
        if early and not event.get("makesWay"):
            found.append(f"job {event['job']} is preempted too soon")
        return found

    def on_fail(self, event):
        node = event["node"]
        self.dead.add(node)
        return [
            f"job {job} runs on dead node {node}"
            for job, start in self.running.items()
            if any(place["node"] == node for place in start["places"])
        ]

    def on_return(self, event):
        self.dead.discard(event["node"])
        return []


def check(lines, limits=None):
    """What is wrong with a log, each with the number of its line."""
    run, found = None, []

    def over():
        return [f"job {job} never ends" for job in run.running] if run else []

    number = 0
    for number, line in enumerate(lines, 1):
        event = json.loads(line)
        if event["event"] == "begin":
            found += [(number, what) for what in over()]
            run = Run(event, limits or {})
        elif run is None:
            found.append((number, "a log begins with `begin`"))
        else:
            found += [(number, what) for what in run.event(event)]
    return found + [(number, what) for what in over()]


def main(arguments):
    limits = {queue: int(most) for queue, _, most in (word.partition("=") for word in arguments[1:])}
    with open(arguments[0], encoding="utf-8") as lines:
        found = check(lines, limits)
    for number, what in found:
        print(f"{arguments[0]}:{number}: {what}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

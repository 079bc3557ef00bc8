"""A log of the simulator is right, and each way of spoiling one is seen."""

import copy
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

from checker import check

CLUSTER = """nodes = [{ count = 4, devices = 8 }]
failures = { mean = "2d", repair = "4h" }
checkpoints = { interval = "1h", cost = "30s", restart = "2m" }
"""
BEGIN = {"event": "begin", "policy": "holdfast", "nodes": [8, 8], "minRun": 600_000}


def start(at, job, places, queue="a"):
    places = [{"node": node, "devices": devices} for node, devices in places]
    devices = sum(place["devices"] for place in places)
    return {"event": "start", "at": at, "job": job, "queue": queue, "devices": devices, "places": places}


def job(event, at, number):
    return {"event": event, "at": at, "job": number}


def node(event, at, number):
    return {"event": event, "at": at, "node": number}


GOOD = [
    BEGIN,
    start(0, 0, [(0, 8), (1, 4)]),
    start(0, 1, [(1, 4)], "b"),
    job("preempt", 600_000, 0),
    job("stop", 700_000, 1),
    node("fail", 700_000, 1),
    start(700_000, 2, [(0, 8)], "b"),
    job("end", 800_000, 2),
    node("return", 900_000, 1),
    start(900_000, 0, [(0, 8), (1, 4)]),
    start(900_000, 1, [(1, 4)], "b"),
    job("end", 950_000, 0),
    job("end", 950_000, 1),
]


def said(events, limits=None):
    return [what for _, what in check([json.dumps(event) for event in events], limits)]


def spoiled(change):
    events = copy.deepcopy(GOOD)
    change(events)
    return events


class Rules(unittest.TestCase):
    def test_a_good_log_is_good(self):
        self.assertEqual(said(GOOD, {"a": 12, "b": 8}), [])

    def test_no_accelerator_is_booked_twice(self):
        def change(events):
            events[2]["places"][0]["node"] = 0

        self.assertIn("node 0 is booked twice, last for job 1", said(spoiled(change)))

    def test_no_gang_starts_in_part(self):
        self.assertEqual(said(spoiled(lambda events: events[1]["places"].pop())), ["job 0 starts in part"])

    def test_queues_keep_their_limits(self):
        self.assertEqual(said(GOOD, {"b": 7}), ["queue b is over its limit with job 2"])

    def test_nothing_starts_on_a_dead_node(self):
        def change(events):
            events[6]["places"][0]["node"] = 1

        self.assertEqual(said(spoiled(change)), ["job 2 starts on dead node 1"])

    def test_nothing_goes_on_when_its_node_dies(self):
        events = spoiled(lambda events: events.pop(4))
        self.assertIn("job 1 runs on dead node 1", said(events))

    def test_a_job_has_its_time_before_it_is_preempted(self):
        def change(events):
            events[3]["at"] -= 1

        self.assertEqual(said(spoiled(change)), ["job 0 is preempted too soon"])

    def test_a_job_runs_once_and_ends_once(self):
        self.assertIn("job 0 starts and runs already", said(spoiled(lambda events: events.insert(2, events[1]))))
        self.assertIn("job 1 ends and does not run", said([*GOOD, job("end", 950_000, 1)]))
        self.assertEqual(said(GOOD[:-1]), ["job 1 never ends"])

    def test_time_does_not_go_back(self):
        def change(events):
            events[7]["at"] = 1

        self.assertEqual(said(spoiled(change)), ["time goes back"])


NIGHT = {"name": "night", "nodes": [0], "startsAt": 1_000, "duration": 500, "every": 2_000, "maxPower": None}
FEED = {"name": "feed", "nodes": [0, 1], "startsAt": 1_000, "duration": None, "every": None, "maxPower": 2_800}


class Reservations(unittest.TestCase):
    def log(self, kept, events):
        begin = {**BEGIN, "minRun": 600_000, "reservations": [kept], "watts": 700}
        return said([begin, *events, node("return", 99_000, 0)])

    def test_nobody_is_on_nodes_that_are_kept(self):
        for at, wrong in [(500, 1), (1_000, 1), (1_499, 1), (1_500, 0), (2_999, 1), (3_000, 1)]:
            end = max(at + 1, 1_001) if at < 1_000 else at + 2
            found = self.log(NIGHT, [start(at, 0, [(0, 8)]), job("end", end, 0)])
            self.assertEqual(len(found), wrong, (at, found))
        self.assertEqual(self.log(NIGHT, [start(1_000, 0, [(1, 8)]), job("end", 1_200, 0)]), [])

    def test_who_is_there_makes_way_when_it_begins(self):
        way = {**job("preempt", 1_000, 0), "makesWay": True}
        after = [start(1_500, 0, [(0, 8)]), job("end", 1_600, 0)]
        self.assertEqual(self.log(NIGHT, [start(0, 0, [(0, 8)]), way, *after]), [])
        soon = self.log(NIGHT, [start(0, 0, [(0, 8)]), job("preempt", 1_000, 0), *after])
        self.assertEqual(soon, ["job 0 is preempted too soon"])

    def test_no_more_is_drawn_than_may_be(self):
        two = [start(900, 0, [(0, 2)]), start(1_000, 1, [(1, 2)]), job("end", 1_200, 0), job("end", 1_200, 1)]
        self.assertEqual(self.log(FEED, two), [])
        two[1]["places"][0]["devices"] = two[1]["devices"] = 3
        self.assertEqual(self.log(FEED, two), ["3500 W are drawn below feed"])


class Simulator(unittest.TestCase):
    def log(self, cluster, rows):
        program = pathlib.Path(os.environ["HOLDFAST_BIN_DIR"], "holdfast")
        with tempfile.TemporaryDirectory() as name:
            directory = pathlib.Path(name)
            directory.joinpath("cluster.toml").write_text(cluster)
            directory.joinpath("jobs.csv").write_text("arrival,devices,duration,queue\n" + rows)
            command = [program, "simulate", "--trace", "jobs.csv", "--cluster", "cluster.toml"]
            command += ["--baseline", "fifo", "--events", "events.jsonl"]
            environment = {**os.environ, "HOME": name}
            subprocess.run(command, cwd=directory, env=environment, check=True, capture_output=True)
            return directory.joinpath("events.jsonl").read_text().splitlines()

    def test_what_the_scheduler_did_was_right(self):
        # Long jobs of every size in two queues: nodes fail under them, and who had much stops for who had little.
        sizes = [1, 2, 4, 8, 16, 32]
        rows = [f"{number * 900},{sizes[number % 6]},{3_600 * (1 + number % 40)},{'ab'[number % 2]}" for number in range(300)]
        lines = self.log(CLUSTER, "\n".join(rows) + "\n")
        self.assertEqual(check(lines), [])
        seen = {json.loads(line)["event"] for line in lines}
        self.assertEqual(seen, {"begin", "start", "end", "stop", "preempt", "fail", "return"})

    def test_the_scheduler_keeps_nodes_free_and_below_what_may_be_drawn(self):
        sizes = [1, 2, 4, 8, 12]
        rows = [f"{number * 900},{sizes[number % 5]},{3_600 * (1 + number % 12)},a" for number in range(200)]
        kept = """reservations = [
          { name = "night", first = 0, count = 1, startsAt = "20h", duration = "4h", every = "1d" },
          { name = "evening", first = 0, count = 4, startsAt = "17h", duration = "3h", every = "1d", maxPower = "12kW" },
          { name = "feed", first = 2, count = 2, maxPower = "9kW" },
        ]
        """
        lines = self.log(CLUSTER + kept, "\n".join(rows) + "\n")
        self.assertEqual(check(lines), [])
        makes_way = [line for line in lines if json.loads(line).get("makesWay")]
        self.assertGreater(len(makes_way), 3)
        # The books are those of the log: without its reservations fewer rules hold, with a lower cap more.
        lower = [line.replace('"maxPower":9000', '"maxPower":5000') for line in lines]
        self.assertTrue(any("below feed" in what for _, what in check(lower)))


if __name__ == "__main__":
    unittest.main()

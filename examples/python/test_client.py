"""The client against a real cluster: `holdfast up` with one controller and one node.

HOLDFAST_BIN_DIR names the directory of the program; `cargo xtask test --only python` builds it and sets it.
HOLDFAST_TEST_CONTEXT, where set, names the context of a cluster that is up already.
"""

import contextlib
import io
import json
import os
import pathlib
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from client import Client, Context, Problem, main  # noqa: E402

ROOT = HERE.parent.parent
# How long a cluster may take to come up, and to go down. Far more than it takes.
PATIENCE = 120
PAUSE = 0.1


class Cluster:
    """A cluster of this test alone, gone with it."""

    def __init__(self):
        self._stack = contextlib.ExitStack()
        given = os.environ.get("HOLDFAST_TEST_CONTEXT")
        if given:
            self.context = pathlib.Path(given)
            return
        directory = pathlib.Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="holdfast-test-")))
        self.context = directory / "up" / "context.toml"
        program = pathlib.Path(os.environ["HOLDFAST_BIN_DIR"], "holdfast")
        arguments = ["up", "--dir", directory / "up", "--listen", "127.0.0.1:0", "--controllers", "1", "--nodes", "1"]
        self._log = open(directory / "log", "w+", encoding="utf-8")
        self._stack.callback(self._log.close)
        # A home of its own: nothing of whoever runs the test is read or written.
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(directory)}
        self._process = subprocess.Popen(
            [program, *arguments], stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, env=environment
        )
        self._stack.callback(self._stop)
        try:
            self._wait()
        except BaseException:
            self._stack.close()
            raise

    def _wait(self):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise AssertionError(f"holdfast up ended with {self._process.returncode}\n{self._said()}")
            try:
                nodes = list(Client(Context(self.context)).nodes())
                if any(node["status"]["phase"] == "Ready" for node in nodes):
                    return
            except (OSError, Problem):
                pass
            time.sleep(PAUSE)
        raise AssertionError(f"the cluster was not ready after {PATIENCE} s\n{self._said()}")

    def _said(self):
        self._log.seek(0)
        return self._log.read()[-4000:]

    def _stop(self):
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def close(self):
        self._stack.close()


class RestTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster()
        cls.addClassCleanup(cls.cluster.close)
        cls.client = Client(Context(cls.cluster.context))
        cls.document = json.loads((ROOT / "api/openapi.json").read_text(encoding="utf-8"))

    def refused(self, status, call, *arguments):
        with self.assertRaises(Problem) as caught:
            call(*arguments)
        self.assertEqual(caught.exception.status, status, str(caught.exception))
        page = ROOT / "docs/errors" / f"{caught.exception.code}.md"
        self.assertTrue(page.exists(), f"{caught.exception} has no page {page}")
        return caught.exception

    def test_every_get_of_the_document_answers_or_says_why(self):
        nodes = [node["metadata"]["name"] for node in self.client.nodes()]
        names = {"/v1/nodes/{name}": nodes[0] if nodes else "nobody", "/v1/queues/{name}": "default"}
        asked = 0
        for path, operations in self.document["paths"].items():
            if "get" not in operations:
                continue
            asked += 1
            name = urllib.parse.quote(names.get(path, "nobody"), safe="/")
            with self.subTest(path), self.client.open("GET", path.replace("{name}", name)) as answer:
                kind = answer.headers.get_content_type()
                if answer.status == 200:
                    documented = operations["get"]["responses"]["200"]["content"]
                    self.assertIn(kind, documented)
                    # A stream goes on for ever: that it began is what is asked here.
                    if kind == "application/json":
                        self.assertIsInstance(json.loads(answer.read()), dict)
                else:
                    self.assertEqual(kind, "application/problem+json")
                    details = json.loads(answer.read())
                    self.assertLess(answer.status, 500, details)
                    self.assertRegex(details["code"], r"^E\d{4}$")
                    self.assertEqual(details["status"], answer.status)
        self.assertGreater(asked, 15)

    def test_the_served_document_is_the_committed_one(self):
        self.assertEqual(self.client.call("GET", "/v1/openapi.json"), self.document)

    def test_a_refusal_has_a_code_a_cause_and_a_page(self):
        self.refused(404, self.client.job, "nobody")
        self.refused(404, self.client.call, "GET", "/v1/nowhere")
        unknown = self.refused(400, self.client.call, "POST", "/v1/jobs", {"nmae": "x"})
        self.assertIn("nmae", " ".join(unknown.because))
        self.refused(400, self.client.call, "GET", "/v1/jobs", None, {"colour": "red"})
        # Just over the limit of 2 MiB, so that the whole of it is sent before the answer comes.
        self.refused(413, self.client.call, "POST", "/v1/jobs", {"name": "x" * (2 << 20)})

    def test_a_job_without_its_image_is_refused_by_name(self):
        spec = {
            "kind": "batch",
            "tenant": "lab",
            "purpose": "research",
            "image": "missing@1",
            "groups": [{"name": "main", "count": 1, "resources": {"cpuMillis": "500", "memoryBytes": "268435456"}}],
        }
        problem = self.refused(404, self.client.submit, "python", spec)
        self.assertIn("missing@1", str(problem))
        unlawful = self.refused(403, self.client.submit, "python", {**spec, "tenant": "nobody"})
        self.assertIn("nobody", str(unlawful))

    def test_a_write_with_the_same_key_is_done_once(self):
        put = {"spec": {"priority": 5}, "options": {"idempotencyKey": f"python-{time.time_ns()}"}}
        first = self.client.call("PUT", "/v1/queues/python", put)
        self.assertEqual(self.client.call("PUT", "/v1/queues/python", put), first)
        self.assertEqual(self.client.call("GET", "/v1/queues/python")["spec"]["priority"], 5)
        self.client.call("DELETE", "/v1/queues/python")
        self.refused(404, self.client.call, "GET", "/v1/queues/python")

    def test_several_changes_are_one_or_none(self):
        queue = lambda name: {"applyQueue": {"name": name, "spec": {"priority": 3}}}
        tried = self.client.commit([queue("one"), queue("two")], dry_run=True)
        self.assertEqual(len(tried["steps"]), 2)
        self.refused(404, self.client.call, "GET", "/v1/queues/one")
        refused = self.refused(404, self.client.commit, [queue("one"), {"deleteQueue": {"name": "nobody"}}])
        self.assertIn("step 2 of 2", " ".join(refused.because))
        self.refused(404, self.client.call, "GET", "/v1/queues/one")
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump([queue("one"), queue("two")], file)
            file.flush()
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                self.assertEqual(main(["--context", str(self.cluster.context), "commit", file.name]), 0)
        self.assertRegex(said.getvalue(), r"^queue/one\trevision (\d+)\nqueue/two\trevision \1\n$")
        self.client.commit([{"deleteQueue": {"name": "one"}}, {"deleteQueue": {"name": "two"}}])

    def test_nobody_comes_in_without_a_certificate(self):
        stranger = Client(Context(self.cluster.context))
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        tls.check_hostname = False
        tls.load_verify_locations(cadata=stranger.context.ca_pem)
        stranger._tls = tls
        self.refused(403, stranger.call, "GET", "/v1/nodes")

    def test_the_client_believes_only_controllers_of_its_cluster(self):
        context = Context(self.cluster.context)
        context.cluster = "another"
        with self.assertRaises(ssl.SSLCertVerificationError):
            Client(context).call("GET", "/v1/nodes")

    def test_no_key_is_left_behind(self):
        with tempfile.TemporaryDirectory() as directory:
            before, tempfile.tempdir = tempfile.tempdir, directory
            try:
                Client(Context(self.cluster.context))
            finally:
                tempfile.tempdir = before
            self.assertEqual(os.listdir(directory), [])

    def test_the_command_line_lists_nodes_and_prints_problems(self):
        said, complained = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
            self.assertEqual(main(["--context", str(self.cluster.context), "nodes"]), 0)
            self.assertEqual(main(["--context", str(self.cluster.context), "wait", "nobody"]), 1)
        self.assertEqual(len(said.getvalue().splitlines()), len(list(self.client.nodes())))
        self.assertRegex(complained.getvalue(), r"^error\[E\d{4}\]: ")


if __name__ == "__main__":
    unittest.main()

"""A small client of the Holdfast REST interface that needs nothing but Python 3.11.

    python3 client.py nodes
    python3 client.py submit job.json
    python3 client.py wait train
    python3 client.py commit steps.json

It reads the same context file as the command line: --context, HOLDFAST_CONTEXT, ~/.config/holdfast/context.toml, or the
cluster that `holdfast up` made. The operations are those of api/openapi.json.
"""

import argparse
import contextlib
import http.client
import json
import os
import pathlib
import ssl
import sys
import tempfile
import time
import tomllib
import urllib.parse
import uuid

# A call that takes longer has lost its controller.
TIMEOUT = 30
# How long the phases of a job are apart at least.
POLL = 1.0
# Beyond this an answer is not one of ours.
MAX_ANSWER = 64 << 20

ENDED = ("Succeeded", "Failed", "Cancelled")


class Problem(Exception):
    """What a controller refused: RFC 9457 problem details with a stable code."""

    def __init__(self, status, details):
        self.status = status
        self.code = details.get("code", "")
        self.title = details.get("title", "")
        self.because = details.get("because", [])
        self.next = details.get("next", [])
        super().__init__(self.title)

    def __str__(self):
        lines = [f"error[{self.code}]: {self.title}"]
        lines += [f"  because: {cause}" for cause in self.because]
        lines += [f"  next:    {step}" for step in self.next]
        return "\n".join(lines)


class Context:
    """Which cluster, where it is, and who we are there."""

    def __init__(self, path):
        with open(path, "rb") as file:
            fields = tomllib.load(file)
        self.cluster = fields["cluster"]
        self.name = fields["name"]
        self.endpoints = fields["endpoints"]
        self.ca_pem = fields["ca_pem"]
        self._cert_pem = fields["cert_pem"]
        self._key_pem = fields["key_pem"]

    def tls(self):
        """A TLS context that trusts this cluster alone. Names are checked by the caller: they are SPIFFE ids."""
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        tls.minimum_version = ssl.TLSVersion.TLSv1_3
        # The certificates carry no host name, only the id of a controller; see `Client._connect`.
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_REQUIRED
        tls.load_verify_locations(cadata=self.ca_pem)
        # The ssl module reads keys from files only: a directory that nobody else may enter, gone when it was read.
        with tempfile.TemporaryDirectory(prefix="holdfast-") as directory:
            pem = pathlib.Path(directory, "identity.pem")
            descriptor = os.open(pem, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(self._cert_pem + self._key_pem)
            tls.load_cert_chain(pem)
        return tls


def default_context():
    """The context file that the command line would take."""
    named = os.environ.get("HOLDFAST_CONTEXT")
    if named:
        return named
    home = pathlib.Path.home()
    own = home / ".config/holdfast/context.toml"
    return str(own if own.exists() else home / ".local/state/holdfast/up/context.toml")


class Client:
    """Calls the controllers; follows to the one that leads."""

    def __init__(self, context):
        self.context = context
        self._tls = context.tls()
        self._endpoint = context.endpoints[0]

    def _connect(self, endpoint):
        host, port = endpoint.rsplit(":", 1)
        host = host.strip("[]")
        connection = http.client.HTTPSConnection(host, int(port), timeout=TIMEOUT, context=self._tls)
        connection.connect()
        names = connection.sock.getpeercert().get("subjectAltName", ())
        wanted = f"spiffe://{self.context.cluster}/controller/"
        if not any(kind == "URI" and name.startswith(wanted) for kind, name in names):
            connection.close()
            raise ssl.SSLCertVerificationError(f"{endpoint} is not a controller of {self.context.cluster}")
        return connection

    @contextlib.contextmanager
    def open(self, method, path, body=None, headers=None):
        """One call to one controller: the answer as `http.client` has it, unread."""
        connection = self._connect(self._endpoint)
        try:
            data = None if body is None else json.dumps(body).encode()
            connection.request(method, path, data, headers or {})
            yield connection.getresponse()
        finally:
            connection.close()

    def raw(self, method, path, body=None, headers=None):
        """One call to one controller: status, content type and bytes, whatever they are."""
        with self.open(method, path, body, headers) as answer:
            return answer.status, answer.headers.get_content_type(), answer.read(MAX_ANSWER)

    def call(self, method, path, body=None, query=None):
        """One operation. Raises `Problem` where it is refused."""
        if query:
            path += "?" + urllib.parse.urlencode(query)
        headers = {"content-type": "application/json", "x-request-id": uuid.uuid4().hex}
        for attempt in range(2 * len(self.context.endpoints) + 1):
            try:
                status, kind, answer = self.raw(method, path, body, headers)
            except OSError:
                if attempt >= len(self.context.endpoints):
                    raise
                self._next_endpoint()
                continue
            if status == 503:
                self._next_endpoint()
                time.sleep(POLL)
                continue
            break
        if status >= 400:
            details = json.loads(answer) if kind.endswith("json") else {"title": f"HTTP {status}"}
            raise Problem(status, details)
        return json.loads(answer)

    def _next_endpoint(self):
        known = self.context.endpoints
        self._endpoint = known[(known.index(self._endpoint) + 1) % len(known)]

    def items(self, path):
        """Everything of a list, page by page."""
        query = {}
        while True:
            page = self.call("GET", path, query=query)
            yield from page["items"]
            if not page["nextPageToken"]:
                return
            query["pageToken"] = page["nextPageToken"]

    def nodes(self):
        return self.items("/v1/nodes")

    def submit(self, name, spec):
        # The key makes a retry safe: the same key gives the first answer again, whoever leads by then.
        options = {"idempotencyKey": uuid.uuid4().hex}
        return self.call("POST", "/v1/jobs", {"name": name, "spec": spec, "options": options})

    def commit(self, steps, dry_run=False):
        """Several changes as one: all of them at one revision, or none. Each step is as `TransactionStep` of the document."""
        options = {"idempotencyKey": uuid.uuid4().hex, "dryRun": dry_run}
        return self.call("POST", "/v1/transactions", {"steps": steps, "options": options})

    def job(self, name):
        return self.call("GET", "/v1/jobs/" + urllib.parse.quote(name, safe=""))

    def wait(self, name, on_change=lambda job: None):
        """Returns the job when it has ended."""
        last = None
        while True:
            job = self.job(name)
            status = job["status"]
            if (status["phase"], status["reason"]) != last:
                last = (status["phase"], status["reason"])
                on_change(job)
            if status["phase"] in ENDED:
                return job
            time.sleep(POLL)


def show(job):
    status = job["status"]
    print(f"{job['metadata']['name']}: {status['phase']}: {status['reason']}")


def main(arguments=None):
    parser = argparse.ArgumentParser(description="A small client of the Holdfast REST interface")
    parser.add_argument("--context", default=None, help="the context file")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("nodes", help="list nodes")
    submit = commands.add_parser("submit", help="submit a job: JSON with `name` and `spec` as in api/openapi.json")
    submit.add_argument("file")
    wait = commands.add_parser("wait", help="follow a job to its end")
    wait.add_argument("name")
    commit = commands.add_parser("commit", help="several changes as one: a JSON list of steps as in api/openapi.json")
    commit.add_argument("file")
    commit.add_argument("--dry-run", action="store_true", help="check and decide everything, change nothing")
    options = parser.parse_args(arguments)
    client = Client(Context(options.context or default_context()))
    try:
        if options.command == "nodes":
            for node in client.nodes():
                where = node["spec"]["jurisdiction"]
                simulated = " (simulated)" if node["status"]["simulated"] else ""
                print(f"{node['metadata']['name']}\t{where}\t{node['status']['phase']}{simulated}")
        elif options.command == "submit":
            with open(options.file, encoding="utf-8") as file:
                wanted = json.load(file)
            show(client.submit(wanted["name"], wanted["spec"]))
        elif options.command == "commit":
            with open(options.file, encoding="utf-8") as file:
                result = client.commit(json.load(file), options.dry_run)
            for step in result["steps"]:
                ((kind, resource),) = step.items()
                print(f"{kind}/{resource['metadata']['name']}\trevision {result['revision']}")
        else:
            job = client.wait(options.name, show)
            return 0 if job["status"]["phase"] == "Succeeded" else 1
    except Problem as problem:
        print(problem, file=sys.stderr)
        return 4 if problem.status == 403 else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

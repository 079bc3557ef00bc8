"""The REST interface against its own document: schemathesis, with every check, against a cluster of one controller.

HOLDFAST_BIN_DIR names the directory of the program, SCHEMATHESIS the program of that name; `cargo xtask test --only
schemathesis` sets both. Arguments are passed on to schemathesis, so `-n 1000` or `--seed 7` look further.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "examples" / "python"))

from test_client import Cluster  # noqa: E402

# The same seed asks the same questions; `--seed` asks others.
SEED = "20260101"
EXAMPLES = "25"
# Streams are told to end after a second, and everything else answers in less.
REQUEST_TIMEOUT = "10"


def run(context, directory, arguments):
    with open(context, "rb") as file:
        fields = tomllib.load(file)
    identity = pathlib.Path(directory, "identity.pem")
    descriptor = os.open(identity, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(fields["cert_pem"] + fields["key_pem"])
    endpoint = fields["endpoints"][0]
    command = [os.environ.get("SCHEMATHESIS", "schemathesis"), "--config-file", HERE / "schemathesis.toml", "run"]
    command += [ROOT / "api" / "openapi.json", "--url", f"https://{endpoint}"]
    # Controllers have no host name in their certificates; who they are is shown by the test of the Python example.
    command += ["--tls-verify", "false", "--request-cert", identity]
    command += ["--checks", "all", "--phases", "examples,coverage,fuzzing", "--mode", "all"]
    command += ["--seed", SEED, "-n", EXAMPLES, "--request-timeout", REQUEST_TIMEOUT, "--generation-database", "none"]
    command += ["--suppress-health-check", "all", "--continue-on-failure", "--output-sanitize", "true"]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", "PYTHONDONTWRITEBYTECODE": "1", "SCHEMATHESIS_HOOKS": str(HERE / "hooks.py")}
    return subprocess.run([*command, *arguments], cwd=directory, env=environment, check=False).returncode


def main():
    cluster = Cluster()
    try:
        with tempfile.TemporaryDirectory(prefix="holdfast-rest-") as directory:
            return run(cluster.context, directory, sys.argv[1:])
    finally:
        cluster.close()


if __name__ == "__main__":
    sys.exit(main())

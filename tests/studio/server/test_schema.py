"""The API does what its description says, whatever is sent: schemathesis reads the description and tries it."""

import subprocess
import sys
from pathlib import Path

from livedream.studio.server.limits import RateLimit

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,"
    "negative_data_rejection,unsupported_method"
)


def test_no_request_is_a_surprise(own_client, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(RateLimit, "allows", lambda self, address, cost=1.0: True)  # it would answer instead
    operations = len(own_client.get("/api")["paths"])
    command = [str(Path(sys.executable).parent / "schemathesis"), "run", f"{own_client.base}/api", "--no-color"]
    command += ["-H", f"Authorization: Bearer {own_client.key}", "--checks", CHECKS, "--max-examples", "2"]
    command += ["--phases", "coverage,fuzzing", "--generation-deterministic"]
    command += ["--continue-on-failure", "--suppress-health-check", "all", "--request-timeout", "30"]
    tried = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert tried.returncode == 0, tried.stdout[-8000:] + tried.stderr
    assert operations > 25
    own_client.patch("/api/settings", {"strength": 0.5})  # the studio is alive, and still does what it is asked

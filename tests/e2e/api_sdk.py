#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: the AWS SDK for JavaScript, which signs more headers than the others and corrects its
clock by our answers, works with AWS_ENDPOINT_URL alone: api_sdk.mjs.
"""
import os
import shutil
import subprocess

import e2e
from e2e import ok

SCRIPT = e2e.TOP / "tests/e2e/api_sdk.mjs"


def main():
    node = os.environ.get("SALLYPORT_NODE_JS") or shutil.which("node") or shutil.which("nodejs")
    if node is None or not (e2e.TOP / "node_modules/@aws-sdk/client-ssm").is_dir():
        ok(False, "the AWS SDK for JavaScript is installed (npm ci)")
        e2e.finish()
    with e2e.World("sdk") as world:
        live, _ = world.agent("web", "Environment=prod", prefix="i-")
        world.role("Sdk")
        env = world.env(NODE_EXTRA_CA_CERTS=str(world.ca), NODE=live)
        done = subprocess.run([node, SCRIPT], env=env, cwd=e2e.TOP, capture_output=True, text=True,
                              timeout=120, check=False)
        for line in done.stdout.splitlines():
            verdict, said = line.split(" ", 1) if not line.startswith("not ok ") else ("not ok", line[7:])
            if verdict in ("ok", "not ok"):
                ok(verdict == "ok", said)
            else:
                print(line)
        if not ok(done.returncode == 0, "SDK: the script ran to its end"):
            print(done.stderr[-3000:])
    e2e.finish()


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: the account's session preferences and documents of one's own are made and changed with
the AWS CLI as at AWS, and the next session obeys them: shell profile, idle time, maximum duration,
Run As.
"""
import json
import os
import pwd
import re
import subprocess

import e2e
import terminal
from e2e import equal, ok, starts

PREFS = "SSM-SessionManagerRunShell"
# As the guide writes it.
GUIDE = """{
    "schemaVersion": "1.0",
    "description": "Document to hold regional settings for Session Manager",
    "sessionType": "Standard_Stream",
    "inputs": {
      "cloudWatchLogGroupName": "/aws/ssm/session-logs",
      "cloudWatchEncryptionEnabled": true,
      "s3BucketName": "",
      "s3EncryptionEnabled": false
    }
  }"""


def content(description="", **inputs):
    return json.dumps({"schemaVersion": "1.0", "description": description,
                       "sessionType": "Standard_Stream", "inputs": inputs})


def prefer(world, **inputs):
    world.ssm.update_document(Name=PREFS, DocumentVersion="$LATEST", Content=content(**inputs))


def tour(world, name, cli):
    """Every operation with one command line, on a document of its own."""
    own = f"Own-{name}"

    def ssm(*args):
        return world.aws("ssm", *args, cli=cli)

    def fails(code, *args):
        p = world.aws("ssm", *args, cli=cli, check=False)
        if not ok(p.returncode != 0 and f"({code})" in p.stderr, f"{name}: {args[0]}: {code}"):
            print(f"    {p.stderr}")

    made = ssm("create-document", "--name", own, "--document-type", "Session", "--content",
               content("one"), "--tags", "Key=team,Value=web")["DocumentDescription"]
    equal((made["DocumentVersion"], made["DefaultVersion"], made["DocumentType"], made["Tags"]),
          ("1", "1", "Session", [{"Key": "team", "Value": "web"}]), f"{name}: create-document")
    fails("DocumentAlreadyExists", "create-document", "--name", own, "--document-type", "Session",
          "--content", content("one"))
    fails("InvalidDocumentContent", "create-document", "--name", "Script", "--content", "{}")
    fails("DuplicateDocumentContent", "update-document", "--name", own, "--content", content("one"))
    done = ssm("update-document", "--name", own, "--content", content("two"))["DocumentDescription"]
    equal((done["LatestVersion"], done["DefaultVersion"]), ("2", "1"), f"{name}: update-document")
    fails("InvalidDocumentVersion", "update-document", "--name", own, "--content", content("three"))
    done = ssm("update-document-default-version", "--name", own, "--document-version", "2")
    equal(done["Description"]["DefaultVersion"], "2", f"{name}: update-document-default-version")
    got = ssm("get-document", "--name", own, "--document-version", "1")
    equal(got["Content"], content("one"), f"{name}: get-document of an old version")
    got = ssm("describe-document", "--name", own)["Document"]
    equal((got["Description"], got["Status"]), ("two", "Active"), f"{name}: describe-document")
    rows = ssm("list-document-versions", "--name", own)["DocumentVersions"]
    equal([(r["DocumentVersion"], r["IsDefaultVersion"]) for r in rows], [("2", True), ("1", False)],
          f"{name}: list-document-versions")
    rows = ssm("list-documents", "--filters", "Key=Owner,Values=Self", f"Key=Name,Values={own}")
    equal([r["Name"] for r in rows["DocumentIdentifiers"]], [own], f"{name}: list-documents")
    rows = ssm("list-documents", "--document-filter-list", "key=Owner,value=Amazon", "--page-size", "2")
    ok(len(rows["DocumentIdentifiers"]) == 5, f"{name}: list-documents in pages, with the old filters")
    fails("InvalidDocument", "delete-document", "--name", "AWS-StartSSHSession")
    fails("InvalidDocumentOperation", "delete-document", "--name", own, "--document-version", "2")
    ssm("delete-document", "--name", own)
    fails("InvalidDocument", "describe-document", "--name", own)


def admin_document(world, *args, **kwargs):
    return subprocess.run([world.bin / "sallyport", "admin", "document", *args], env=world.env(), text=True,
                          capture_output=True, check=False, timeout=20, **kwargs)


def guide(world):
    done = world.aws("ssm", "update-document", "--name", PREFS, "--content", GUIDE, "--region",
                     e2e.REGION)["DocumentDescription"]
    equal((done["DocumentVersion"], done["DefaultVersion"]), ("2", "1"),
          "the guide's update-document makes version 2")
    equal(admin_document(world, "get", PREFS).stdout.strip(), GUIDE,
          "admin document get shows the version that is in force, not the default")
    world.crash_server()
    equal(world.ssm.get_document(Name=PREFS, DocumentVersion="$LATEST")["Content"], GUIDE,
          "which is there after kill -9, and stays")


def shell_profile(world, node):
    prefer(world, shellProfile={"linux": "echo profile-$((40+2))"})
    with terminal.Session(world, node) as s:
        s.shell()
        ok(b"profile-42" in s.data, "the shell profile runs")


def limits(world, node):
    """Both limits are a minute at least: the two sessions wait side by side, and meanwhile the
    command lines make their tours."""
    prefer(world, idleSessionTimeout="1")
    idle = terminal.Session(world, node)
    prefer(world, maxSessionDuration="1", idleSessionTimeout="5")
    with idle, terminal.Session(world, node) as short:
        idle.shell()
        short.shell()
        equal(world.session(short.id)["MaxSessionDuration"], "1", "the maximum duration is listed")
        for name, cli in e2e.aws_clis():
            tour(world, name, cli)
        row = world.wait_status(idle.id, "Terminated", seconds=90)
        ok(row is not None, "idleSessionTimeout ends a session in which nobody types")
        row = world.wait_status(short.id, "Terminated", seconds=30)
        ok(row is not None, "maxSessionDuration ends a session")
        print(f"    {row and row.get('Details')}")


def run_as(world, node):
    me = pwd.getpwuid(os.getuid()).pw_name
    prefer(world, runAsEnabled=True, runAsDefaultUser="")
    starts(e2e.refusal(world.ssm.start_session, Target=node).text, "Run As is enabled",
           "Run As without any user is refused")
    prefer(world, runAsEnabled=True, runAsDefaultUser=me)
    with terminal.Session(world, node) as s:
        s.shell()
        equal(s.run("id -un"), me, "runAsDefaultUser is who the session runs as")


def deleted(world, node):
    world.ssm.delete_document(Name=PREFS)
    with terminal.Session(world, node) as s:
        s.shell()
        equal(s.run("echo $((6*7))"), "42", "without the preferences a session has the first ones")


def admin(world):
    """The same from our own command line."""
    text = json.dumps({
        "schemaVersion": "1.0", "sessionType": "NonInteractiveCommands",
        "parameters": {"word": {"type": "String", "allowedPattern": "^[a-z]+$", "default": "nobody"}},
        "properties": {"linux": {"commands": "sh -c 'cat; echo hello {{ word }}'", "separateOutputStream": True,
                                 "standardInput": True}}})
    file = world.dir / "document.json"
    file.write_text(text)

    def document(*args, **kwargs):
        return admin_document(world, *args, **kwargs)

    equal(document("put", "Hello", str(file)).stdout, "Hello created, version 1\n", "admin document put: makes one")
    equal(document("put", "Hello", str(file)).stdout, "Hello unchanged, version 1\n", "the same again: nothing")
    p = document("put", "Hello", "-", "--output", "json", input=text.replace("hello", "good day,"))
    equal(json.loads(p.stdout), {"Name": "Hello", "DocumentVersion": "2", "Result": "updated"},
          "other content, from standard input: a version, as JSON")
    p = subprocess.run([world.bin / "sallyport", "connect", "one", "--document-name", "Hello", "--parameters", "word=you"],
                       env=world.env(), input="in ", text=True, capture_output=True, check=False, timeout=20)
    equal((p.stdout, p.returncode), ("in good day, you\n", 0), "and it is what a session runs, with its parameter and input")
    p = subprocess.run([world.bin / "sallyport", "connect", "one", "--document-name", "Hello", "--parameters", "word=X;id"],
                       env=world.env(), stdin=subprocess.DEVNULL, text=True, capture_output=True, check=False, timeout=20)
    ok(p.returncode == 255 and "InvalidParameters" in p.stderr, "a value that the pattern refuses")
    equal(document("get", "Hello", "--document-version", "1").stdout.strip(), text, "get: the content as it was put")
    ok("good day" in document("get", "Hello").stdout, "get: the default version")
    ok(re.search(r"^Hello +Session +2 ", document("list").stdout, re.M) and
       "AWS-StartSSHSession" not in document("list").stdout, "list: ours")
    ok("AWS-StartSSHSession" in [d["Name"] for d in json.loads(document("list", "--all", "--output", "json").stdout)],
       "list --all, as JSON")
    file.write_text(text.replace("NonInteractiveCommands", "Sometimes"))
    p = document("put", "Hello", str(file))
    ok(p.returncode == 1 and "document.json: sessionType must be" in p.stderr, "put: what is wrong, and in which file")
    p = document("put", "AWS-StartSSHSession", "-", input=text)
    equal(p.returncode, 1, "put: not over one of Amazon's")
    equal((document("delete", "Hello").stdout, document("get", "Hello").returncode), ("Hello deleted\n", 1), "delete")
    equal([document(*a).returncode for a in ((), ("rename",), ("put", "x"), ("get",), ("delete",))], [2] * 5,
          "a wrong command line")


def main():
    with e2e.World("documents") as world:
        node, _ = world.agent("one")
        guide(world)
        e2e.wait_until(lambda: world.online(node))
        shell_profile(world, node)
        run_as(world, node)
        limits(world, node)
        admin(world)
        deleted(world, node)
    e2e.finish()


if __name__ == "__main__":
    main()

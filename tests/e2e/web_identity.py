#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: a token of an OpenID Connect provider is a role for whoever holds it, for the AWS CLI and
boto3, and for a shell on a node, if the provider is entered and the role's trust policy says so.

The provider is a real one, `oidc-provider` from npm (web_identity.mjs), and the tokens come out of its
code flow.
"""
import base64
import http.cookiejar
import json
import os
import shutil
import ssl
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import botocore
import botocore.config
import boto3

import e2e
import terminal
from e2e import equal, ok

SCRIPT = e2e.TOP / "tests/e2e/web_identity.mjs"


class Issuer:
    def __init__(self, world, node):
        self.world = world
        self.port = e2e.free_port()
        self.url = f"https://localhost:{self.port}"
        self.context = ssl.create_default_context(cafile=str(world.ca))
        env = dict(os.environ, PORT=str(self.port), CERT=str(world.state / "server.pem"),
                   KEY=str(world.state / "server.key"))
        self.process = e2e.Process([node, SCRIPT], world.dir / "issuer.log", env=env)

    def up(self):
        return "issuer https" in self.process.text() or not self.process.alive()

    def token(self, who, client="rsa"):
        """An id_token: the code flow, with a browser's redirects and cookies."""
        jar = http.cookiejar.CookieJar()
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=self.context),
                                             urllib.request.HTTPCookieProcessor(jar))
        done = f"{self.url}/done"
        ask = {"client_id": client, "response_type": "code", "scope": "openid", "redirect_uri": done,
               "login_hint": who, "state": "x"}
        try:
            opener.open(f"{self.url}/auth?{urllib.parse.urlencode(ask)}", timeout=20)
            raise RuntimeError("the flow did not end at /done")
        except urllib.error.HTTPError as e:  # nobody serves /done
            query = urllib.parse.parse_qs(urllib.parse.urlparse(e.url).query)
        form = {"grant_type": "authorization_code", "code": query["code"][0], "redirect_uri": done,
                "client_id": client, "client_secret": "not a secret"}
        with opener.open(f"{self.url}/token", urllib.parse.urlencode(form).encode(), timeout=20) as r:
            return json.load(r)["id_token"]


class Scene:
    """A world with an issuer, and the provider and roles in IAM, made with the AWS CLI."""

    def __init__(self, world, issuer):
        self.world = world
        self.issuer = issuer
        self.account = world.boto("sts").get_caller_identity()["Account"]
        self.name = f"localhost:{issuer.port}"
        made = world.aws("iam", "create-open-id-connect-provider", "--url", issuer.url,
                         "--client-id-list", "rsa", "ec", "edwards", "--thumbprint-list", "0" * 40)
        self.provider = made["OpenIDConnectProviderArn"]

    def role(self, name, condition=None, action="sts:AssumeRoleWithWebIdentity", policy=None):
        statement = {"Effect": "Allow", "Action": action, "Principal": {"Federated": self.provider}}
        if condition:
            statement["Condition"] = condition
        trust = {"Version": "2012-10-17", "Statement": [statement]}
        made = self.world.aws("iam", "create-role", "--role-name", name,
                              "--assume-role-policy-document", json.dumps(trust))
        if policy:
            text = {"Version": "2012-10-17", "Statement": policy}
            self.world.aws("iam", "put-role-policy", "--role-name", name, "--policy-name", "own",
                           "--policy-document", json.dumps(text))
        return made["Role"]["Arn"]

    def assume(self, role, token, **more):
        """Without any key, as the SDKs do it."""
        if not hasattr(self, "sts"):
            config = botocore.config.Config(signature_version=botocore.UNSIGNED,
                                            retries={"max_attempts": 0}, read_timeout=30)
            self.sts = boto3.session.Session().client(
                "sts", region_name=e2e.REGION, endpoint_url=self.world.endpoint,
                verify=str(self.world.ca), config=config)
        return self.sts.assume_role_with_web_identity(
            RoleArn=role, RoleSessionName="ci-run", WebIdentityToken=token, **more)

    def refused(self, code, text, what, *args, **more):
        got = e2e.refusal(self.assume, *args, **more)
        equal(got.code, code, f"{what}: {code}")
        if text:
            equal(got.text, text, f"{what}: in AWS's words")


def tokens(scene, role):
    issuer = scene.issuer
    for client, alg in (("rsa", "RS256"), ("ec", "ES256"), ("edwards", "EdDSA")):
        got = scene.assume(role, issuer.token("alice", client))
        equal((got["SubjectFromWebIdentityToken"], got["Audience"], got["Provider"]),
              ("alice", client, scene.provider), f"{alg}: the answer names subject, audience and provider")
    equal(got["AssumedRoleUser"]["Arn"], f"arn:aws:sts::{scene.account}:assumed-role/web/ci-run",
          "the role session has the name that was asked for")
    good = issuer.token("alice")
    head, body, signature = good.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    claims["sub"] = "root"
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    scene.refused("InvalidIdentityToken", None, "another subject under the same signature",
                  role, f"{head}.{forged}.{signature}")
    scene.refused("InvalidIdentityToken", None, "no signature", role, f"{none}.{forged}.")
    scene.refused("InvalidIdentityToken", "Incorrect token audience", "a client that was not entered",
                  role, issuer.token("alice", "stranger"))
    scene.refused("InvalidIdentityToken", "The ID Token provided is not a valid JWT. "
                  "(You may see this error if you sent an Access Token)", "no token", role, "abcd")


def trust(scene):
    key = scene.name
    only = scene.role("only-bob", {"StringEquals": {f"{key}:sub": "bob"}})
    factor = scene.role("with-factor", {"ForAnyValue:StringEquals": {f"{key}:amr": "mfa"}})
    tagged = scene.role("tagged", {"StringEquals": {"aws:RequestTag/team": "red"}}, action=[
        "sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity"])
    denied = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
    alice, bob = scene.issuer.token("alice"), scene.issuer.token("bob")
    scene.refused("AccessDenied", denied, "the role is for another subject", only, alice)
    ok(scene.assume(only, bob), "and that subject gets it")
    scene.refused("AccessDenied", denied, "the role wants a second factor", factor, alice)
    ok(scene.assume(factor, scene.issuer.token("mfa-alice")), "whoever showed one there gets it")
    scene.refused("AccessDenied", denied, "the role wants a tag", tagged, alice)
    got = scene.assume(tagged, scene.issuer.token("tagged-alice"))
    equal(got.get("SourceIdentity"), "alice", "tags and the source identity come with the token")
    scene.refused("AccessDenied", denied, "a role that is not there", f"{only}x", bob)
    scene.refused("ValidationError", None, "longer than the role allows", only, bob,
                  DurationSeconds=43200)


def cli(scene, role):
    """AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE, and nothing else."""
    world = scene.world
    path = world.dir / "token"
    path.write_text(scene.issuer.token("alice"))
    for name, command in e2e.aws_clis():
        env = world.env(AWS_ROLE_ARN=role, AWS_WEB_IDENTITY_TOKEN_FILE=str(path),
                        AWS_ROLE_SESSION_NAME=f"cli-{name}", AWS_ENDPOINT_URL_STS=world.endpoint)
        del env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"]
        if name == "installed":  # it would ask AWS itself
            e2e.skip(f"AWS CLI ({name}) does not know AWS_ENDPOINT_URL")
            continue
        done = subprocess.run([*command, "sts", "get-caller-identity", "--output", "json"], env=env,
                              capture_output=True, text=True, timeout=60, check=False)
        if not ok(done.returncode == 0, f"AWS CLI ({name}): a role by a token in a file"):
            print(done.stderr)
            continue
        equal(json.loads(done.stdout)["Arn"],
              f"arn:aws:sts::{scene.account}:assumed-role/web/cli-{name}", f"AWS CLI ({name}): as that role")


def shell(scene, role):
    """A shell for somebody who has no key; it ends when the role is taken away."""
    world = scene.world
    node, _ = world.agent("web-1")
    keys = scene.assume(role, scene.issuer.token("alice"))["Credentials"]
    ssm = world.boto("ssm", keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    with terminal.Session(world, node, started=ssm.start_session(Target=node)) as s:
        ok(s.id.startswith("ci-run-"), "the session is named after the role session")
        equal(s.shell().run("echo $((6*7))"), "42", "a shell with the role")
        world.aws("iam", "delete-role-policy", "--role-name", "web", "--policy-name", "own")
        ok(world.wait_status(s.id, "Terminated", seconds=3), "it ends when the role may not any more")


def away(scene, role):
    scene.issuer.process.kill()
    ok(scene.assume(role, scene.last), "the issuer is away: its keys are known")
    scene.world.crash_server()
    scene.refused("IDPCommunicationError", None, "after a restart of the server they are not", role,
                  scene.last)


def main():
    node = os.environ.get("SALLYPORT_NODE_JS") or shutil.which("node") or shutil.which("nodejs")
    if node is None or not (e2e.TOP / "node_modules/oidc-provider").is_dir():
        ok(False, "oidc-provider is installed (npm ci)")
        e2e.finish()
    with e2e.World("web-identity") as world:
        world.conf.write_text(f"{world.conf.read_text()}\noidc_ca_file = {world.ca}\n")
        world.crash_server()
        issuer = Issuer(world, node)
        try:
            e2e.wait_until(issuer.up, 60)
            if not issuer.process.alive():
                print(issuer.process.text())
                raise RuntimeError("the issuer did not start")
            scene = Scene(world, issuer)
            role = scene.role("web", policy=[{"Effect": "Allow", "Action": "ssm:*", "Resource": "*"}])
            scene.last = issuer.token("alice")
            tokens(scene, role)
            trust(scene)
            cli(scene, role)
            shell(scene, role)
            away(scene, role)
        finally:
            issuer.process.kill()
    e2e.finish()


if __name__ == "__main__":
    main()

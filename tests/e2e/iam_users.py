#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: users, groups, access keys, passwords and second factors are made, listed, changed and
taken away with the AWS CLI and SDK as at AWS; when a key, a membership or a second factor that a
session depends on goes, the session ends within a second, on both sides and with the reason; and
guessing at keys and codes becomes slow for whoever does it, and for nobody else.
"""
import base64
import hashlib
import hmac
import json
import re
import shutil
import struct
import subprocess
import threading
import time

import e2e
import terminal
from e2e import equal, ok

NO_MFA = {"Effect": "Deny", "Action": "ssm:StartSession", "Resource": "*",
          "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}}
START = {"Effect": "Allow", "Action": ["ssm:StartSession", "ssm:TerminateSession", "ssm:ResumeSession"],
         "Resource": "*"}


def totp(seed, at=None, steps=0):
    """The code of an authenticator app."""
    step = int((time.time() if at is None else at) // 30) + steps
    mac = hmac.new(base64.b32decode(seed), struct.pack(">Q", step), hashlib.sha1).digest()
    at = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[at:at + 4])[0] & 0x7fffffff) % 1000000:06d}"


def early_in_a_step():
    """Waits until a code stays the same for a while."""
    left = 30 - time.time() % 30
    if left < 12:
        time.sleep(left)


def refused(what, code, call, **kwargs):
    """The message of a call that must fail with this code."""
    got = e2e.refusal(call, **kwargs)
    equal(got.code, code, f"{what}: {code}")
    return got.text


def pages(iam, operation, key, **kwargs):
    return [item for page in iam.get_paginator(operation).paginate(PaginationConfig={"PageSize": 2}, **kwargs)
            for item in page[key]]


def make_user(world, name, *groups):
    """(key id, secret) of a new user in these groups."""
    iam = world.boto("iam")
    iam.create_user(UserName=name)
    for group in groups:
        iam.add_user_to_group(GroupName=group, UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def inline(world, user, *statements):
    """Gives a user a policy of his own."""
    world.boto("iam").put_user_policy(UserName=user, PolicyName="own", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": list(statements)}))


# ---- the AWS CLI ----

def cli_life(world, name, cli):
    """One user's whole life on a command line."""
    def aws(*args):
        return world.aws("iam", *args, cli=cli)
    user = f"cli-{name}"
    made = aws("create-user", "--user-name", user, "--path", "/people/", "--tags", "Key=team,Value=web")["User"]
    ok(made["Arn"].endswith(f":user/people/{user}") and made["UserId"].startswith("AIDA"), f"{name}: create-user")
    aws("update-user", "--user-name", user, "--new-user-name", f"{user}-2", "--new-path", "/")
    user = f"{user}-2"
    aws("create-group", "--group-name", f"g-{name}")
    aws("add-user-to-group", "--user-name", user, "--group-name", f"g-{name}")
    equal([u["UserName"] for u in aws("get-group", "--group-name", f"g-{name}")["Users"]], [user],
          f"{name}: get-group shows who was added")
    key = aws("create-access-key", "--user-name", user)["AccessKey"]
    aws("update-access-key", "--user-name", user, "--access-key-id", key["AccessKeyId"], "--status", "Inactive")
    equal([k["Status"] for k in aws("list-access-keys", "--user-name", user)["AccessKeyMetadata"]], ["Inactive"],
          f"{name}: a key is switched off")
    aws("create-login-profile", "--user-name", user, "--password", "Correct-horse-1", "--password-reset-required")
    ok(aws("get-login-profile", "--user-name", user)["LoginProfile"]["PasswordResetRequired"], f"{name}: a password")
    cli_device(world, name, cli, user)
    p = world.aws("iam", "delete-user", "--user-name", user, cli=cli, check=False)
    ok(p.returncode != 0 and "(DeleteConflict)" in p.stderr, f"{name}: a user who has something is not deleted")
    aws("delete-login-profile", "--user-name", user)
    aws("delete-access-key", "--user-name", user, "--access-key-id", key["AccessKeyId"])
    aws("remove-user-from-group", "--user-name", user, "--group-name", f"g-{name}")
    aws("delete-user", "--user-name", user)
    aws("delete-group", "--group-name", f"g-{name}")
    p = world.aws("iam", "get-user", "--user-name", user, cli=cli, check=False)
    ok(f"The user with name {user} cannot be found." in p.stderr, f"{name}: delete-user")
    ok(aws("get-account-summary")["SummaryMap"]["Users"] >= 1, f"{name}: get-account-summary")


def cli_device(world, name, cli, user):
    seed, picture = world.dir / f"{name}.seed", world.dir / f"{name}.png"
    serial = world.aws("iam", "create-virtual-mfa-device", "--virtual-mfa-device-name", f"phone-{name}",
                       "--outfile", str(seed), "--bootstrap-method", "Base32StringSeed",
                       cli=cli)["VirtualMFADevice"]["SerialNumber"]
    text = seed.read_text().strip()
    world.aws("iam", "enable-mfa-device", "--user-name", user, "--serial-number", serial,
              "--authentication-code1", totp(text, steps=-1), "--authentication-code2", totp(text), cli=cli)
    equal([d["SerialNumber"] for d in world.aws("iam", "list-mfa-devices", "--user-name", user,
                                                cli=cli)["MFADevices"]], [serial], f"{name}: a device is enabled by two codes")
    world.aws("iam", "deactivate-mfa-device", "--user-name", user, "--serial-number", serial, cli=cli)
    world.aws("iam", "delete-virtual-mfa-device", "--serial-number", serial, cli=cli)
    serial = world.aws("iam", "create-virtual-mfa-device", "--virtual-mfa-device-name", f"qr-{name}", "--outfile",
                       str(picture), "--bootstrap-method", "QRCodePNG", cli=cli)["VirtualMFADevice"]["SerialNumber"]
    if shutil.which("zbarimg"):
        read = subprocess.run(["zbarimg", "--quiet", "--raw", str(picture)], capture_output=True, text=True, check=False)
        account = serial.split(":")[4]
        ok(re.fullmatch(rf"otpauth://totp/Sallyport:qr-{name}@{account}\?secret=[A-Z2-7]{{64}}&issuer=Sallyport",
                        read.stdout.strip()), f"{name}: the picture is a QR code of the seed ({read.stdout[:40]}…)")
    else:
        e2e.skip("reading the QR code: no zbarimg")
    world.aws("iam", "delete-virtual-mfa-device", "--serial-number", serial, cli=cli)


# ---- the SDK ----

def lists(world):
    iam = world.boto("iam")
    for i in range(5):
        iam.create_user(UserName=f"page-{i}", Path="/page/")
        iam.create_group(GroupName=f"page-{i}", Path="/page/")
        iam.add_user_to_group(GroupName="page-0", UserName=f"page-{i}")
        iam.add_user_to_group(GroupName=f"page-{i}", UserName="page-0")
    names = [f"page-{i}" for i in range(5)]
    equal([u["UserName"] for u in pages(iam, "list_users", "Users", PathPrefix="/page/")], names,
          "five users in pages of two")
    equal([g["GroupName"] for g in pages(iam, "list_groups", "Groups", PathPrefix="/page/")], names, "groups")
    equal([u["UserName"] for u in pages(iam, "get_group", "Users", GroupName="page-0")], names, "members")
    equal([g["GroupName"] for g in pages(iam, "list_groups_for_user", "Groups", UserName="page-0")], names,
          "memberships")
    iam.tag_user(UserName="page-0", Tags=[{"Key": f"k{i}", "Value": "v"} for i in range(5)])
    equal([t["Key"] for t in pages(iam, "list_user_tags", "Tags", UserName="page-0")], [f"k{i}" for i in range(5)],
          "tags")
    for i in range(3):
        iam.create_virtual_mfa_device(VirtualMFADeviceName=f"page-{i}", Path="/page/")
    equal([d["SerialNumber"].rsplit("/", 1)[1] for d in
           pages(iam, "list_virtual_mfa_devices", "VirtualMFADevices", AssignmentStatus="Unassigned")],
          names[:3], "devices")
    first = iam.list_users(MaxItems=1)
    refused("a marker of another list", "ValidationError", iam.list_groups, Marker=first["Marker"])


def errors(world):
    iam = world.boto("iam")
    make_user(world, "dup")
    equal(refused("a name twice, in another case", "EntityAlreadyExists", iam.create_user, UserName="DUP"),
          "User with name DUP already exists.", "in AWS's words")
    iam.create_access_key(UserName="dup")
    equal(refused("a third key", "LimitExceeded", iam.create_access_key, UserName="dup"),
          "Cannot exceed quota for AccessKeysPerUser: 2", "in AWS's words")
    refused("a password that is too simple", "PasswordPolicyViolation", iam.create_login_profile, UserName="dup",
            Password="simple")
    try:
        iam.get_user(UserName="nobody")
        ok(False, "the SDK knows NoSuchEntity")
    except iam.exceptions.NoSuchEntityException:
        ok(True, "the SDK knows NoSuchEntity")


def passwords(world):
    """Hashing takes its time and nobody waits for it."""
    iam = world.boto("iam")
    iam.create_user(UserName="pass")
    iam.update_account_password_policy(MinimumPasswordLength=10, RequireNumbers=True, PasswordReusePrevention=3)
    iam.create_login_profile(UserName="pass", Password="first-pass-1")
    equal(refused("the same again", "PasswordPolicyViolation", iam.update_login_profile, UserName="pass",
                  Password="first-pass-1"), "Password has been used before and may not be used again", "it says why")
    stop, worst = threading.Event(), [0.0]

    def watch():
        while not stop.is_set():
            began = time.monotonic()
            world.get("/_health")
            worst[0] = max(worst[0], time.monotonic() - began)

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.monotonic()
    for i in range(8):
        iam.update_login_profile(UserName="pass", Password=f"another-pass-{i}")
    took = (time.monotonic() - began) / 8
    stop.set()
    watcher.join()
    ok(worst[0] < max(0.5, 0.8 * took), f"a password takes {took * 1000:.0f} ms, others wait {worst[0] * 1000:.0f} ms at most meanwhile")
    database = (world.state / "sallyport.db").read_bytes() + (world.state / "sallyport.db-wal").read_bytes()
    ok(b"another-pass-7" not in database and b"$argon2id$" in database, "only hashes are on disk")
    ok("another-pass" not in world.server.text(), "and none in the log")
    iam.delete_account_password_policy()


# ---- live sessions ----

def ends(world, s, what, change, reason):
    """The session must end within a second after change(), with the reason on both sides."""
    change()
    began = time.monotonic()
    s.expect(f"SessionId: {re.escape(s.id)} : not allowed any more: .*{reason}", 5)
    took = time.monotonic() - began
    ok(took < 1.0, f"{what}: the session ends {took:.2f} s later, and its client says why")
    s.wait_exit(10)
    row = world.wait_status(s.id, "Terminated", seconds=10)
    ok(row and re.search(reason, row.get("Details", "")), f"{what}: the history says why ({row.get('Details', '')})")


def opened(world, node, *credentials):
    return terminal.Session(world, node, started=world.boto("ssm", *credentials).start_session(Target=node)).shell()


def key_switched_off(world, node):
    iam = world.boto("iam")
    key, secret = make_user(world, "keyed")
    inline(world, "keyed", START)
    with opened(world, node, key, secret) as s:
        equal(s.run("echo there"), "there", "a user's session is open")
        ends(world, s, "a key switched off",
             lambda: iam.update_access_key(UserName="keyed", AccessKeyId=key, Status="Inactive"),
             "access key that started the session is not active any more")
    iam.update_access_key(UserName="keyed", AccessKeyId=key, Status="Active")
    with opened(world, node, key, secret) as s:
        ends(world, s, "a key deleted", lambda: iam.delete_access_key(UserName="keyed", AccessKeyId=key),
             "access key that started the session is not active any more")


def out_of_the_group(world, node):
    iam = world.boto("iam")
    iam.create_group(GroupName="starters")
    iam.put_group_policy(GroupName="starters", PolicyName="start", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": START}))
    key, secret = make_user(world, "member", "starters")
    with opened(world, node, key, secret) as s:
        ends(world, s, "out of the group",
             lambda: iam.remove_user_from_group(GroupName="starters", UserName="member"),
             "not authorized to perform: ssm:StartSession")
    refused("nor can another one be started", "AccessDeniedException", world.boto("ssm", key, secret).start_session,
            Target=node)


def enabled_device(world, user, name):
    """(serial number, seed); the code of the step before and of this one are used up."""
    iam = world.boto("iam")
    d = iam.create_virtual_mfa_device(VirtualMFADeviceName=name)["VirtualMFADevice"]
    seed = d["Base32StringSeed"].decode()
    early_in_a_step()
    iam.enable_mfa_device(UserName=user, SerialNumber=d["SerialNumber"], AuthenticationCode1=totp(seed, steps=-1),
                          AuthenticationCode2=totp(seed))
    return d["SerialNumber"], seed


def role_by_second_factor(world, credentials):
    """The keys of a role that is there for those only who have shown a second factor."""
    iam = world.boto("iam")
    arn = iam.get_user(UserName="two-factor")["User"]["Arn"]
    role = iam.create_role(RoleName="two-factor", AssumeRolePolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Principal": {"AWS": arn}, "Action": "sts:AssumeRole",
            "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}}))["Role"]["Arn"]
    iam.put_role_policy(RoleName="two-factor", PolicyName="own", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [START, NO_MFA]}))
    got = world.boto("sts", *credentials).assume_role(RoleArn=role, RoleSessionName="two")["Credentials"]
    return got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"]


def device_taken_away(world, node):
    iam = world.boto("iam")
    key, secret = make_user(world, "two-factor")
    inline(world, "two-factor", START, NO_MFA)
    serial, seed = enabled_device(world, "two-factor", "two-factor")
    sts = world.boto("sts", key, secret)
    refused("a code that was used", "AccessDenied", sts.get_session_token, SerialNumber=serial, TokenCode=totp(seed))
    got = sts.get_session_token(SerialNumber=serial, TokenCode=totp(seed, steps=1))["Credentials"]
    mine = got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"]
    as_role = role_by_second_factor(world, mine)
    with opened(world, node, *mine) as s, opened(world, node, *as_role) as other:
        ends(world, s, "the device taken away",
             lambda: iam.deactivate_mfa_device(UserName="two-factor", SerialNumber=serial),
             "explicit deny")
        other.expect(f"SessionId: {re.escape(other.id)} : not allowed any more: .*explicit deny", 5)
        ok(True, "and so does the one of the role that was assumed by it")
    refused("the keys that it gave do not start another one", "AccessDeniedException",
            world.boto("ssm", *mine).start_session, Target=node)


def user_deleted(world, node):
    """Deleting takes the key first, which ends the session; moving and renaming do not."""
    iam = world.boto("iam")
    key, secret = make_user(world, "mover")
    inline(world, "mover", START)
    with opened(world, node, key, secret) as s:
        iam.update_user(UserName="mover", NewUserName="moved", NewPath="/elsewhere/")
        time.sleep(1.5)
        equal(s.run("echo still there"), "still there", "a user who is renamed keeps his session")
        ends(world, s, "all policies gone", lambda: iam.delete_user_policy(UserName="moved", PolicyName="own"),
             "not authorized to perform: ssm:StartSession")


# ---- guessing ----

def codes_guessed(world):
    iam = world.boto("iam")
    iam.create_user(UserName="guessed")
    d = iam.create_virtual_mfa_device(VirtualMFADeviceName="guessed")["VirtualMFADevice"]
    seed = d["Base32StringSeed"].decode()
    wrong = {"UserName": "guessed", "SerialNumber": d["SerialNumber"], "AuthenticationCode1": totp(seed, at=0),
             "AuthenticationCode2": totp(seed, at=30)}
    for _ in range(5):
        refused("a wrong code", "InvalidAuthenticationCode", iam.enable_mfa_device, **wrong)
    message = refused("after five not even the right one", "LimitExceeded", iam.enable_mfa_device,
                      **{**wrong, "AuthenticationCode1": totp(seed, steps=-1), "AuthenticationCode2": totp(seed)})
    ok(re.search(r"Try again in ([12]\d|30) seconds", message), f"and it says for how long ({message})")
    world.crash_server()
    refused("a restart does not help", "LimitExceeded", iam.enable_mfa_device, **wrong)


def signatures_guessed(world):
    def timed(*credentials):
        began = time.monotonic()
        status = e2e.refusal(world.boto("sts", *credentials).get_caller_identity).status
        return time.monotonic() - began, status

    waits = [timed(world.key, "x" * 40) for _ in range(9)]
    ok(all(status == 403 for _, status in waits) and sum(w[0] for w in waits[:5]) < 2 and
       all(w[0] > at for w, at in zip(waits[5:], (0.25, 0.5, 1, 2))),
       "wrong signatures are answered later and later: " + ", ".join(f"{w[0]:.2f}" for w in waits) + " s")
    took, status = timed()
    ok(status == 200 and took < 1, f"the right one at once ({took:.2f} s)")


def last_used(world):
    iam = world.boto("iam")
    key, secret = make_user(world, "used")
    equal(iam.get_access_key_last_used(AccessKeyId=key)["AccessKeyLastUsed"], {"ServiceName": "N/A", "Region": "N/A"},
          "a key that was never used")
    world.boto("sts", key, secret).get_caller_identity()
    used = iam.get_access_key_last_used(AccessKeyId=key)["AccessKeyLastUsed"]
    ok(used["ServiceName"] == "sts" and used["Region"] == e2e.REGION and abs(used["LastUsedDate"].timestamp() -
                                                                           time.time()) < 10, "and one that was")
    world.crash_server()
    equal(iam.get_access_key_last_used(AccessKeyId=key)["AccessKeyLastUsed"], used, "as is still known after a crash")


def main():
    with e2e.World("iam-users") as world:
        for name, cli in e2e.aws_clis():
            cli_life(world, name, cli)
        lists(world)
        errors(world)
        passwords(world)
        last_used(world)
        node, _ = world.agent("web")
        key_switched_off(world, node)
        out_of_the_group(world, node)
        device_taken_away(world, node)
        user_deleted(world, node)
        codes_guessed(world)
        signatures_guessed(world)
    e2e.finish()


if __name__ == "__main__":
    main()

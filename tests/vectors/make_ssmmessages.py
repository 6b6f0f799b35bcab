#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# Makes ssmmessages.jsonl and rsa_pss.json next to itself: requests signed by botocore
# (not by us), and token requests signed by the openssl command as an agent on premises
# signs them.  The output is committed; run this again only to add a case.
#
# One line is one request as on the wire, as in sigv4.jsonl: method, target, headers,
# body_b64 and the secret.
import base64
import datetime
import json
import os
import subprocess
import tempfile

import botocore.auth
import botocore.awsrequest
import botocore.credentials

HERE = os.path.dirname(os.path.abspath(__file__))
SECRET = "wJalrXUtnFEMI"
TOKEN = "FQoG//tok+en=="
NOW = datetime.datetime(2026, 11, 21, 1, 47, 37, tzinfo=datetime.timezone.utc)
LONG_TERM = botocore.credentials.Credentials("AKIAIOSFODNN7EXAMPLE", SECRET)
TEMPORARY = botocore.credentials.Credentials("ASIAIOSFODNN7EXAMPLE", SECRET, TOKEN)
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


class Clock(datetime.datetime):
    @classmethod
    def utcnow(cls):
        return NOW.replace(tzinfo=None)

    @classmethod
    def now(cls, tz=None):
        return NOW


def stop_clock():
    if hasattr(botocore.auth, "get_current_datetime"):
        botocore.auth.get_current_datetime = lambda *a, **k: NOW.replace(tzinfo=None)
    else:
        botocore.auth.datetime.datetime = Clock


class Streaming(botocore.auth.S3SigV4Auth):
    """What SDKs do that sign each chunk: the literal takes the place of the hash."""

    def payload(self, request):
        return "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"


class S3Https(botocore.auth.S3SigV4Auth):
    def payload(self, request):
        return "UNSIGNED-PAYLOAD"


def presign(expires):
    def make(creds, service, region):
        cls = botocore.auth.S3SigV4QueryAuth if service == "s3" else botocore.auth.SigV4QueryAuth
        return cls(creds, service, region, expires=expires)

    return make


def sign(what, service, method, target, headers=None, body=b"", creds=TEMPORARY,
         auth=botocore.auth.SigV4Auth, later=None, host="ssm.example.test:8443"):
    url = "https://" + host + target
    request = botocore.awsrequest.AWSRequest(
        method=method, url=url, headers=dict(headers or {}), data=body)
    request.headers["Host"] = host
    auth(creds, service, "eu-north-1").add_auth(request)
    for name, value in (later or {}).items():
        request.headers[name] = value
    return {
        "client": "botocore",
        "what": what,
        "method": method,
        "target": request.url[len("https://" + host):],
        "headers": [[k, v] for k, v in request.headers.items()],
        "body_b64": base64.b64encode(body).decode(),
        "secret": SECRET,
    }


def requests():
    xml = b"<CreateDataChannelInput/>"
    js = {"Content-Type": "application/json"}
    mgs = "ssmmessages"
    yield sign("control channel", mgs, "POST", "/v1/control-channel/mi-0123456789abcdef0", js, xml)
    yield sign("session of a mail address", mgs, "POST",
               "/v1/data-channel/user@example.com-0abc1234def567890", js, xml)
    yield sign("escaped mail address", mgs, "POST",
               "/v1/data-channel/user%40example.com-0abc1234def567890", js, xml)
    yield sign("blank, plus and equals sign in the path", mgs, "POST",
               "/v1/data-channel/bob%20smith+x=1-0abc1234def567890", js, xml)
    yield sign("escaped comma in lower case", mgs, "POST",
               "/v1/data-channel/a%2cb-0abc1234def567890", js, xml)
    yield sign("agent's WebSocket, query sorted already", mgs, "GET",
               "/v1/control-channel/mi-0123456789abcdef0?role=subscribe&stream=input",
               later=UPGRADE)
    yield sign("agent's WebSocket, query not sorted", mgs, "GET",
               "/v1/data-channel/user@example.com-0abc?stream=input&role=publish_subscribe",
               later=UPGRADE)
    yield sign("plugin's WebSocket with long-term keys", mgs, "GET",
               "/v1/data-channel/alice-0abc?role=publish_subscribe", creds=LONG_TERM,
               later=UPGRADE)
    yield sign("presigned WebSocket", mgs, "GET",
               "/v1/data-channel/alice@example.com-0abc?role=publish_subscribe", auth=presign(60),
               later=UPGRADE)
    yield sign("repeated query names", mgs, "GET", "/v1/x?b=2&a=3&b=1&a=&c")
    yield sign("dot segments and double slashes", mgs, "GET", "/v1//a/./b/../c/")
    yield sign("dot segment at the end", mgs, "GET", "/v1/a/b/..")
    yield sign("presigned GetCallerIdentity", "sts", "GET",
               "/?Action=GetCallerIdentity&Version=2011-06-15", auth=presign(900))
    yield sign("presigned with a signed header", "sts", "GET",
               "/?Action=GetCallerIdentity&Version=2011-06-15", auth=presign(60),
               headers={"x-k8s-aws-id": "cluster one"})
    yield sign("inner blanks of a value", mgs, "POST", "/v1/x",
               {"Content-Type": "application/json;   charset=utf-8"}, xml)
    yield sign("presigned S3 with a long-term key", "s3", "GET", "/b/k%20%2Bey%C3%A9~",
               creds=LONG_TERM, auth=presign(604800))
    yield sign("S3 over TLS", "s3", "PUT", "/b/a//b/../c", body=b"x" * 70, auth=S3Https)
    yield sign("S3 with signed chunks", "s3", "PUT", "/b/chunks", body=b"0\r\n\r\n",
               headers={"Content-Encoding": "aws-chunked", "X-Amz-Decoded-Content-Length": "0"},
               auth=Streaming)


def openssl(*args, stdin=None):
    return subprocess.run(("openssl",) + args, input=stdin, check=True, capture_output=True).stdout


def rsa_requests():
    """Agents sign the same string with RSASSA-PSS; the content hash goes unsigned."""
    with tempfile.TemporaryDirectory() as tmp:
        key = os.path.join(tmp, "key.pem")
        openssl("genrsa", "-traditional", "-out", key, "2048")
        out = {
            "private_pkcs1": base64.b64encode(
                openssl("rsa", "-in", key, "-traditional", "-outform", "DER")).decode(),
            "private_pkcs8": base64.b64encode(
                openssl("pkcs8", "-topk8", "-nocrypt", "-in", key, "-outform", "DER")).decode(),
            "public_spki": base64.b64encode(
                openssl("rsa", "-in", key, "-pubout", "-outform", "DER")).decode(),
            "requests": [],
        }
        out["refused"] = refused_keys()
        sigopts = ("-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_mgf1_md:sha256")
        for salt in ("32", "20"):  # 20: a salt we must refuse
            request = rsa_request(key, sigopts + ("-sigopt", "rsa_pss_saltlen:" + salt))
            out["requests"].append(request | {"salt": int(salt)})
        return out


def refused_keys():
    """Public keys that no agent should be able to register."""
    kinds = {
        "RSA of 1024 bits": ("RSA", "rsa_keygen_bits:1024"),
        "RSA with exponent 3": ("RSA", "rsa_keygen_bits:2048", "rsa_keygen_pubexp:3"),
        "elliptic curve": ("EC", "ec_paramgen_curve:P-256"),
    }
    out = {}
    for what, (algorithm, *options) in kinds.items():
        args = [a for o in options for a in ("-pkeyopt", o)]
        pem = openssl("genpkey", "-algorithm", algorithm, *args)
        der = openssl("pkey", "-pubout", "-outform", "DER", stdin=pem)
        out[what] = base64.b64encode(der).decode()
    return out


def rsa_request(key, sigopts):
    node = "mi-0123456789abcdef0"
    creds = botocore.credentials.Credentials(node, "unused")
    auth = botocore.auth.SigV4Auth(creds, "ssm", "eu-north-1")
    body = b'{"Fingerprint":"41eab5d0-175f-45df-9358-cbc9fa356c94"}'
    host = "ssm.example.test:8443"
    now = NOW.strftime("%Y%m%dT%H%M%SZ")
    headers = {
        "Host": host,
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "AmazonSSM.RequestManagedInstanceRoleToken",
        "X-Amz-Date": now,
    }
    request = botocore.awsrequest.AWSRequest(
        method="POST", url="https://" + host + "/", data=body, headers=headers)
    request.context["timestamp"] = now
    text = auth.string_to_sign(request, auth.canonical_request(request))
    signature = openssl("dgst", "-sha256", *sigopts, "-sign", key, stdin=text.encode())
    request.headers["Authorization"] = (
        "AWS4-HMAC-SHA256 Credential=%s/20261121/eu-north-1/ssm/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=%s"
        % (node, base64.b64encode(signature).decode()))
    request.headers["X-Amz-Content-Sha256"] = auth.payload(request)
    return {
        "method": "POST",
        "target": "/",
        "headers": [[k, v] for k, v in request.headers.items()],
        "body_b64": base64.b64encode(body).decode(),
        "string_to_sign": text,
    }


def main():
    stop_clock()
    with open(os.path.join(HERE, "ssmmessages.jsonl"), "w") as f:
        for r in requests():
            f.write(json.dumps(r) + "\n")
    with open(os.path.join(HERE, "rsa_pss.json"), "w") as f:
        json.dump(rsa_requests(), f, indent=1)
        f.write("\n")


if __name__ == "__main__":
    main()

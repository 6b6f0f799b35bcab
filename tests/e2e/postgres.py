#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: a database behind a node is reached as AWS's guides reach RDS: start-session to the remote host,
then psql on localhost.  A real PostgreSQL: queries, bulk copies both ways, many connections at once; in all
pairings with the stock plugin and agent where they are on PATH, and by `sallyport forward`.
"""
import contextlib
import glob
import hashlib
import json
import os
import pwd
import re
import shutil
import subprocess
import threading

import e2e
import stock
from e2e import equal, ok, wait_until

ROWS = 60_000


def programs():
    """The folder of PostgreSQL's newest server; None without."""
    found = glob.glob("/usr/lib/postgresql/*/bin/initdb")
    return os.path.dirname(max(found, key=lambda p: int(p.split("/")[4]))) if found else None


class Postgres:
    """A cluster of its own in the world's folder, by a user who is not root."""

    def __init__(self, world):
        self.dir = world.dir / "postgres"
        self.dir.mkdir()
        self.user = "postgres" if os.getuid() == 0 else None
        if self.user:
            os.chown(self.dir, pwd.getpwnam(self.user).pw_uid, -1)
        data = self.dir / "data"
        done = subprocess.run([*world.as_user(self.user), f"{programs()}/initdb", "--no-sync", "--auth=trust",
                               "--username=app_user", "--encoding=UTF8", "--locale=C", "-D", data],
                              capture_output=True, text=True, check=False, timeout=60, cwd="/")
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        with open(data / "postgresql.conf", "a", encoding="utf-8") as conf:
            conf.write("fsync = off\nmax_connections = 40\nshared_buffers = 16MB\nlisten_addresses = '127.0.0.1'\n"
                       "unix_socket_directories = ''\nmax_wal_senders = 0\nwal_level = minimal\n")
        for _ in range(5):
            self.port = e2e.free_port()
            self.process = world.spawn([*world.as_user(self.user), f"{programs()}/postgres", "-D", data, "-p",
                                        self.port], "postgres.log")
            if wait_until(lambda: "ready to accept" in self.process.text() or not self.process.alive(), 20) and \
                    self.process.alive():
                return
        raise RuntimeError(self.process.text())

    @staticmethod
    def psql(port, *statements, **kwargs):
        kwargs.setdefault("stdin", subprocess.DEVNULL) if "input" not in kwargs else None
        return subprocess.run(["psql", "-X", "-q", "-A", "-t", "-h", "localhost", "-p", str(port), "-U", "app_user",
                               "-d", "postgres", "-v", "ON_ERROR_STOP=1",
                               *(word for s in statements for word in ("-c", s))], capture_output=True,
                              check=False, timeout=60, **kwargs)


class Tunnel:
    """The guide's command, with a port that is free here."""

    def __init__(self, world, node, plugin, remote):
        self.port = e2e.free_port()
        parameters = json.dumps({"host": ["localhost"], "portNumber": [str(remote)],
                                 "localPortNumber": [str(self.port)]})
        self.log = world.dir / f"tunnel-{self.port}.txt"
        with open(self.log, "wb") as out:
            self.p = subprocess.Popen(
                [*e2e.aws_clis()[0][1], "--endpoint-url", world.endpoint, "ssm", "start-session", "--target", node,
                 "--document-name", "AWS-StartPortForwardingSessionToRemoteHost", "--parameters", parameters,
                 "--region", e2e.REGION],
                env=world.env(plugin), stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
        if not wait_until(lambda: "Waiting for connections" in self.log.read_text(), 30, 0.05):
            print(self.log.read_text())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.p.pid, 2)
        try:
            self.p.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.p.pid, 9)


def lines(rows):
    return "".join(f"{i}\t{hashlib.md5(str(i).encode()).hexdigest()}\n" for i in range(1, rows + 1)).encode()


def database(db, port, what, rows_up, rows_down):
    """psql as a person uses it, over the local port."""
    p = db.psql(port, "select current_user || ' ' || 6 * 7")
    if not equal((p.returncode, p.stdout), (0, b"app_user 42\n"), f"{what}: a query"):
        print(p.stderr.decode())
        return
    p = db.psql(port, f"copy (select i, md5(i::text) from generate_series(1, {rows_down}) i) to stdout")
    equal((p.returncode, p.stdout == lines(rows_down)), (0, True),
          f"{what}: COPY to here, {len(p.stdout) // 1000} kB")
    table = f"t_{port}"
    p = db.psql(port, f"create table {table} (i int, hash text); copy {table} from stdin", input=lines(rows_up))
    got = db.psql(port, f"select count(*), md5(string_agg(i || hash, ',' order by i)) from {table}").stdout.decode()
    want = hashlib.md5(lines(rows_up).decode().rstrip("\n").replace("\t", "").replace("\n", ",").encode()).hexdigest()
    equal((p.returncode, got.strip()), (0, f"{rows_up}|{want}"),
          f"{what}: COPY from here, {len(lines(rows_up)) // 1000} kB")
    at_once(db, port, what)
    p = db.psql(port, "select no_such_column")
    ok(p.returncode != 0 and b"no_such_column" in p.stderr, f"{what}: an error is the database's own")


def at_once(db, port, what):
    """Connections that wait for one another: they have to be open at the same time."""
    count, got = 8, []
    db.psql(port, f"create table meet_{port} (n int)")

    def one(n):
        got.append(db.psql(port, f"insert into meet_{port} values ({n})", f"""
            do $$ begin
              for i in 1..600 loop
                if (select count(*) from meet_{port}) = {count} then return; end if;
                perform pg_sleep(0.05);
              end loop;
              raise 'not all came';
            end $$""").returncode)
    threads = [threading.Thread(target=one, args=(n,)) for n in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    equal(got, [0] * count, f"{what}: {count} connections that see one another")


def by_forward(world, db):
    log = world.dir / "forward.txt"
    with open(log, "wb") as out:
        p = subprocess.Popen([world.bin / "sallyport", "forward", "db-gate", f"0:localhost:{db.port}"],
                             env=world.env(), stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    found = wait_until(lambda: re.search(r"forwarding 127\.0\.0\.1:(\d+) to", log.read_text()), 20, 0.05)
    database(db, int(found.group(1)), "sallyport forward", ROWS, ROWS)
    p.terminate()
    equal(p.wait(10), 0, "sallyport forward: it ends")


def main():
    if programs() is None or shutil.which("psql") is None:
        e2e.skip("PostgreSQL is not installed")
        ok(True, "no database to reach")
        e2e.finish()
    plugins = ["ours"] + (["stock"] if e2e.STOCK_PLUGIN else [])
    with e2e.World("postgres") as world, stock.beside(world) as nodes:
        nodes = {"ours": world.agent("db-gate")[0], **nodes}
        db = Postgres(world)
        for agents, node in nodes.items():
            for plugin in plugins:
                with Tunnel(world, node, plugin, db.port) as t:
                    database(db, t.port, f"{plugin} plugin, {agents} agent",
                             ROWS // 12 if plugin == "stock" else ROWS, ROWS // 12 if agents == "stock" else ROWS)
        by_forward(world, db)
    e2e.finish()


if __name__ == "__main__":
    main()

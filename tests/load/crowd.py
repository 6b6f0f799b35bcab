# SPDX-License-Identifier: Apache-2.0
"""Many agents and many people at one server: load_fleet and load_people in the background."""
import subprocess
import threading
import time

from e2e import REGION
from rig import LOAD

EACH = 4000  # agents of one process: its descriptors, two for each while it connects


class Fleet:
    """Agents, and when how many of them were online."""

    def __init__(self, world, count):
        self.count = count
        self.nodes = []
        self.online = {}
        self.children = []
        self.changed = threading.Condition()
        parts = -(-count // EACH)
        for i in range(parts):
            size = count // parts + (i < count % parts)
            codes = [x for _ in range(0, size, 1000) for x in world.activation(limit=1000)]
            child = subprocess.Popen([LOAD / "load_fleet", world.endpoint, str(world.ca), REGION, str(size), *codes],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            self.children.append(child)
            threading.Thread(target=self._read, args=(child,), daemon=True).start()

    def _read(self, child):
        for line in child.stdout:
            words = line.split()
            with self.changed:
                if words[0] == "nodes":
                    self.nodes += words[1:]
                else:
                    self.online[child.pid] = int(words[1])
                self.changed.notify_all()

    def total(self):
        return sum(self.online.values())

    def wait(self, condition, seconds):
        """Seconds until condition(); None when it did not come true in time."""
        began = time.monotonic()
        with self.changed:
            return time.monotonic() - began if self.changed.wait_for(condition, seconds) else None

    def wait_online(self, seconds):
        return self.wait(lambda: self.total() == self.count and len(self.nodes) == self.count, seconds)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for child in self.children:
            child.kill()
            child.wait()


class People:
    """Sessions on these nodes, in which people type."""

    def __init__(self, world, nodes, count, keys_a_minute, seconds):
        self.child = subprocess.Popen(
            [LOAD / "load_people", str(count), str(keys_a_minute), str(seconds), *nodes], env=world.env(),
            stdout=subprocess.PIPE, text=True)

    def ready(self):
        """Seconds that it took to open all of them."""
        words = self.child.stdout.readline().split()
        if not words:
            raise RuntimeError("load_people ended")
        return float(words[1])

    def result(self):
        """The counts by name; times in microseconds."""
        words = self.child.stdout.readline().split()
        if not words:
            raise RuntimeError("load_people ended")
        return {k: int(v) for k, v in zip(words[::2], words[1::2])}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()

# SPDX-License-Identifier: Apache-2.0
"""What processes really use of memory and processors, from /proc."""
import os


def rollup(pid):
    """KiB by name, of one process."""
    values = {}
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        for line in f.readlines()[1:]:
            name, rest = line.split(":")
            values[name] = int(rest.split()[0])
    return values


def memory(pids):
    """(private, rss) in KiB, summed."""
    private = rss = 0
    for pid in pids:
        m = rollup(pid)
        private += m["Private_Clean"] + m["Private_Dirty"]
        rss += m["Rss"]
    return private, rss


def _parent(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        return int(f.read().rpartition(")")[2].split()[1])


def family(pid, only=None):
    """pid and its descendants; only: those whose program has this name."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                parents[int(entry)] = _parent(entry)
            except (OSError, IndexError, ValueError):
                pass
    found, todo = [], [pid]
    while todo:
        p = todo.pop()
        todo += [k for k, v in parents.items() if v == p]
        try:
            exe = os.path.basename(os.readlink(f"/proc/{p}/exe")).replace(" (deleted)", "")
        except OSError:
            continue
        if only is None or exe in only:
            found.append(p)
    return found


def cpu_seconds(pids):
    """Processor time of these processes until now, in user and kernel mode; of those that are gone, none."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
                fields = f.read().rpartition(")")[2].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")

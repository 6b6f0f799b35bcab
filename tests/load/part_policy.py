# SPDX-License-Identifier: Apache-2.0
"""What a decision of the policy engine costs."""
import subprocess

from rig import LOAD, row

WHAT = {
    "allowed_us": "a decision, allowed by the last of 20 statements",
    "refused_us": "a decision, allowed by none",
    "traced_us": "the same with every statement that applies",
    "parsed_us": "for comparison: parsing the four policies",
}


def policy():
    out = subprocess.run([LOAD / "load_policy"], check=True, stdout=subprocess.PIPE, text=True).stdout
    for line in out.splitlines():
        name, us = line.split()
        limited = name in ("allowed_us", "refused_us")
        row(WHAT[name], f"{float(us):.2f} us", "< 5 us" if limited else None, limited and float(us) >= 5)

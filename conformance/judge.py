"""Judges the report of the Autobahn test suite: python2.7 judge.py <index.json> <number of cases>

Strict: NON-STRICT counts as a failure, and so does a case that was left out. INFORMATIONAL is the suite's word for a case
in which every behaviour is right (7.1.6, 7.13.1 and 7.13.2).
"""
import json
import sys

PASSED = ("OK", "INFORMATIONAL")


def main(path, wanted):
    with open(path) as report:
        cases = json.load(report)["headcount"]
    failed = sorted(
        (case, found) for case, found in cases.items()
        if found["behavior"] not in PASSED or found["behaviorClose"] not in PASSED
    )
    for case, found in failed:
        sys.stderr.write("%s: %s, close %s\n" % (case, found["behavior"], found["behaviorClose"]))
    sys.stderr.write("%d cases, %d failed\n" % (len(cases), len(failed)))
    return 1 if failed or len(cases) != int(wanted) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

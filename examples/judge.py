#!/usr/bin/env python3
"""Converts, replays and compares every real-data case; exits 1 when one differs.

    judge.py --wayline target/release/wayline --data DATA [--expected DATA/expected] [--only q1 …]

`--dry-run` prints the commands instead. What the folders must hold stands in the tables below.
"""

import argparse
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

HERE = Path(__file__).resolve().parent

# Data set → its file.
SOURCES = {
    "retailrocket": "retailrocket_odd.csv.gz",
    "medical": "medical_appointments_10pct.csv.gz",
    "cdnow": "cdnow_sample.txt.gz",
    "onlineretail": "online_retail_mod10.csv.gz",
}
CDNOW_END = "1998-06-30T12:00:00Z"
RETAIL_END = "2011-12-09T12:50:00Z"

# `shape` is the case of compare.py; `until` the end of the record, where it matters.
Case = namedtuple("Case", "workspace dataset shape expected until", defaults=(None,))
CASES = (
    Case("abandoned_cart/base", "retailrocket", "abandoned_cart", "a1_rr_odd_B.csv.gz"),
    Case("abandoned_cart/enter_once", "retailrocket", "abandoned_cart", "a1_rr_odd_F.csv.gz"),
    Case("abandoned_cart/no_restart", "retailrocket", "abandoned_cart", "a1_rr_odd_N.csv.gz"),
    Case("abandoned_cart/capped", "retailrocket", "abandoned_cart", "a1_rr_odd_C.csv.gz"),
    Case("abandoned_cart/quiet_hours", "retailrocket", "abandoned_cart", "a1_rr_odd_D.csv.gz"),
    Case("abandoned_cart/three_steps", "retailrocket", "abandoned_cart", "a1_rr_odd_E.csv.gz"),
    Case("appointments/q1", "medical", "appointments", "a2_medical_shared_Q1_21_08.csv.gz"),
    Case("appointments/q2", "medical", "appointments", "a2_medical_shared_Q2_20_10.csv.gz"),
    Case("appointments/q1_capped", "medical", "appointments", "a2_medical_shared_Q1cap.csv.gz"),
    Case("winback/30", "cdnow", "winback", "a3_cdnow_sample_N30.csv.gz", CDNOW_END),
    Case("winback/60", "cdnow", "winback", "a3_cdnow_sample_N60.csv.gz", CDNOW_END),
    Case("winback/90", "cdnow", "winback", "a3_cdnow_sample_N90.csv.gz", CDNOW_END),
    Case("winback_retail/30", "onlineretail", "winback_retail",
         "a3b_onlineretail_shared_N30.csv.gz", RETAIL_END),
    Case("winback_retail/60", "onlineretail", "winback_retail",
         "a3b_onlineretail_shared_N60.csv.gz", RETAIL_END),
)


class Runner:
    """Runs a command, or prints it."""

    def __init__(self, dry):
        self.dry = dry

    def __call__(self, *command):
        command = [str(part) for part in command]
        if self.dry:
            print(" ".join(command))
            return True
        return subprocess.run(command, check=False).returncode == 0


def judge(case, run, arguments):
    """Replays one case and compares it."""
    out = arguments.out / case.workspace
    replay = [arguments.wayline, "replay", "--workspace", HERE / case.workspace,
              "--input", arguments.out / f"{case.dataset}.ndjson.gz", "--out", out]
    if case.until:
        replay += ["--until", case.until]
    print(f"== {case.workspace}", flush=True)
    compare = (sys.executable, HERE / "compare.py", case.shape, out / "messages.csv",
               arguments.expected / case.expected)
    return run(*replay) and run(*compare)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n", 1)[0],
        epilog="files: " + ", ".join((*SOURCES.values(), *(case.expected for case in CASES))),
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the data sets")
    parser.add_argument("--expected", type=Path, help="folder with the lists (default DATA/expected)")
    parser.add_argument("--wayline", type=Path, default=Path("target/release/wayline"))
    parser.add_argument("--out", type=Path, default=Path("out/judge"))
    parser.add_argument("--only", nargs="*", default=[], help="parts of the names of the cases to run")
    parser.add_argument("--dry-run", action="store_true", help="print the commands")
    arguments = parser.parse_args()
    arguments.expected = arguments.expected or arguments.data / "expected"
    run = Runner(arguments.dry_run)
    cases = [case for case in CASES
             if not arguments.only or any(part in case.workspace for part in arguments.only)]
    arguments.out.mkdir(parents=True, exist_ok=True)
    for dataset in sorted({case.dataset for case in cases}):
        converted = arguments.out / f"{dataset}.ndjson.gz"
        if not run(sys.executable, HERE / "convert.py", dataset,
                   arguments.data / SOURCES[dataset], converted):
            sys.exit(f"{dataset}: could not be converted")
    different = [case.workspace for case in cases if not judge(case, run, arguments)]
    print(f"{len(cases) - len(different)} of {len(cases)} cases equal"
          + (f"; different: {', '.join(different)}" if different else ""))
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()

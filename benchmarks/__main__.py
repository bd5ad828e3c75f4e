"""``python -m benchmarks NAME``: run one benchmark."""

from __future__ import annotations

import argparse
import sys

from benchmarks import spans, speed

_BENCHMARKS = {"speed": speed, "spans": spans}


def main() -> int:
    """Run the benchmark that the command line names; 1 if it misses a bar."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="name", required=True)
    for name, module in _BENCHMARKS.items():
        module.add_arguments(
            commands.add_parser(name, description=module.__doc__, help=(module.__doc__ or "").split("\n")[0])
        )
    args = parser.parse_args()
    return int(_BENCHMARKS[args.name].run(args))


if __name__ == "__main__":
    sys.exit(main())

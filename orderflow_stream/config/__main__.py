"""`python -m orderflow_stream.config` prints the README's table; with `example`, the file config.example.toml."""

import sys

from orderflow_stream.config.describe import example, markdown


def main(arguments: list[str]) -> int:
    """Print what `arguments` ask for; 0, or 2 for anything else than nothing, `table` or `example`."""
    match arguments:
        case [] | ["table"]:
            sys.stdout.write(markdown())
        case ["example"]:
            sys.stdout.write(example())
        case _:
            sys.stderr.write("usage: python -m orderflow_stream.config [table|example]\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

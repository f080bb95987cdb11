"""`python -m soak.guided SURFACE SEED RUNS FOLDER`: one surface under atheris (libFuzzer), in a process of its own.

Exit code 0 after that many runs without a crash; otherwise libFuzzer's, with the input that did it in `.cache/`. FOLDER
takes the inputs that it begins with and finds.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]

with atheris.instrument_imports(
    include=["orderflow_stream.venues", "orderflow_stream.core.units", "tests.fuzz.checks"]
):
    from tests.fuzz import checks

from tests.fuzz import inputs


def main(surface: str, seed: str, runs: str, folder: str) -> None:
    """Never returns: libFuzzer ends the process."""
    check = checks.BYTES[surface]
    for number, data in enumerate(inputs.seeds()):
        (Path(folder) / f"{number:04}").write_bytes(data)
    kept = Path(__file__).parents[1] / ".cache"
    kept.mkdir(exist_ok=True)

    def one(data: bytes) -> None:
        check(data)

    options = [f"-atheris_runs={runs}", f"-seed={seed}", "-max_len=4096", f"-artifact_prefix={kept}/fuzz-{surface}-"]
    atheris.Setup([sys.argv[0], *options, folder], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])

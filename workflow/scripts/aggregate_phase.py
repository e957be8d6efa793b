"""Put all cells of a phase diagram into one table."""

import json
import sys

from blindmatch.phase import gather_phases
from blindmatch.script import one_sentence
from blindmatch.storage import write_table

if __name__ == "__main__":
    with open(snakemake.log[0], "w", buffering=1) as sys.stderr, one_sentence():
        phase = json.loads(snakemake.params.phase)
        rows = gather_phases(snakemake.input, draws=phase["draws"])
        solver = json.loads(snakemake.params.solver)
        metadata = {**phase, "phase": snakemake.wildcards.phase, "time_limit": solver["time_limit"]}
        write_table(snakemake.output[0], rows, metadata)

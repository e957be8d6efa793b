"""Write what the jobs took, and on which machine and with what this was put together."""

import os

from blindmatch.machine import describe_machine
from blindmatch.provenance import text_digest
from blindmatch.run_times import Table, gather_run_times, write_page
from blindmatch.script import canonical, logged, one_sentence

if __name__ == "__main__":
    with logged(snakemake.log[0]), one_sentence():
        run_times = gather_run_times(snakemake.params.benchmarks)
        facts = {
            **describe_machine(os.environ["BLINDMATCH_ROOT"]),
            "seed": snakemake.config["seed"],
            "configuration": text_digest(canonical(snakemake.config)),
        }
        rows = [{"name": name, "value": value} for name, value in facts.items()]
        machine = Table(("name", "value"), rows)
        run_times.write_csv(snakemake.output.run_times)
        machine.write_csv(snakemake.output.machine)
        write_page(
            snakemake.output.page,
            {"Run times and memory": run_times, "Machine and versions": machine},
        )

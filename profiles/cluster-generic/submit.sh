#!/usr/bin/env bash
# Hands one job to the scheduler and prints its id, and nothing else.
set -euo pipefail
cores=$1 megabytes=$2 minutes=$3 gpus=$4 name=$5 script=$6
mkdir -p logs/cluster

# PBS: qsub -N "$name" -o logs/cluster/ -j oe -l walltime=00:"$minutes":00 \
#        -l select=1:ncpus="$cores":mem="${megabytes}mb":ngpus="$gpus" "$script"
# LSF: bsub -J "$name" -o "logs/cluster/$name-%J.log" -W "$minutes" -n "$cores" -R "span[hosts=1]" \
#        -M "${megabytes}MB" -gpu "num=$gpus" < "$script" | grep -o '[0-9]\+' | head -1
options=()
if [ "$gpus" -gt 0 ]; then options+=(--gres="gpu:$gpus"); fi
sbatch --parsable --job-name="$name" --output="logs/cluster/$name-%j.log" \
  --ntasks=1 --cpus-per-task="$cores" --mem="${megabytes}M" --time="$minutes" \
  "${options[@]}" "$script" | cut -d ';' -f 1

#!/usr/bin/env bash
# Prints how a job stands: running (also when it waits), success or failed.
set -euo pipefail
job=$1

# PBS: qstat -x -f "$job", lines job_state and Exit_status.   LSF: bjobs -noheader -o stat "$job"
if ! state=$(squeue --noheader --states=all --format=%T --jobs="$job" 2>&1); then
  case $state in
    # The scheduler has forgotten the job; the accounting database remembers, where there is one.
    *"Invalid job id"*)
      if ! state=$(sacct --noheader --allocations --format=State --jobs="$job"); then
        echo "status.sh: nobody knows how job $job ended; it is taken for failed" >&2
        state=UNKNOWN
      fi
      ;;
    # It does not answer: no news is not bad news.
    *)
      echo "status.sh: $state" >&2
      state=PENDING
      ;;
  esac
fi
case $state in
  *COMPLETED*) echo success ;;
  *PENDING* | *CONFIGURING* | *RUNNING* | *COMPLETING* | *SUSPENDED* | *REQUEUE*) echo running ;;
  *) echo failed ;;
esac

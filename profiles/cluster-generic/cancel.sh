#!/usr/bin/env bash
# Cancels jobs by their ids.       PBS: qdel "$@"       LSF: bkill "$@"
exec scancel "$@"

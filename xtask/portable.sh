#!/bin/sh
# Stands before rustc for the crates of this workspace (`RUSTC_WORKSPACE_WRAPPER`): takes what is done where there is no Linux.
exec "$@" --cfg headcount_portable

#!/bin/sh
# Measures the server over HTTP on this machine, into bench/results/<date>-NAME.md:
#   bench/http.sh [NAME] [arguments of `wayline-load all`, like --contacts 100000 --runs 1]
# It builds the server and the load generator, starts a fresh server in target/load, and removes its data at the end.
set -eu
cd "$(dirname "$0")/.."
name=http
case "${1:-}" in
  "" | --*) ;;
  *) name=$1; shift ;;
esac
cargo build --release --locked -p wayline-server -p wayline-load
exec target/release/wayline-load all --program target/release/wayline --folder target/load \
  --label "$(date -u +%F)" --name "$name" --commit "$(git rev-parse --short HEAD)" "$@"

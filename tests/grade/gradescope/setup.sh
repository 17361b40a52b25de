#!/usr/bin/env bash
# Gradescope runs this once, when it makes the machine: installs what is needed, and builds the grader.
set -e
apt-get update
DEBIAN_FRONTEND=noninteractive apt-get install -y g++ make catch2
make -C /autograder/source/kit -j2 grader

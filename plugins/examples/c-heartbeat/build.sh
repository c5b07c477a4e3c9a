#!/bin/sh
# The core module: bindings from the contract, then clang. `cargo xtask plugins` runs this and makes a component of it.
#
#   sh build.sh OUT_DIR      writes OUT_DIR/module.wasm
#
# Needs clang, wasm-ld (apt-get install clang lld) and wit-bindgen (cargo install wit-bindgen-cli@0.61.1).
set -eu
out=$1
cd "$(dirname "$0")"
mkdir -p "$out/bindings"
wit-bindgen c --world collector --out-dir "$out/bindings" ../../wit >"$out/wit-bindgen.log"
clang --target=wasm32-unknown-unknown -std=c11 -O2 -ffreestanding -fno-builtin -nostdlib -Wall -Wextra -Werror \
    -Iinclude -I"$out/bindings" -Wl,--no-entry -Wl,--strip-debug -o "$out/module.wasm" \
    src/*.c "$out/bindings/collector.c" "$out/bindings/collector_component_type.o"

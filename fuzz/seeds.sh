#!/usr/bin/env bash
# Fills DIR/fuzz_<target>/ with inputs that are valid, taken from the tests' golden files, for the
# fuzz targets to start from. Usage: fuzz/seeds.sh DIR
set -euo pipefail
to=$1
golden=$(dirname "$0")/../tests/golden
mkdir -p "$to"/fuzz_{config,jinja,mlxfn,npy,safetensors,tokenizer}

cp "$golden"/npy/*.npy "$to/fuzz_npy"
cp "$golden"/export/*.mlxfn "$to/fuzz_mlxfn"
find "$golden/tokenizer" -name '*.json' -size -48k -exec cp {} "$to/fuzz_tokenizer" \;
for folder in "$golden"/llama/*/; do
  name=$(basename "$folder")
  [ ! -f "$folder/config.json" ] || cp "$folder/config.json" "$to/fuzz_config/$name.json"
  # A header's length is its file's first 8 bytes.
  for file in "$folder"/*.safetensors; do
    [ -f "$file" ] || continue
    length=$(od -An -t u8 -N 8 "$file" | tr -d ' ')
    tail -c +9 "$file" | head -c "$length" > "$to/fuzz_safetensors/$name.json" || true
  done
done
# A template, a NUL byte, and the variables.
for file in "$golden"/jinja/*.jinja; do
  { cat "$file"
    printf '\0{"messages": [{"role": "system", "content": "Be kind."}, '
    printf '{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}], '
    printf '"add_generation_prompt": true, "bos_token": "<s>", "eos_token": "</s>"}'
  } > "$to/fuzz_jinja/$(basename "$file")"
done

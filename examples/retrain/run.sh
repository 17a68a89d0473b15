#!/usr/bin/env bash
# From your own files to a model in use, and back: every step of docs/retrain.md on sample data, in a minute or two.
#   examples/retrain/run.sh [FOLDER]      works in FOLDER (default: a new one under the temporary folder)
# MTDETECT names another command than mtdetect, for example "python -m mtdetect".
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
read -r -a mtdetect <<<"${MTDETECT:-mtdetect}"
folder=${1:-$(mktemp -d)}
mkdir -p "$folder"/{examples,training_data,models}
cp -r "$root/examples/retrain" "$folder/examples"
cp "$root/training_data/sample.jsonl" "$folder/training_data"
ln -sfn "$root/models/default" "$folder/models/default"
cd "$folder"
echo "Working in $folder"

run() { # show a command, then run it
    printf '\n$ mtdetect %s\n' "$*"
    "${mtdetect[@]}" "$@"
}

step() { printf '\n== %s\n' "$*"; }

sample=training_data/sample.jsonl pairs=examples/retrain/pairs.jsonl clean=examples/retrain/clean.txt

step "Machine versions of your own text, by Apertium; ready-made pairs where it is not installed"
if command -v apertium >/dev/null; then
    run corpus roundtrip examples/retrain/articles.txt --chain en-es-en --chain en-eo-en -o pairs.jsonl
    pairs=pairs.jsonl
fi

step "Are the rows fit to train on?"
run corpus check "$sample" "$pairs"

step "Train: stopped at any point, the same command goes on"
run train "$sample" "$pairs" --out candidate

step "Measure it on the part that training did not see, beside the shipped model"
run evaluate "$sample" "$pairs" --model candidate --bootstrap 50 --by engine --quiet
run compare models/default candidate "$sample" "$pairs" --bootstrap 50 --by engine --quiet

step "Promote it, unless it is worse (exit code 3)"
run promote models/default --to current
if ! run promote candidate "$sample" "$pairs" --to current --bootstrap 50; then
    run promote candidate --to current --force "to see the rest of the example"
fi

step "Thresholds for your own clean English, without retraining: 1% takes more text than the sample has, 10% does not"
run calibrate --clean "$clean" --model current --out calibrated || echo "exit code $?"
run calibrate --clean "$clean" --model current --out calibrated --false-positive-rate 10%
run promote calibrated --clean "$clean" --to current --max-false-positives 10%
run score "$clean" --split --model current --false-positive-rate 10% -o scores.jsonl --output-format jsonl

step "Back to the model before, twice"
run rollback current
run rollback current
run verify current

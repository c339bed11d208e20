#!/usr/bin/env bash
# Makes the pictures of the README: plays the lesson `read-your-writes`, and photographs the run that breaks, in light and in
# dark colours. Needs Chromium: one of the usual names on the PATH, or CHROMIUM.
#   scripts/pictures.sh             builds the programs first
#   scripts/pictures.sh LAUNCHER    uses this launcher, with branchd and customer-cli beside it
set -euo pipefail
cd "$(dirname "$0")/.."

browser=${CHROMIUM:-}
for name in chromium chromium-browser google-chrome; do
    [ -n "$browser" ] || browser=$(command -v "$name" || true)
done
if [ -z "$browser" ]; then
    echo "no Chromium: install one, or set CHROMIUM to its program" >&2
    exit 1
fi
launcher=${1:-target/release/launcher}
[ $# -gt 0 ] || cargo build --release --locked --workspace --bins

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$launcher" demo read-your-writes --dir "$work/demo" >"$work/said"

# Only the run that breaks is shown: its proof and its picture, without what a reader of the page can click.
shown='<style>
body { padding: 14px 18px; max-width: none; }
header, .how, .tables, .panel, .tools, .overview, .status, .led, .show-proof, details, .runs .run + .run { display: none !important; }
.runs.of-2, .runs.of-2 .run, .runs.of-2 .look { display: block; margin: 0; }
</style></head>'
page="$work/page.html"
awk -v shown="$shown" '!done && sub(/<\/head>/, shown) { done = 1 } { print }' "$work/demo/report.html" >"$page"

mkdir -p docs/pictures
# Blink's setting for the preferred colours: 0 is dark, 1 is light.
for scheme in dark:0 light:1; do
    picture="docs/pictures/read-your-writes-${scheme%:*}.png"
    "$browser" --headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --hide-scrollbars \
        --user-data-dir="$work/profile" --virtual-time-budget=5000 --force-device-scale-factor=1.25 \
        --blink-settings=preferredColorScheme="${scheme#*:}" --window-size=900,590 --screenshot="$PWD/$picture" \
        "file://$page" 2>"$work/browser" >&2 || { cat "$work/browser" >&2; exit 1; }
    echo "$picture: $(wc -c <"$picture") bytes"
done

#!/bin/sh
# SPDX-License-Identifier: ISC
# manpages.sh MIRRORD NAME MIRRORD.1 DIR: the manual, and a page for each command, in DIR, for a program that
# is installed as NAME.
set -e
mirrord=$1 name=$2 manual=$3 out=$4
rm -rf "$out"
mkdir -p "$out"
"$mirrord" help >"$out/usage"
awk -v name="$name" -v out="$out" -f "$(dirname "$0")/manpages.awk" "$out/usage" "$manual"
rm "$out/usage"
cp "$manual" "$out/$name.1.new" # the last: what the build looks for
if [ "$name" != mirrord ]; then
	upper=$(echo "$name" | tr '[:lower:]' '[:upper:]')
	for page in "$out"/*; do
		sed -i "s/^\.Nm mirrord/.Nm $name/; s/^\.Xr mirrord/.Xr $name/; s/^\.Dt MIRRORD/.Dt $upper/
			s/\(Ql \|Dl [\$#] \|command=\"\)mirrord\>/\1$name/g" "$page"
	done
fi
mv "$out/$name.1.new" "$out/$name.1"

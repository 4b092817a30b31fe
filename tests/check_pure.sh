#!/bin/sh
# SPDX-License-Identifier: ISC
# Holds the archive of vt/ to its purity: it calls nothing outside this list (so no fd, no clock, no
# logging), and keeps no writable data of its own (so no globals).
set -eu
archive=$1

allowed='
memcpy memmove memset memcmp memchr memrchr memmem strlen strnlen strcmp strncmp strchr strrchr
malloc calloc realloc reallocarray free abort qsort bsearch snprintf vsnprintf strtoul strtol
__memcpy_chk __memmove_chk __memset_chk __snprintf_chk __vsnprintf_chk __strcpy_chk __strncpy_chk
__stack_chk_fail __assert_fail _GLOBAL_OFFSET_TABLE_
deflate deflateInit_ deflateInit2_ deflateEnd deflateReset deflateSetDictionary deflateGetDictionary
deflateBound deflateTune
deflatePrime deflateParams deflatePending inflate inflateInit_ inflateInit2_ inflateEnd inflateReset
inflateSetDictionary crc32 adler32
'
# By prefix: the two libraries that vt may use, and what sanitizers put in.
prefixes='vterm_|utf8proc_|__asan_|__ubsan_|__tsan_|__sanitizer_|__sancov_|__start___sancov|__stop___sancov'

defined=$(nm --defined-only "$archive" 2>/dev/null | awk 'NF == 3 { print $3 }' | sort -u)
wanted=$(nm -u "$archive" 2>/dev/null | awk '$1 == "U" || $1 == "w" { print $2 }' | sort -u)
bad=0
for symbol in $wanted; do
	echo "$symbol" | grep -qE "^($prefixes)" && continue
	# shellcheck disable=SC2086
	printf '%s\n' $allowed $defined | grep -qxF "$symbol" && continue
	echo "vt/ calls $symbol: it is not pure (tests/check_pure.sh has the list of what it may call)"
	bad=1
done

# Sanitizers add writable data to every object: then only the calls count.
if ! echo "$wanted" | grep -qE '^__(asan|ubsan|tsan|sanitizer)_'; then
	writable=$(size -A "$archive" | awk '
		/:$/ { object = $1 }
		/\(ex / { object = $1 }
		$1 ~ /^\.(data|bss)($|\.[^r])/ && $2 > 0 { print object, $1, $2 }')
	if [ -n "$writable" ]; then
		echo "vt/ has writable globals: $writable"
		bad=1
	fi
fi
[ -n "$wanted" ] || { echo "nothing to check in $archive"; exit 1; }
exit $bad

# SPDX-License-Identifier: ISC
# bash completion for mirrord, which knows itself what may come next.
_mirrord() {
	local cur line at IFS=$' \t\n'
	local -a words
	# --session=NAME is one word to mirrord, and three in COMP_WORDS
	read -ra words <<<"${COMP_LINE:0:COMP_POINT}"
	[[ ${COMP_LINE:0:COMP_POINT} != *[[:blank:]] ]] || words+=('')
	cur=${words[-1]}
	COMPREPLY=()
	while read -r line; do
		case $line in
		:files) compopt -o default ;;
		:hosts) ! declare -F _known_hosts_real >/dev/null || _known_hosts_real -a -- "$cur" ;;
		':command '*)
			if declare -F _command_offset >/dev/null; then
				at=$((${line#:command } + 1))
				line=${words[at]}
				while ((at < ${#COMP_WORDS[@]})) && [[ ${COMP_WORDS[at]} != "$line"* ]]; do ((at++)); done
				_command_offset "$at"
				return
			fi
			mapfile -t COMPREPLY < <(compgen -c -- "$cur")
			;;
		*)
			[[ $line != *= ]] || compopt -o nospace
			# readline replaces what stands behind the last = or : only
			[[ $cur != *[=:]* ]] || line=${line#"${cur%"${cur##*[=:]}"}"}
			COMPREPLY+=("$line")
			;;
		esac
	done < <("${words[0]}" complete -- "${words[@]:1}" 2>/dev/null)
}
complete -F _mirrord mirrord

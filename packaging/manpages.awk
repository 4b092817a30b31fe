# SPDX-License-Identifier: ISC
# A manual page for each command, out of docs/mirrord.1: awk -v name=NAME -v out=DIR -f this USAGE mirrord.1
# USAGE is what `mirrord help` prints: which commands there are, and a line about each. A page has the
# command's part of the synopsis and its items in the list of commands.

# Within a page of a command .Nm would be that page's name.
function line_of(text) {
	sub(/^\.Nm$/, ".Nm mirrord", text)
	sub(/^\.Nm ([^A-Za-z])/, ".Nm mirrord &", text)
	sub(/mirrord \.Nm /, "mirrord ", text)
	sub(/^\.Sx /, ".Em ", text)
	return text "\n"
}

# The commands that a line names: "relay setup" is one of relay's, "lock , unlock" are two. In `named`.
function find_named(from,   i) {
	named = $from in summary ? $from : ""
	for (i = from + 2; named != "" && i <= NF && $(i - 1) ~ /^[,|]$/ && $i in summary; i += 2)
		named = named " " $i
}

function flush_synopsis(   list, i) {
	for (i = split(of, list, " "); i > 0; i--)
		synopsis[list[i]] = synopsis[list[i]] ".Nm mirrord " block
	of = block = ""
}

function add_body(text,   list, i) {
	for (i = split(item, list, " "); i > 0; i--)
		body[list[i]] = body[list[i]] text
}

function add_item(   list, i) {
	for (i = split(item, list, " "); i > 0; i--)
		items[list[i]]++
	add_body($0 "\n")
}

FNR == NR {
	if ($1 == name && $2 ~ /^[a-z]/ && /^  [^ ]/) {
		summary[$2] = $0
		sub(/^ *[^ ]+ [a-z-]+ +/, "", summary[$2])
	}
	next
}

/^\.Dd / { date = $0 }
/^\.Sh / {
	flush_synopsis()
	section = $2
	depth = 0
	item = ""
	next
}

section == "SYNOPSIS" {
	if ($0 == ".Nm") {
		flush_synopsis()
	} else if (of == "" && $1 == ".Cm") {
		find_named(2)
		of = named
		block = substr($0, 2) "\n"
	} else if (of != "") {
		block = block $0 "\n"
	}
	next
}

section == "DESCRIPTION" {
	if ($1 == ".Bl")
		depth++
	if ($1 == ".El" && --depth == 0)
		item = ""
	if (depth == 1 && $1 == ".It") {
		item = ""
		if ($2 == "Cm") {
			find_named(3)
			item = named
		}
		add_item()
	} else if (item != "") {
		add_body(line_of($0))
	}
}

END {
	for (command in summary) {
		if (items[command] == 0)
			continue
		text = body[command]
		if (items[command] == 1)
			text = substr(text, index(text, "\n") + 1)
		else
			text = ".Bl -tag -width Ds\n" text ".El\n"
		page = "mirrord-" command
		file = out "/" name "-" command ".1"
		printf "%s", ".\\\" SPDX-License-Identifier: ISC\n" \
		    ".\\\" Made from mirrord.1, by packaging/manpages.awk.\n" date "\n" \
		    ".Dt " toupper(page) " 1\n.Os\n.Sh NAME\n.Nm " page "\n.Nd " summary[command] "\n" \
		    ".Sh SYNOPSIS\n" synopsis[command] ".Sh DESCRIPTION\n" text \
		    ".Pp\nNames of sessions, files, the environment and exit statuses are in\n.Xr mirrord 1 .\n" \
		    ".Sh SEE ALSO\n.Xr mirrord 1\n" >file
		close(file)
	}
}

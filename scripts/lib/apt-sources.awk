# SPDX-License-Identifier: MIT
# Reads apt's own list of sources, the one-line files (*.list) and the others (*.sources), and writes
# one line per place to get packages from: suite, URI and key file, parted by tabs. Switched-off
# entries and those for source packages are left out; a key that stands in the entry itself, not in
# a file, comes out with "\001" for each line's end.
#
# usage: awk -f apt-sources.awk FILE…
# For any awk: a machine with nothing installed has mawk, and no Python.

function finish_stanza(    types, n_uris, n_suites, uris, suites, i, k) {
	types = " " field["types"] " "
	if (types ~ / deb / && tolower(field["enabled"]) !~ /^(no|false|off|0|without|disable)$/) {
		n_uris = split(field["uris"], uris, " ")
		n_suites = split(field["suites"], suites, " ")
		for (i = 1; i <= n_uris; i++) {
			for (k = 1; k <= n_suites; k++) {
				print suites[k] "\t" uris[i] "\t" field["signed-by"]
			}
		}
	}
	split("", field)
	name = ""
}

function add_field_line(    colon, value) {
	if ($0 ~ /^[ \t]/) {
		value = $0
		sub(/[ \t]+$/, "", value)
		field[name] = field[name] (name == "signed-by" ? "\001" : "") value
		return
	}
	colon = index($0, ":")
	name = tolower(substr($0, 1, colon - 1))
	value = substr($0, colon + 1)
	gsub(/^[ \t]+|[ \t]+$/, "", value)
	field[name] = value
}

function print_one_line_entry(    options, key, i) {
	if ($0 !~ /^[ \t]*deb[ \t]/) {
		return
	}
	key = ""
	if (match($0, /\[[^]]*\]/)) {
		options = substr($0, RSTART + 1, RLENGTH - 2)
		$0 = substr($0, 1, RSTART - 1) " " substr($0, RSTART + RLENGTH)
		gsub(/,/, " ", options)
		if (match(options, /signed-by=[^ \t]+/)) {
			key = substr(options, RSTART + 10, RLENGTH - 10)
		}
	}
	print $3 "\t" $2 "\t" key
}

FNR == 1 {
	finish_stanza()
	is_stanzas = FILENAME ~ /\.sources$/
}
/^#/ { next }
!is_stanzas { print_one_line_entry(); next }
/^[ \t]*$/ { finish_stanza(); next }
{ add_field_line() }
END { finish_stanza() }

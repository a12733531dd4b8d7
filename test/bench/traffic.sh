# One path from a client to PostgreSQL: a client that connects anew for each statement, and a writer that keeps its session.
# Arguments: the path's name, host, port, database. After each statement FOLDER/NAME.connect and FOLDER/NAME.write hold four numbers: what
# went well, what failed (connections refused; sessions lost), the longest time in ms between two successes, requests
# answered to reset it. A file FOLDER/NAME.reset, newer than the last one seen, starts the longest time again.
name=$1 host=$2 port=$3 database=$4 folder=/tmp/traffic
mkdir -p "$folder"
now() { echo $((${EPOCHREALTIME/./} / 1000)); }
connect="psql -qAtX -v ON_ERROR_STOP=1 -h $host -p $port -U postgres -d $database"

# tally KIND good|bad: counts one more, and measures the time since the last good one.
good=0 bad=0 longest=0 last=$(now) resets=0
tally() {
	local t; t=$(now)
	if [ "$2" = good ]; then
		((t - last > longest)) && longest=$((t - last))
		last=$t good=$((good + 1))
	else
		bad=$((bad + 1))
	fi
	local asked; asked=$(cat "$folder/$name.reset" 2>/dev/null || echo 0)
	if [ "$asked" != "$resets" ]; then resets=$asked longest=0; fi
	echo "$good $bad $longest $resets" >"$folder/$name.$1.new" && mv "$folder/$name.$1.new" "$folder/$name.$1"
}

connecting() {
	while [ ! -e "$folder/stop" ]; do
		if $connect -c 'select 1' >/dev/null 2>>"$folder/$name.errors"; then tally connect good; else tally connect bad; fi
		sleep 0.1
	done
}

writing() {
	while [ ! -e "$folder/stop" ]; do
		while [ ! -e "$folder/stop" ]; do echo "insert into bench_writes default values returning 1;"; sleep 0.05; done |
			$connect 2>>"$folder/$name.errors" | while read -r _; do tally write good; echo "$good $last $longest $resets" >"$folder/$name.state"; done
		# The loop above ran in a process of its own: take over what it counted. The next success tells how long it was away.
		read -r good last longest resets <"$folder/$name.state" || true
		[ -e "$folder/stop" ] || tally write bad
		sleep 0.05
	done
}

connecting &
writing

# One path from a client to PostgreSQL: a client that connects anew for each statement, and a writer that keeps its session.
# Arguments: the path's name and the connection string. After each statement FOLDER/NAME.connect and FOLDER/NAME.write hold four
# numbers: what went well, what failed (connections refused; sessions lost), the longest time in ms between two successes,
# the last request to start that time again, which is the content of FOLDER/NAME.reset. What psql said of failures is in
# FOLDER/NAME.errors. FOLDER/NAME.stop ends both clients; FOLDER/NAME.running is there until
# they have ended.
#
# What is done for each statement is done by the shell itself, but for psql: a process for each little thing would take more
# of the machine than the servers do.
name=$1 dsn=$2 folder=/tmp/traffic
exec {never}<> <(:) # nothing is ever written to it
pause() { read -rt "$1" -u "$never" || true; }
client() { psql -qAtX -v ON_ERROR_STOP=1 -d "$dsn" "$@" 2>>"$folder/$name.errors"; }
going() { [ ! -e "$folder/$name.stop" ]; }

# tally KIND good|bad: counts one more, and measures the time since the last good one. The file is written over in one go, so
# whoever reads it finds whole numbers.
good=0 bad=0 longest=0 last=$((${EPOCHREALTIME/./} / 1000)) resets=0
tally() {
	local now=$((${EPOCHREALTIME/./} / 1000)) asked=
	if [ "$2" = good ]; then
		((now - last > longest)) && longest=$((now - last))
		last=$now good=$((good + 1))
	else
		bad=$((bad + 1))
	fi
	if [ -e "$folder/$name.reset" ]; then read -r asked <"$folder/$name.reset"; fi
	if [ "${asked:=$resets}" != "$resets" ]; then resets=$asked longest=0; fi
	printf '%-79s\n' "$good $bad $longest $resets" 1<>"$folder/$name.$1"
}

connecting() {
	while going; do
		if client -c 'select 1' >/dev/null; then tally connect good; else tally connect bad; fi
		pause 0.1
	done
}

writing() {
	while going; do
		while going; do echo "insert into traffic_writes default values returning 1;"; pause 0.05; done |
			client | while read -r _; do tally write good; echo "$good $last $longest $resets" >"$folder/$name.state"; done
		# The loop above ran in a process of its own: take over what it counted. The next success tells how long it was away.
		read -r good last longest resets <"$folder/$name.state" || true
		going && tally write bad
		pause 0.05
	done
}

: >"$folder/$name.running"
connecting &
writing
wait
rm -f "$folder/$name.running"

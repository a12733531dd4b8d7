package postgres

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/pgconf"
	"github.com/matriarchdb/matriarch/internal/database"
)

// agentOwned are the parameters that say where files are and whom a standby follows: the agent sets them, per member.
var agentOwned = []string{
	"data_directory", "config_file", "hba_file", "ident_file", "external_pid_file", "cluster_name",
	"primary_conninfo", "primary_slot_name", "promote_trigger_file",
}

// reserved finds the parameters that a user cannot set.
func reserved(user *conf.Settings) conf.Problems {
	var problems conf.Problems
	for s := range user.All() {
		if slices.Contains(agentOwned, conf.FoldName(s.Name)) {
			problems = append(problems, conf.Problem{Line: s.Line, Name: s.Name, Value: s.Value,
				Message: "the operator sets this for each member; remove it"})
		}
	}
	return problems
}

// combinations finds what each server would accept line by line and die of at its start, or what would keep standbys
// from following (knowledge of PostgreSQL's startup checks: postmaster.c, xlog.c).
func combinations(in ConfigInput, s *conf.Settings) conf.Problems {
	var problems conf.Problems
	find := func(name, message string) {
		value, _ := s.Get(name)
		problems = append(problems, conf.Problem{Name: name, Value: value, Message: message})
	}
	if is(s, "wal_level", "minimal") {
		find("wal_level", "standbys and archiving need at least replica")
	}
	if buffers, ok := bytesOf(s, "shared_buffers"); ok && in.MemoryLimit > 0 && buffers >= in.MemoryLimit {
		find("shared_buffers", fmt.Sprintf("the server's container has only %s of memory (its limit); the server would not start",
			kilobytes(in.MemoryLimit/kiB)))
	}
	if n, ok := number(s, "max_wal_senders"); ok && n < int(in.followers()) {
		find("max_wal_senders", fmt.Sprintf("%d members need at least %d", in.followers(), in.followers()))
	}
	if names, ok := s.Get("synchronous_standby_names"); ok && countsReadReplicas(names, in.ReadReplicas) {
		find("synchronous_standby_names", "it would count read replicas, which are asynchronous; name the members that can become primary")
	}
	if n, ok := number(s, "max_replication_slots"); ok && n < len(slotted(in))-1 {
		find("max_replication_slots", fmt.Sprintf("the slots of %d members need at least %d", in.followers(), in.followers()-1))
	}
	connections, haveConnections := number(s, "max_connections")
	reserve, haveReserve := number(s, "superuser_reserved_connections")
	if haveConnections && haveReserve && reserve >= connections {
		find("superuser_reserved_connections", fmt.Sprintf("it must be less than max_connections, which is %d", connections))
	}
	if is(s, "fsync", "off") {
		problems = append(problems, conf.Problem{Name: "fsync", Value: "off", Warning: true,
			Message: "a crash of the machine can destroy the database"})
	}
	return problems
}

// countsReadReplicas tells whether a list of synchronous standbys means read replicas, too: they go by their pods' names.
func countsReadReplicas(names string, groups []database.Group) bool {
	return slices.ContainsFunc(groups, func(g database.Group) bool {
		return strings.Contains(names, "*") || slices.ContainsFunc(podNames(g), func(pod string) bool { return strings.Contains(names, `"`+pod+`"`) })
	})
}

// podNames are the names of a group's pods.
func podNames(g database.Group) []string {
	names := make([]string, g.Replicas)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%d", g.PetSet, i)
	}
	return names
}

func is(s *conf.Settings, name, value string) bool {
	have, found := s.Get(name)
	return found && have == value
}

// bytesOf reads a size that is counted in pages of 8 kB.
func bytesOf(s *conf.Settings, name string) (int64, bool) {
	text, found := s.Get(name)
	if !found {
		return 0, false
	}
	const page = "8kB"
	n, err := pgconf.ParseInt(text, page)
	return n * 8 * kiB, err == nil
}

func number(s *conf.Settings, name string) (int, bool) {
	text, found := s.Get(name)
	if !found {
		return 0, false
	}
	n, err := strconv.Atoi(text)
	return n, err == nil
}

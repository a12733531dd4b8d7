package catalog

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/matriarchdb/matriarch/internal/conf/catalog/table"
)

// server is what the data files say about one server.
type server struct {
	name string
	// numbers of a version that make a release.
	numbers  int
	table    table.Table
	measured []release
	// began says, for releases between two measured ones, with which release the
	// later one's facts of a name began: by name, all releases named.
	began map[string][]release
}

var (
	//go:embed data/postgres.tsv
	postgresTable string
	//go:embed data/pgpool.tsv
	pgpoolTable string
	//go:embed data/pgpool.releases
	pgpoolReleases string
	//go:embed data/pgbouncer.tsv
	pgbouncerTable string
	//go:embed data/pgbouncer.releases
	pgbouncerReleases string
)

var (
	postgresServer  = sync.OnceValue(func() *server { return read("PostgreSQL", 1, postgresTable, "") })
	pgpoolServer    = sync.OnceValue(func() *server { return read("Pgpool-II", 2, pgpoolTable, pgpoolReleases) })
	pgbouncerServer = sync.OnceValue(func() *server { return read("PgBouncer", 2, pgbouncerTable, pgbouncerReleases) })
)

// read panics for a bad data file: it is part of the program.
func read(name string, numbers int, text, releases string) *server {
	s := &server{name: name, numbers: numbers, began: map[string][]release{}}
	var err error
	if s.table, err = table.Parse(text); err != nil {
		panic(fmt.Sprintf("catalog: the table of %s: %v", name, err))
	}
	for _, version := range s.table.Versions {
		s.measured = append(s.measured, s.mustRelease(version))
	}
	for line := range strings.Lines(releases) {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		for _, word := range words[1:] {
			s.began[word] = append(s.began[word], s.mustRelease(words[0]))
		}
	}
	return s
}

func (s *server) mustRelease(version string) release {
	r, err := parseRelease(version, s.numbers)
	if err != nil {
		panic(fmt.Sprintf("catalog: the data of %s: %v", s.name, err))
	}
	return r
}

// catalog returns what is known of one version.
func (s *server) catalog(version string) (*Catalog, error) {
	r, err := parseRelease(version, s.numbers)
	if err != nil {
		return nil, fmt.Errorf("finding the parameters of %s: %w", s.name, err)
	}
	first, last := s.measured[0], s.measured[len(s.measured)-1]
	if r.less(first) || last.less(r) {
		return nil, fmt.Errorf("finding the parameters of %s: known are versions %s to %s, not %s",
			s.name, s.table.Versions[0], s.table.Versions[len(s.table.Versions)-1], version)
	}
	c := &Catalog{server: s, version: version, parameters: map[string]fact{}}
	after := slices.IndexFunc(s.measured, func(m release) bool { return !m.less(r) })
	if s.measured[after] == r {
		for name, facts := range s.table.At(s.table.Versions[after]) {
			c.parameters[c.key(name)] = fact{Facts: facts}
		}
		s.gaps(c, after)
		return c, nil
	}
	for name, f := range s.between(after, r) {
		c.parameters[c.key(name)] = f
	}
	return c, nil
}

package tls_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/matriarchdb/matriarch/internal/tls"
	"github.com/matriarchdb/matriarch/internal/tls/tlstest"
)

// world is one state of everything: what the issuer made, what is published, and what each party holds.
type world struct {
	issued  string
	changes int // how often the issuer may still change its mind
	public  string
	held    [2]string // index of a set; empty: not there yet
}

// machine runs Next over all orders of events. Sets are kept by name, so that worlds can be compared.
type machine struct {
	t       *testing.T
	issues  map[string]tls.Set // what the issuer may make
	sets    map[string]tls.Set // everything that was ever published
	trusted map[[2]string]bool
	known   map[question]answer
}

// question and answer are one call of Next: signatures are slow to check.
type question struct {
	public, issued string
	taken          bool
}
type answer struct {
	public  string
	settled bool
}

func (m *machine) keep(s tls.Set) string {
	files := s.Files()
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(sum, "%s %x\n", name, sha256.Sum256(files[name]))
	}
	key := fmt.Sprintf("%x", sum.Sum(nil))
	m.sets[key] = s
	return key
}

// trusts tells whether a holder of one set accepts the certificates that the holder of another shows.
func (m *machine) trusts(verifier, shows string) bool {
	key := [2]string{verifier, shows}
	if ok, known := m.trusted[key]; known {
		return ok
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(m.sets[verifier].CA)
	ok := true
	for _, pair := range m.sets[shows].Pairs {
		block, _ := pem.Decode(pair.Cert)
		leaf, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			m.t.Fatal(err)
		}
		_, err = leaf.Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		ok = ok && err == nil
	}
	m.trusted[key] = ok
	return ok
}

// step is what the operator does: it may be called at any time and as often as it likes.
func (m *machine) step(w world) (world, bool) {
	taken := true
	for _, held := range w.held {
		taken = taken && (held == "" || held == w.public)
	}
	q := question{w.public, w.issued, taken}
	a, known := m.known[q]
	if !known {
		next, settled := tls.Next(m.sets[w.public], m.issues[w.issued], taken)
		a = answer{m.keep(next), settled}
		m.known[q] = a
	}
	w.public = a.public
	return w, a.settled
}

// after returns every world that one event leads to.
func (m *machine) after(w world) []world {
	next, _ := m.step(w)
	worlds := []world{next}
	for i := range w.held {
		took := w
		took.held[i] = w.public
		worlds = append(worlds, took)
		gone := w
		gone.held[i] = "" // its pod goes; a new one begins with what is published
		worlds = append(worlds, gone)
	}
	if w.changes > 0 {
		for name := range m.issues {
			changed := w
			changed.issued, changed.changes = name, w.changes-1
			worlds = append(worlds, changed)
		}
	}
	return worlds
}

// settles lets everybody do what they do until nothing is left to do.
func (m *machine) settles(w world) bool {
	for range 10 {
		var settled bool
		if w, settled = m.step(w); settled {
			want := m.issues[w.issued]
			return string(m.sets[w.public].CA) == string(want.CA) && maps.EqualFunc(m.sets[w.public].Pairs, want.Pairs,
				func(a, b tls.Pair) bool { return string(a.Cert) == string(b.Cert) })
		}
		for i := range w.held {
			w.held[i] = w.public
		}
	}
	return false
}

func TestNoTwoPartiesEverDistrustEachOther(t *testing.T) {
	t.Parallel()
	a, b, c := tlstest.NewAuthority(t, "a"), tlstest.NewAuthority(t, "b"), tlstest.NewAuthority(t, "c")
	mixed := tls.Of(map[string]tls.Issued{
		tls.Server: a.Issue(t, tlstest.Leaf{}), tls.Client: b.Issue(t, tlstest.Leaf{CommonName: "postgres"}),
	})
	m := &machine{t: t, sets: map[string]tls.Set{}, trusted: map[[2]string]bool{}, known: map[question]answer{}, issues: map[string]tls.Set{
		"a": a.Set(t, "postgres"), "a renewed": a.Set(t, "postgres"), "b": b.Set(t, "postgres"), "c": c.Set(t, "postgres"), "mixed": mixed,
	}}
	seen := map[world]bool{}
	frontier := []world{{issued: "a", changes: 3, public: m.keep(m.issues["a"])}}
	for len(frontier) > 0 {
		w := frontier[len(frontier)-1]
		frontier = frontier[:len(frontier)-1]
		if seen[w] {
			continue
		}
		seen[w] = true
		// Whoever starts now joins with what is published.
		parties := slices.DeleteFunc([]string{w.held[0], w.held[1], w.public}, func(held string) bool { return held == "" })
		for _, one := range parties {
			for _, other := range parties {
				if !m.trusts(one, other) {
					t.Fatalf("a party distrusts another in the world %+v", w)
				}
			}
		}
		frontier = append(frontier, m.after(w)...)
	}
	for w := range seen {
		if !m.settles(w) {
			t.Fatalf("the world %+v does not settle", w)
		}
	}
	t.Logf("%d worlds", len(seen))
}

func TestARenewalOfTheSameAuthorityWaitsForNobody(t *testing.T) {
	t.Parallel()
	a := tlstest.NewAuthority(t, "a")
	first, second := a.Set(t, "postgres"), a.Set(t, "postgres")
	next, settled := tls.Next(first, second, false)
	if settled || string(next.Pairs[tls.Server].Cert) != string(second.Pairs[tls.Server].Cert) {
		t.Error("a renewed certificate waits although every party trusts its authority")
	}
	if next, settled = tls.Next(next, second, true); !settled || string(next.CA) != string(a.PEM) {
		t.Error("a renewal that everybody has taken is not settled")
	}
}

func TestTheFirstSetIsPublishedAsItIs(t *testing.T) {
	t.Parallel()
	issued := tlstest.NewAuthority(t, "a").Set(t, "postgres")
	next, settled := tls.Next(tls.Set{}, issued, true)
	if settled || string(next.CA) != string(issued.CA) || len(next.Pairs) != 2 {
		t.Errorf("published %v, settled %v", next, settled)
	}
}

func TestACertificateThatIsNoLongerAskedForGoes(t *testing.T) {
	t.Parallel()
	a := tlstest.NewAuthority(t, "a")
	published, issued := a.Set(t, "postgres"), a.Set(t, "postgres")
	issued.Pairs = maps.Clone(published.Pairs)
	published.Pairs[tls.Exporter] = a.Issue(t, tlstest.Leaf{}).Pair
	next, settled := tls.Next(published, issued, true)
	if _, found := next.Pairs[tls.Exporter]; found || settled {
		t.Errorf("the exporter's certificate stays: %v, settled %v", found, settled)
	}
	if _, settled := tls.Next(next, issued, true); !settled {
		t.Error("it does not settle")
	}
}

func TestFilesCanBeReadBack(t *testing.T) {
	t.Parallel()
	set := tlstest.NewAuthority(t, "a").Set(t, "postgres")
	back := tls.FromFiles(set.Files())
	if string(back.CA) != string(set.CA) || len(back.Pairs) != 2 || string(back.Pairs[tls.Client].Key) != string(set.Pairs[tls.Client].Key) {
		t.Errorf("read back %v", back)
	}
	if tls.FromFiles(nil).Files() != nil {
		t.Error("no files became files")
	}
}

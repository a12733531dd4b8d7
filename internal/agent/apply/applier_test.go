package apply_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/matriarchdb/matriarch/internal/agent/apply"
	"github.com/matriarchdb/matriarch/internal/agent/report"
)

// server is a Server that follows its files: each line of the file "conf" is a setting. "bad" is refused by Vet,
// "impossible" by Try, "trap" only by the running server or at a start, "big" waits for a restart, and "flaky" fails.
type server struct {
	disk    apply.Set
	running string // the file in force; empty while the server is down
	calls   []string
}

func (s *server) judge(set apply.Set, word string) error {
	s.calls = append(s.calls, word)
	text := string(set.Config["conf"])
	if strings.Contains(text, "flaky") {
		return errors.New("no answer")
	}
	if strings.Contains(text, word) {
		return &apply.Refusal{Words: "FATAL: " + word}
	}
	return nil
}

func (s *server) Vet(_ context.Context, set apply.Set) error { return s.judge(set, "bad") }

func (s *server) Try(_ context.Context, set apply.Set) error { return s.judge(set, "impossible") }

func (s *server) Write(set apply.Set) error { s.disk = set; return nil }

func (s *server) Reload(_ context.Context, set apply.Set) ([]string, error) {
	if err := s.judge(set, "trap"); err != nil {
		return nil, err
	}
	s.running = string(set.Config["conf"])
	if strings.Contains(s.running, "big") {
		return []string{"big"}, nil
	}
	return nil, nil
}

func (s *server) start(context.Context) error {
	if err := s.judge(s.disk, "trap"); err != nil {
		return err
	}
	s.running = string(s.disk.Config["conf"])
	return nil
}

// rig is an Applier over a server, and the report as it was published last.
type rig struct {
	*apply.Applier
	server *server
	store  apply.Store
	said   *string
}

func newRig(t *testing.T) rig {
	said := new(string)
	r := rig{server: &server{}, store: apply.Store{Dir: t.TempDir()}, said: said}
	r.Applier = apply.New(r.server, r.store, apply.NewReporter(func(text string) { *said = text }))
	return r
}

// again is a new agent over the same disk.
func (r rig) again() rig {
	said := new(string)
	next := rig{server: &server{}, store: r.store, said: said}
	next.Applier = apply.New(next.server, r.store, apply.NewReporter(func(text string) { *said = text }))
	return next
}

func conf(text string) apply.Files { return apply.Files{"conf": []byte(text)} }

func (r rig) want(text string, former ...string) string {
	set := apply.Set{Config: conf(text), Credentials: apply.Files{"users": []byte("alice")}}
	var before apply.Files
	for _, f := range former {
		before = conf(f)
	}
	r.Want(set, before)
	return set.Config.Hash()
}

func (r rig) report(t *testing.T) report.Report {
	t.Helper()
	got, err := report.Parse(map[string]string{"matriarch.dev/report": *r.said})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func (r rig) started(t *testing.T, text string) {
	t.Helper()
	r.want(text)
	if err := r.Start(t.Context(), r.server.start); err != nil {
		t.Fatal(err)
	}
}

func (r rig) sync(t *testing.T) {
	t.Helper()
	if err := r.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestAGoodChangeIsInForceAndReported(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.started(t, "one")
	hash := r.want("two")
	r.sync(t)
	got := r.report(t)
	if !got.Accepted(hash) || got.Rejected != nil || len(got.PendingRestart) != 0 || r.server.running != "two" {
		t.Errorf("running %q, report %s", r.server.running, got)
	}
	calls := len(r.server.calls)
	r.sync(t)
	if len(r.server.calls) != calls {
		t.Errorf("a Sync with nothing new calls the server: %v", r.server.calls[calls:])
	}
}

func TestARefusedChangeIsReportedAndTheFormerStays(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"bad", "impossible", "trap"} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.started(t, "one")
			good := conf("one").Hash()
			hash := r.want("two " + text)
			r.sync(t)
			got := r.report(t)
			if words, refused := got.Refused(hash); !refused || !strings.Contains(words, text) || !got.Accepted(good) {
				t.Errorf("the report is %s", got)
			}
			if r.server.running != "one" || string(r.server.disk.Config["conf"]) != "one" {
				t.Errorf("running %q, on disk %q", r.server.running, r.server.disk.Config["conf"])
			}
			calls := len(r.server.calls)
			r.sync(t)
			if len(r.server.calls) != calls {
				t.Error("a refused configuration is tried again and again")
			}
			hash = r.want("three")
			r.sync(t)
			if got := r.report(t); !got.Accepted(hash) || got.Rejected != nil {
				t.Errorf("after a better one the report is %s", got)
			}
		})
	}
}

func TestARefusalIsForgottenOnTheWayBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.started(t, "one")
	r.want("bad")
	r.sync(t)
	r.want("one")
	r.sync(t)
	if got := r.report(t); got.Rejected != nil {
		t.Errorf("the report is %s", got)
	}
}

func TestNewCredentialsComeInWhileTheConfigurationIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.started(t, "one")
	r.want("bad")
	r.sync(t)
	users := apply.Files{"users": []byte("bob")}
	r.Want(apply.Set{Config: conf("bad"), Credentials: users}, nil)
	r.sync(t)
	if got := r.report(t); got.CredentialsHash != users.Hash() || got.Rejected == nil {
		t.Errorf("the report is %s", got)
	}
	if string(r.server.disk.Credentials["users"]) != "bob" || string(r.server.disk.Config["conf"]) != "one" {
		t.Errorf("on disk is %v", r.server.disk)
	}
}

func TestWhatWaitsForARestartIsReportedUntilTheRestart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.started(t, "one")
	r.want("big")
	r.sync(t)
	if got := r.report(t); !slices.Equal(got.PendingRestart, []string{"big"}) {
		t.Errorf("the report is %s", got)
	}
	r = r.again()
	r.started(t, "big")
	if got := r.report(t); len(got.PendingRestart) != 0 {
		t.Errorf("after the restart the report is %s", got)
	}
}

func TestAFailureThatIsNoRefusalIsTriedAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.started(t, "one")
	r.want("flaky")
	for range 2 {
		if err := r.Sync(t.Context()); err == nil {
			t.Fatal("no error")
		}
	}
	if got := r.report(t); got.Rejected != nil {
		t.Errorf("the report is %s, want no rejection", got)
	}
}

func TestAStartFallsBack(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name, wanted string
		former       []string
		kept         string // what was in force before
		runs         string
	}{
		{"to the former content of the Secret", "trap", []string{"one"}, "", "one"},
		{"to the former content when the present is malformed", "bad", []string{"one"}, "", "one"},
		{"to what was in force last", "trap", nil, "zero", "zero"},
		{"past a former content that is no better", "trap", []string{"bad"}, "zero", "zero"},
		{"not at all when there is no need", "two", []string{"one"}, "zero", "two"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			if row.kept != "" {
				r.started(t, row.kept)
				r = r.again()
			}
			hash := r.want(row.wanted, row.former...)
			if err := r.Start(t.Context(), r.server.start); err != nil {
				t.Fatal(err)
			}
			got := r.report(t)
			_, refused := got.Refused(hash)
			if r.server.running != row.runs || !got.Accepted(conf(row.runs).Hash()) || refused == (row.runs == row.wanted) {
				t.Errorf("running %q, report %s", r.server.running, got)
			}
		})
	}
}

func TestAStartWithNothingUsableSaysWhy(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	hash := r.want("trap", "bad")
	err := r.Start(t.Context(), r.server.start)
	var refusal *apply.Refusal
	if !errors.As(err, &refusal) || !strings.Contains(refusal.Words, "trap") {
		t.Fatalf("the error is %v, want the words about the wanted files", err)
	}
	if _, refused := r.report(t).Refused(hash); !refused {
		t.Errorf("the report is %s", r.report(t))
	}
	hash = r.want("one")
	if err := r.Start(t.Context(), r.server.start); err != nil {
		t.Fatal(err)
	}
	if got := r.report(t); !got.Accepted(hash) || got.Rejected != nil {
		t.Errorf("the report is %s", got)
	}
}

func TestAServerThatDoesNotComeBackWithItsOwnFilesIsNoRefusal(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.started(t, "one")
	err := r.Start(t.Context(), func(context.Context) error { return &apply.Refusal{Words: "FATAL: port in use"} })
	var refusal *apply.Refusal
	if err == nil || errors.As(err, &refusal) || !strings.Contains(err.Error(), "port in use") {
		t.Errorf("the error is %v", err)
	}
	if got := r.report(t); got.Rejected != nil {
		t.Errorf("the report is %s", got)
	}
}

func TestAStartWithoutTheAPIServerUsesWhatWasInForce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if err := r.Start(t.Context(), r.server.start); !errors.Is(err, apply.ErrNothingYet) {
		t.Errorf("the error is %v", err)
	}
	r.started(t, "one")
	r = r.again()
	if err := r.Start(t.Context(), r.server.start); err != nil || r.server.running != "one" {
		t.Errorf("running %q: %v", r.server.running, err)
	}
	if string(r.server.disk.Credentials["users"]) != "alice" {
		t.Errorf("the credentials are %q", r.server.disk.Credentials["users"])
	}
	r.sync(t) // nothing is wanted yet
	hash := r.want("two")
	r.sync(t)
	if got := r.report(t); !got.Accepted(hash) {
		t.Errorf("the report is %s", got)
	}
}

func TestAMissingSecretIsNamed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Lack("Secret ns/x does not exist")
	if err := r.Start(t.Context(), r.server.start); err == nil || !strings.Contains(err.Error(), "ns/x") {
		t.Errorf("the error is %v", err)
	}
	r.started(t, "one")
	r.Lack("Secret ns/x does not exist")
	r.sync(t)
	if r.server.running != "one" {
		t.Errorf("running %q", r.server.running)
	}
}

func TestTheStoreKeepsOneGeneration(t *testing.T) {
	t.Parallel()
	store := apply.Store{Dir: t.TempDir()}
	if _, found := store.Load(); found {
		t.Error("an empty store has something")
	}
	for i := range 3 {
		set := apply.Set{Config: conf(fmt.Sprint(i)), Credentials: apply.Files{"users": []byte("alice")}}
		if err := store.Save(set); err != nil {
			t.Fatal(err)
		}
		got, found := store.Load()
		if !found || string(got.Config["conf"]) != fmt.Sprint(i) || string(got.Credentials["users"]) != "alice" {
			t.Errorf("generation %d: %v %v", i, got, found)
		}
	}
	if len(entries(t, store.Dir)) != 2 { // one generation and the link
		t.Errorf("the store holds %v", entries(t, store.Dir))
	}
}

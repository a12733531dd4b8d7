//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matriarchdb/matriarch/test/traffic"
)

// stage is a part of a guide: manifests that are applied as they are, and what holds afterwards. Operation requests among
// them are waited for until they are Successful, databases until they are Ready.
type stage struct {
	name string
	// prepare makes what the guide makes by hand: Secrets and labels.
	prepare func(*scene)
	// apply are files of the scene's folder, applied together.
	apply []string
	// use are databases, as kind/name, that clients use from the end of this stage on, all the time.
	use []string
	// keeps are databases, as kind/name, of which no session must be lost meanwhile, connects those to which no new connection
	// must fail.
	keeps, connects []string
	// holds checks what the guide promises.
	holds func(*scene)
	// leave are databases, as kind/name, that are deleted at the end.
	leave []string
}

// scene is a namespace in which one goes through guides, with the client that asks, and those that use the databases.
type scene struct {
	client
	folder  string
	clients traffic.Client
	paths   map[string]traffic.Path // by database, as kind/name
	made    []string                // objects that were applied
	tried   map[string]bool         // files that were applied
	// shows tells that those who use the databases show their client certificates, as soon as there are any.
	shows bool
	rows  []string
	undo  []func()
}

// newScene makes the namespace that manifests name, with a client in it that holds the certificates of the given
// databases as soon as there are any.
func newScene(t *testing.T, ns, folder string, databases ...string) *scene {
	t.Helper()
	n := namespace{t: t, name: ns}
	made := n.own()
	s := &scene{client: client{n}, folder: folder, clients: traffic.Client{Kubectl: run, Namespace: ns}, paths: map[string]traffic.Path{}, tried: map[string]bool{}}
	t.Cleanup(func() {
		s.t = t
		if t.Failed() {
			s.explain()
		}
		s.report()
		s.clear(made)
	})
	for i, one := range databases {
		databases[i] = one + "-client-cert"
	}
	s.client = n.newClient("17.11", databases...)
	return s
}

// own makes the namespace, and tells whether it did: one that is there already, as that of the demonstration, stays.
func (n namespace) own() bool {
	n.t.Helper()
	n.eventually("namespace "+n.name+" of an earlier run is gone", func() string {
		if n.tryAs("", "get", "namespace", n.name, "--ignore-not-found", "-o", "jsonpath={.status.phase}") == "Terminating" {
			return "it is being deleted"
		}
		return ""
	})
	_, err := run("", "create", "namespace", n.name)
	return err == nil
}

// clear removes what the guides left behind.
func (s *scene) clear(all bool) {
	slices.Reverse(s.made)
	for _, object := range s.made {
		if isDatabase.MatchString(object) {
			s.try("patch", object, "--type=merge", "-p", `{"spec":{"deletionPolicy":"WipeOut"}}`)
		}
		s.try("delete", object, "--ignore-not-found", "--timeout=60s")
	}
	for _, undo := range slices.Backward(s.undo) {
		undo()
	}
	s.try("delete", "pod", traffic.Pod, "--now", "--wait=false")
	if all {
		s.tryAs("", "delete", "namespace", s.name, "--wait=false")
	}
}

// atEnd keeps something to be done when the scene is over.
func (s *scene) atEnd(undo func()) { s.undo = append(s.undo, undo) }

// play goes through stages, and not past one that failed.
func (s *scene) play(stages []stage) {
	t := s.t
	defer func() { s.t = t }()
	for _, one := range stages {
		if !t.Run(one.name, func(t *testing.T) {
			s.t = t
			if one.prepare != nil {
				one.prepare(s)
			}
			s.run(one)
			for _, database := range one.use {
				s.beUsed(database)
			}
			if one.holds != nil {
				one.holds(s)
			}
			for _, database := range one.leave {
				s.leave(database)
			}
		}) {
			t.Fatalf("%s failed; what follows builds on it", one.name)
		}
	}
}

// run applies a stage's manifests and waits for what is in them, while the clients count.
func (s *scene) run(one stage) {
	s.t.Helper()
	if len(one.apply) == 0 {
		return
	}
	var requests []operation
	paths := slices.Collect(maps.Values(s.paths))
	seen, err := s.clients.Counted(s.t.Context(), paths, func() error {
		begin := time.Now()
		for _, object := range s.applyFiles(one.apply) {
			switch {
			case strings.Contains(object, "opsrequest."):
				requests = append(requests, operation{request: object})
			case isDatabase.MatchString(object):
				s.ready(object)
			}
		}
		return s.end(requests, begin)
	})
	if len(requests) > 0 {
		s.row(one.name, requests, seen)
	}
	for database, path := range s.paths {
		saw, heard := seen[path.Name], s.clients.Errors(path)
		if slices.Contains(one.keeps, database) && saw.Write.Bad > 0 || slices.Contains(one.connects, database) && saw.Connect.Bad > 0 {
			s.t.Errorf("the clients of %s saw: %s", database, saw)
		}
		if heard != "" {
			s.t.Logf("the clients of %s heard:\n%s", database, heard)
		}
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// operation is a request, and how long it took.
type operation struct {
	request string
	took    time.Duration
}

var (
	applied    = regexp.MustCompile(`(?m)^[a-z.-]+/[a-z0-9.-]+$`)
	isDatabase = regexp.MustCompile(`^(postgres|pgpool|pgbouncer)\.kubedb\.com/`)
)

// applyFiles applies manifests as a user does, and returns the objects.
func (s *scene) applyFiles(files []string) []string {
	s.t.Helper()
	args := []string{"apply", "-o", "name"}
	for _, file := range files {
		s.tried[file] = true
		args = append(args, "-f", filepath.Join(s.folder, file))
	}
	out, err := run("", args...)
	if err != nil {
		s.t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	objects := applied.FindAllString(out, -1)
	for _, object := range objects {
		if !slices.Contains(s.made, object) {
			s.made = append(s.made, object)
		}
	}
	return objects
}

// end waits until requests have ended, all of them Successful.
func (s *scene) end(requests []operation, begin time.Time) error {
	ask := []string{"get", "--no-headers", "-o", "custom-columns=phase:.status.phase"}
	for _, one := range requests {
		ask = append(ask, one.request)
	}
	for left := len(requests); left > 0; time.Sleep(look) {
		said := s.try(ask...)
		phases := strings.Fields(said)
		if len(phases) != len(requests) {
			if time.Since(begin) > patience {
				return fmt.Errorf("ask for the phases of %v: %s", requests, said)
			}
			continue
		}
		for i := range requests {
			one := &requests[i]
			if one.took > 0 {
				continue
			}
			switch phase := phases[i]; {
			case phase == "Successful":
				one.took, left = time.Since(begin), left-1
			case phase == "Failed", phase == "Skipped", time.Since(begin) > patience:
				return fmt.Errorf("%s is %q after %s:\n%s", one.request, phase, time.Since(begin).Round(time.Second),
					s.try("get", one.request, "-o", "yaml"))
			}
		}
	}
	return nil
}

// row notes how operations went, and what the clients saw meanwhile.
func (s *scene) row(what string, requests []operation, seen map[string]traffic.Seen) {
	line := "| " + what + " | "
	for i, one := range requests {
		if i > 0 {
			line += "; "
		}
		line += fmt.Sprintf("%s %s: %s, %.1f s, restarted %s", s.field(one.request, ".kind"), s.field(one.request, ".spec.type"),
			s.field(one.request, ".status.phase"), one.took.Seconds(), s.field(one.request, ".status.disruption.podsRestarted"))
	}
	for _, kind := range []string{"postgres", "pgpool", "pgbouncer"} {
		line += " | "
		for database, path := range s.paths {
			if saw := seen[path.Name]; strings.HasPrefix(database, kind+"/") {
				line += fmt.Sprintf("%d of %d, %d, %.1f s / %.1f s", saw.Connect.Bad, saw.Connect.Good+saw.Connect.Bad, saw.Write.Bad,
					float64(saw.Connect.Longest)/1000, float64(saw.Write.Longest)/1000)
			}
		}
	}
	s.rows = append(s.rows, line+" |")
}

// report prints what the operations took, and what it cost the clients.
func (s *scene) report() {
	s.t.Logf("what the clients saw: new connections that failed, of how many; sessions lost; longest gap of new connections / of writes\n"+
		"| stage | operations | Postgres | Pgpool | PgBouncer |\n|---|---|---|---|---|\n%s", strings.Join(s.rows, "\n"))
}

// login is how the administrator of the Postgres behind a database, as kind/name, gets in.
func (s *scene) route(database string) login {
	s.t.Helper()
	kind, name, _ := strings.Cut(database, "/")
	behind, port := name, 5432
	switch kind {
	case "pgpool":
		behind, port = s.field(database, ".spec.postgresRef.name"), 9999
	case "pgbouncer":
		behind = s.field(database, ".spec.database.databaseRef.name")
	}
	return s.login(behind, name+"."+s.name+".svc", port)
}

// certificate are connection options for psql that name the client certificate of a database, as kind/name.
func certificate(database string) string {
	folder := mounted(database)
	return "sslcert=" + folder + "/tls.crt sslkey=" + folder + "/tls.key"
}

// mounted is the folder in the client's pod with the certificate for clients of a database.
func mounted(database string) string {
	_, name, _ := strings.Cut(database, "/")
	return traffic.CertificatesDir + "/" + name + "-client-cert"
}

// beUsed leaves clients at work on a database. They use TLS if they are offered it.
func (s *scene) beUsed(database string) {
	s.t.Helper()
	l := s.route(database)
	path := traffic.Path{
		Name: strings.Replace(database, "/", "-", 1), Password: l.password,
		Options: fmt.Sprintf("host=%s port=%d user=%s dbname=%s", l.host, l.port, l.user, l.database),
	}
	if s.shows {
		path.Options += " " + certificate(database)
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	if err := s.clients.Start(ctx, path); err != nil {
		s.t.Fatal(err)
	}
	s.paths[database] = path
}

// leave deletes a database.
func (s *scene) leave(database string) {
	if path, used := s.paths[database]; used {
		s.clients.Stop(context.Background(), path)
		delete(s.paths, database)
	}
	s.try("patch", database, "--type=merge", "-p", `{"spec":{"deletionPolicy":"WipeOut"}}`)
	s.kubectl("delete", database, "--timeout=120s")
}

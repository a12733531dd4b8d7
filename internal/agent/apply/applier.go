package apply

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// Applier keeps one server's files as the Secrets say. Want may be called at any time; Start and Sync are called by
// the one goroutine that runs the server.
type Applier struct {
	server Server
	store  Store
	report *Reporter

	mu       sync.Mutex
	wanted   Set
	former   Files // what the configuration Secret keeps as the content before the present one
	complete bool  // all Secrets but that with the certificates were seen
	awaits   bool  // the Secret with the certificates, or its absence, was not seen yet
	missing  string

	inForce  Set
	begun    Set             // what the server started with last
	refused  string          // hash of the configuration refused last, not to be tried again
	badCerts string          // hash of the certificates refused last, not to be tried again
	serving  *report.Serving // what the server showed last
	unproven bool            // the server has not been seen to show the certificates in force
	late     bool            // the server shows the certificates in place only after a restart
}

// New returns an Applier.
func New(server Server, store Store, reporter *Reporter) *Applier {
	return &Applier{server: server, store: store, report: reporter}
}

// Want says what the Secrets hold now, apart from the certificates.
func (a *Applier) Want(set Set, former Files) {
	a.mu.Lock()
	defer a.mu.Unlock()
	set.Certificates = a.wanted.Certificates
	a.wanted, a.former, a.complete, a.missing = set, former, true, ""
}

// Lack says that a Secret does not exist; what is in force stays in force.
func (a *Applier) Lack(missing string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.complete, a.missing = false, missing
}

// ErrNothingYet is returned by Start when neither the Secrets were read nor a former set is kept.
var ErrNothingYet = errors.New("the configuration has not been read yet")

// Start starts the server with the newest files that it accepts: the wanted ones, else the former ones of the
// Secret, else those that were in force last. The start function is called with the files in place; it returns a
// *Refusal when the server did not come up because of them.
func (a *Applier) Start(ctx context.Context, start func(context.Context) error) error {
	wanted, candidates, err := a.candidates()
	if err != nil {
		return err
	}
	var first *Refusal
	for _, set := range candidates {
		err := a.startWith(ctx, set, start)
		var refusal *Refusal
		if errors.As(err, &refusal) && set.same(a.begun) {
			return fmt.Errorf("start the server with files that it has started with before: %w", errors.New(refusal.Words))
		}
		if errors.As(err, &refusal) {
			slog.Warn("the server refuses its files", "config", set.Config.Hash(), "error", refusal.Words)
			if first == nil {
				first = refusal
			}
			continue
		}
		if err != nil {
			return err
		}
		a.started(ctx, wanted, set, first)
		return nil
	}
	a.reject(wanted.Config, first)
	return first
}

// Newest returns the files that the next start begins with.
func (a *Applier) Newest() (Set, error) {
	set, _, err := a.candidates()
	return set, err
}

func (a *Applier) candidates() (wanted Set, sets []Set, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	kept, found := a.store.Load()
	switch {
	case a.complete && !a.awaits:
		wanted = a.wanted
		wanted.Certificates = a.usable(wanted.Certificates, kept.Certificates)
		sets = append(sets, wanted)
		if a.former != nil {
			sets = append(sets, Set{Config: a.former, Credentials: wanted.Credentials, Certificates: wanted.Certificates})
		}
		if found && !kept.same(wanted) {
			sets = append(sets, Set{Config: kept.Config, Credentials: wanted.Credentials, Certificates: wanted.Certificates})
		}
	case found:
		wanted = kept
		sets = append(sets, kept)
	case a.missing != "":
		err = errors.New(a.missing)
	default:
		err = ErrNothingYet
	}
	return wanted, sets, err
}

func (a *Applier) startWith(ctx context.Context, set Set, start func(context.Context) error) error {
	if err := a.server.Vet(ctx, set); err != nil {
		return err
	}
	if err := a.server.Write(set); err != nil {
		return err
	}
	return start(ctx)
}

func (a *Applier) started(ctx context.Context, wanted, set Set, first *Refusal) {
	a.begun, a.late = set, false
	a.unproven = a.prove(ctx, set) != nil
	var rejected *report.Rejection
	if first != nil {
		a.refused = wanted.Config.Hash()
		rejected = &report.Rejection{ConfigHash: a.refused, Message: shorten(first.Words)}
	}
	a.accept(set, nil, rejected)
}

// Sync brings a change of the Secrets into the running server. An error asks for another try later; a refusal is
// reported and is no error.
func (a *Applier) Sync(ctx context.Context) error {
	a.mu.Lock()
	wanted, complete := a.wanted, a.complete && !a.awaits
	a.mu.Unlock()
	if !complete {
		return nil
	}
	if wanted.Config.Hash() == a.refused {
		wanted.Config = a.inForce.Config
	}
	wanted.Certificates = a.usable(wanted.Certificates, a.inForce.Certificates)
	if wanted.same(a.inForce) && !a.unproven {
		a.forgive()
		return nil
	}
	err := a.bring(ctx, wanted)
	if bad := (*badCertificates)(nil); errors.As(err, &bad) {
		return a.keepCertificates(ctx, wanted, bad)
	}
	var refusal *Refusal
	if !errors.As(err, &refusal) {
		return err
	}
	a.reject(wanted.Config, refusal)
	// The refused set may be on disk: put back what is in force, with the newest credentials.
	back := Set{Config: a.inForce.Config, Credentials: wanted.Credentials, Certificates: wanted.Certificates}
	if err := a.bringUntried(ctx, back); err != nil {
		return fmt.Errorf("return to the configuration in force: %w", err)
	}
	return nil
}

func (a *Applier) bring(ctx context.Context, set Set) error {
	if set.Config.Hash() != a.inForce.Config.Hash() {
		if err := a.server.Vet(ctx, set); err != nil {
			return err
		}
		if err := a.server.Try(ctx, set); err != nil {
			return err
		}
	}
	return a.bringUntried(ctx, set)
}

func (a *Applier) bringUntried(ctx context.Context, set Set) error {
	if err := a.server.Write(set); err != nil {
		return err
	}
	pending, err := a.server.Reload(ctx, set)
	if err != nil {
		return err
	}
	a.late = report.Report{PendingRestart: pending}.CertificatesWait()
	if err := a.prove(ctx, set); err != nil {
		return err
	}
	a.unproven = false
	a.accept(set, pending, nil)
	return nil
}

// Review reports the order of restarts anew, which may change without a change of the files.
func (a *Applier) Review() {
	clustered, inCluster := a.server.(Clustered)
	was := a.report.Current()
	if !inCluster {
		return
	}
	after, before := clustered.RestartOrder(was.PendingRestart)
	if slices.Equal(after, was.AfterPrimary) && slices.Equal(before, was.BeforePrimary) {
		return
	}
	a.report.Update(func(r *report.Report) { r.AfterPrimary, r.BeforePrimary = after, before })
}

// accept records and reports, in one step, what is in force and, if something else was wanted, why not that.
func (a *Applier) accept(set Set, pending []string, rejected *report.Rejection) {
	a.inForce = set
	if a.refused == set.Config.Hash() {
		a.refused = ""
	}
	clustered, inCluster := a.server.(Clustered)
	if inCluster {
		pending = append(slices.Clone(pending), clustered.Held()...)
		slices.Sort(pending)
		pending = slices.Compact(pending)
	}
	if err := a.store.Save(set); err != nil {
		slog.Warn("cannot keep the files in force for a start without the API server", "error", err)
	}
	a.report.Update(func(r *report.Report) {
		r.ConfigHash = set.Config.Hash()
		r.CredentialsHash = set.Credentials.Hash()
		r.Serving = a.serving
		if !a.unproven && !a.late {
			r.CertificateHash = set.Certificates.Hash()
			if a.badCerts == "" {
				r.CertificateProblem = ""
			}
		}
		if !slices.ContainsFunc(pending, towardsUpstream) {
			r.UpstreamHash = string(set.Credentials[naming.UpstreamHash])
		}
		r.PendingRestart = pending
		if inCluster {
			r.AfterPrimary, r.BeforePrimary = clustered.RestartOrder(pending)
		}
		if rejected != nil || r.Rejected != nil && r.Rejected.ConfigHash == r.ConfigHash {
			r.Rejected = rejected
		}
		r.Problem = ""
	})
	a.forgive()
}

func (a *Applier) reject(config Files, refusal *Refusal) {
	a.refused = config.Hash()
	a.report.Update(func(r *report.Report) {
		r.Rejected = &report.Rejection{ConfigHash: config.Hash(), Message: shorten(refusal.Words)}
	})
}

// forgive drops a rejection once the refused configuration is no longer wanted.
func (a *Applier) forgive() {
	a.mu.Lock()
	wanted := a.wanted.Config.Hash()
	a.mu.Unlock()
	if a.refused == "" || a.refused == wanted {
		return
	}
	a.refused = ""
	a.report.Update(func(r *report.Report) { r.Rejected = nil })
}

// towardsUpstream tells whether a parameter is about TLS with the PostgreSQL behind a pooler.
func towardsUpstream(name string) bool {
	return strings.HasPrefix(name, "server_tls_") || name == "ssl_ca_cert"
}

package step

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/database"
)

// ReloadPods waits until every member's agent has validated, applied and verified the configuration files, and decides
// who has to be restarted.
//
//   - Precondition: the Secret holds the new files.
//   - Effect: none of its own; the agents act. If the files in the Secret were replaced by the former ones (a
//     provisioner's write that was under way when the database was paused) they are written again.
//   - Writes: in status the targets of the restart, together with its own condition: from then on it is settled who is
//     restarted, whatever the members report later. With restart forbidden, a condition that says what waits, and where.
//   - Twice: it observes only.
type ReloadPods struct{}

// Type implements Step.
func (ReloadPods) Type(s *Scope) string { return s.Texts.Reload.Type }

// Next implements Step.
func (ReloadPods) Next(ctx context.Context, s *Scope) Move {
	after, err := s.After()
	if err != nil {
		return retry(err)
	}
	if words, refused := s.refusedBy(s.Members); refused {
		return fail(ReasonRejected, words)
	}
	rendered, err := s.Render(ctx, after)
	if err != nil {
		return refused(ReasonInvalid, "render the new configuration", err)
	}
	if move, ready := s.filesInForce(ctx, rendered); !ready {
		return move
	}
	if late := s.notAccepted(s.Journal().ConfigHash); len(late) > 0 {
		return wait("the new configuration to be in force in " + strings.Join(late, ", "))
	}
	return s.chooseRestarts()
}

// notAccepted names the members that have not taken the files with the given hash.
func (s *Scope) notAccepted(hash string) []string {
	var late []string
	for _, m := range s.Members {
		if !reported(m).Accepted(hash) {
			late = append(late, m.Pod.Name)
		}
	}
	return late
}

// chooseRestarts ends the step with the targets of the restart recorded.
func (s *Scope) chooseRestarts() Move {
	pending := s.pendingRestart()
	reloaded := len(s.Members)
	var targets []database.Member
	switch s.RestartMode() {
	case opsv1alpha1.ReconfigureRestartTrue:
		targets = s.Members
	case opsv1alpha1.ReconfigureRestartFalse:
		move := done()
		move.Record = recordReloaded(reloaded)
		if note, any := restartPending(pending); any {
			move.Notes = []Note{note}
		}
		return move
	default:
		for _, m := range s.Members {
			if len(pending[m.Pod.Name]) > 0 {
				targets = append(targets, m)
			}
		}
	}
	chosen := targetsOf(Order(targets, PrimaryFirst(s.Members)))
	return Move{Kind: Done, Record: func(status *opsv1alpha1.OpsRequestStatus) {
		status.Journal.Targets = chosen
		recordReloaded(reloaded - len(chosen))(status)
	}}
}

func recordReloaded(pods int) func(*opsv1alpha1.OpsRequestStatus) {
	return func(status *opsv1alpha1.OpsRequestStatus) {
		if status.Disruption == nil {
			status.Disruption = &opsv1alpha1.Disruption{}
		}
		status.Disruption.PodsReloaded = int32(pods) //nolint:gosec // at most the number of pods
	}
}

// RestartMode is what the request says about restarts.
func (s *Scope) RestartMode() opsv1alpha1.ReconfigureRestart {
	if r, ok := s.Request.(opsv1alpha1.ReconfigureRequest); ok {
		if common, _ := r.Reconfiguration(); common != nil && common.Restart != "" {
			return common.Restart
		}
	}
	return opsv1alpha1.ReconfigureRestartAuto
}

// pendingRestart returns, by pod, the parameters which this operation changed and which wait for a restart. What
// waited before is not this operation's matter: a change that a reload can make restarts nothing.
func (s *Scope) pendingRestart() map[string][]string {
	changed := map[string]bool{}
	for _, c := range s.Request.RequestStatus().Plan.Changes {
		changed[strings.ToLower(c.Parameter)] = true
	}
	if _, certificates := database.TLSChangeOf(s.Request); certificates {
		for _, name := range report.CertificateParameters {
			changed[name] = true
		}
	}
	pending := map[string][]string{}
	for _, m := range s.Members {
		for _, name := range reported(m).PendingRestart {
			if changed[strings.ToLower(name)] {
				pending[m.Pod.Name] = append(pending[m.Pod.Name], name)
			}
		}
	}
	return pending
}

// Waiting says what waits for a restart, whoever asked for it; nothing if nothing does.
func (s *Scope) Waiting() string {
	pending := map[string][]string{}
	for _, m := range s.Members {
		if names := reported(m).PendingRestart; len(names) > 0 {
			pending[m.Pod.Name] = names
		}
	}
	if len(pending) == 0 {
		return ""
	}
	return waitsFor(pending)
}

// waitsFor tells what waits for a restart, given the parameters by pod.
func waitsFor(pending map[string][]string) string {
	var names []string
	for _, waiting := range pending {
		names = append(names, waiting...)
	}
	slices.Sort(names)
	return fmt.Sprintf("%s take effect when %s are restarted; a request of the type Restart does it",
		strings.Join(slices.Compact(names), ", "), strings.Join(slices.Sorted(maps.Keys(pending)), ", "))
}

// restartPending says which parameters wait for a restart, and where.
func restartPending(pending map[string][]string) (Note, bool) {
	if len(pending) == 0 {
		return Note{}, false
	}
	return Note{
		Type: TypeRestartPending, Reason: "RestartForbidden", Done: true, Message: "restart is false: " + waitsFor(pending),
	}, true
}

package provision

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/naming"
)

const conditionReplicaReady = sharedv1.ConditionReplicaReady

// observe looks at the members: how many are ready, and which configuration they have in force.
func (r *Reconciler) observe(ctx context.Context, s *scope) (bool, kube.Outcome) {
	if s.halted {
		return false, kube.Done()
	}
	var pods corev1.PodList
	if err := r.client.List(ctx, &pods, client.InNamespace(s.Namespace()), client.MatchingLabels(s.Selector())); err != nil {
		return false, kube.Failed(fmt.Errorf("list the pods of %s: %w", s.title(), err))
	}
	s.members = r.kind.Members(pods.Items)
	spec := s.work.Spec()
	recheck := s.setReplicas(r.now(), append([]database.Group{{PetSet: s.Name(), Replicas: spec.Replicas}}, spec.Groups...)...)
	if s.desired != nil && s.desired.Config != nil && !s.paused() {
		s.setConfiguration(s.desired.Config.Annotations[naming.AnnotationConfigHash])
	}
	return true, kube.WaitUntil(recheck)
}

// setReplicas compares the ready members of each PetSet with those that are wanted. It returns when to look again although
// nothing changed by then, zero if never.
func (s *scope) setReplicas(now time.Time, wanted ...database.Group) (recheck time.Duration) {
	ready := map[string]int32{}
	for _, m := range s.members {
		if m.Ready {
			ready[m.PetSet]++
		}
	}
	var lacking strings.Builder
	for _, g := range wanted {
		if n := ready[g.PetSet]; n < g.Replicas {
			fmt.Fprintf(&lacking, " For PetSet: %s/%s desired replicas: %d, ready replicas: %d.", s.Namespace(), g.PetSet, g.Replicas, n)
		}
	}
	if lacking.Len() == 0 {
		s.set(conditionReplicaReady, true, sharedv1.ReasonAllReplicasReady, s.words(s.Info.Texts.ReplicasReady))
		return 0
	}
	problems, recheck := s.problems(now)
	s.set(conditionReplicaReady, false, sharedv1.ReasonSomeReplicasNotReady,
		"All desired replicas are not ready."+lacking.String()+problems)
	return recheck
}

// untilTold is how old a member has to be before the status says why it is not ready. Until then it is starting, and what
// its agent says about that is another thing every moment.
const untilTold = 5 * time.Second

// problems says in the words of the agents and of the other containers why members are not ready, and when there may be
// more to say.
func (s *scope) problems(now time.Time) (words string, recheck time.Duration) {
	var b strings.Builder
	for _, m := range s.members {
		if m.Ready {
			continue
		}
		if left := m.Pod.CreationTimestamp.Add(untilTold).Sub(now); left > 0 {
			if recheck == 0 || left < recheck {
				recheck = left
			}
			continue
		}
		words := containerProblems(m.Pod)
		if rep, err := report.Parse(m.Pod.Annotations); err == nil && rep.Problem != "" {
			words = append(words, rep.Problem)
		}
		for _, w := range words {
			fmt.Fprintf(&b, " %s: %s.", m.Pod.Name, strings.TrimRight(w, ". \n"))
		}
	}
	return b.String(), recheck
}

// setConfiguration compares what the members have in force with the configuration of that hash.
func (s *scope) setConfiguration(hash string) {
	const about = database.ConditionConfigurationApplied
	var refused, pending, behind []string
	reported := false
	for _, m := range s.members {
		rep, err := report.Parse(m.Pod.Annotations)
		if err != nil || rep.ConfigHash == "" && rep.Rejected == nil {
			continue
		}
		reported = true
		words, no := rep.Refused(hash)
		switch {
		case no:
			refused = append(refused, m.Pod.Name+": "+words)
		case !rep.Accepted(hash):
			behind = append(behind, m.Pod.Name)
		case len(rep.PendingRestart) > 0:
			pending = append(pending, m.Pod.Name+": "+strings.Join(rep.PendingRestart, ", "))
		}
	}
	switch {
	case !reported:
	case len(refused) > 0:
		s.set(about, false, database.ReasonConfigurationRejected,
			"The newest configuration is refused and the former one stays in force. "+strings.Join(refused, "; "))
	case len(behind) > 0:
		s.set(about, false, database.ReasonConfigurationPropagates,
			"The newest configuration is not yet in force on "+strings.Join(behind, ", ")+".")
	case len(pending) > 0:
		s.set(about, false, database.ReasonRestartPending,
			"Parameters wait for a restart of the member. "+strings.Join(pending, "; "))
	default:
		s.set(about, true, database.ReasonConfigurationInForce, "The newest configuration is in force on every member.")
	}
}

// words fills the instance's name into one of the kind's texts.
func (s *scope) words(text string) string {
	return strings.ReplaceAll(text, "%s", s.fullName())
}

// persistentSecrets are the names of the Secrets that outlive the instance.
func (s *scope) persistentSecrets() []string {
	names := []string{s.in.Spec().AuthSecretName(naming.AuthSecret(s.Name()))}
	if s.Info.PersistentSecrets != nil {
		names = append(names, s.Info.PersistentSecrets(s.Name(), string(s.Object.GetUID()))...)
	}
	for _, alias := range []string{
		sharedv1.CertificateAliasServer, sharedv1.CertificateAliasClient, sharedv1.CertificateAliasMetricsExporter,
	} {
		names = append(names, naming.CertSecret(s.Name(), alias)) // cert-manager made them, with the instance's labels
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func isSecret(o client.Object) bool {
	_, ok := o.(*corev1.Secret)
	return ok
}

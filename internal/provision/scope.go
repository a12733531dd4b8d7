package provision

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/database/blocks"
	"github.com/matriarchdb/matriarch/internal/kube"
)

// scope is one pass over one instance: what the phases hand on to each other.
type scope struct {
	blocks.Subject
	owner kube.Owner
	// in is the instance as it was read; work is a copy with the defaults filled in, for the kind.
	in, work database.Instance
	reading  *kube.Reading
	// generation is that of the spec which the pass acts on. A spec that changes while the instance is paused is not acted
	// on before it is resumed.
	generation int64
	// gathered, desired and members are filled in by their phases.
	gathered database.Gathered
	desired  *database.Desired
	members  []database.Member

	conditions []sharedv1.Condition // to set, in this order
	removed    []string             // condition types to remove
	halted     bool                 // the instance is being halted or is halted
}

func (r *Reconciler) newScope(in database.Instance, owner kube.Owner) *scope {
	s := &scope{
		Subject: blocks.For(r.kind.Info(), in), owner: owner, in: in,
		reading: r.follower.Read(owner),
	}
	s.refresh(r.kind)
	return s
}

// refresh renews the working copy after in was changed.
func (s *scope) refresh(kind database.Kind) {
	s.work = s.in.DeepCopy()
	kind.Default(s.work)
	s.generation = s.Object.GetGeneration()
	if s.paused() {
		s.generation = s.in.Status().ObservedGeneration
	}
}

func (s *scope) deleting() bool { return s.Object.GetDeletionTimestamp() != nil }

func (s *scope) paused() bool {
	return kube.ConditionTrue(s.in.Status().Conditions, sharedv1.ConditionPaused)
}

// provisioned tells whether the instance was ready once.
func (s *scope) provisioned() bool {
	return kube.ConditionTrue(s.in.Status().Conditions, sharedv1.ConditionProvisioned)
}

// title names the instance in messages, such as Postgres demo/pg.
func (s *scope) title() string { return s.Info.Kind + " " + s.fullName() }

func (s *scope) fullName() string { return database.NameOf(s.in) }

// set notes a condition for the status write at the end of the pass.
func (s *scope) set(conditionType string, ok bool, reason, message string) {
	status := metav1.ConditionFalse
	if ok {
		status = metav1.ConditionTrue
	}
	s.conditions = append(s.conditions, sharedv1.Condition{
		Type: conditionType, Status: status, Reason: reason, Message: message,
		ObservedGeneration: s.generation,
	})
}

// remove notes a condition that shall go.
func (s *scope) remove(conditionType string) { s.removed = append(s.removed, conditionType) }

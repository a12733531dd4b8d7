package petset

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/matriarchdb/matriarch/api/apps/v1"
)

// Observed is everything that a decision is made of.
type Observed struct {
	Set *api.PetSet
	// Pods that the set controls.
	Pods []*corev1.Pod
	// Claims by name, as far as the set's pods could use them.
	Claims map[string]*corev1.PersistentVolumeClaim
	// Current is the revision of the pods that await an update, Update that of the set's template.
	Current, Update Revision
	// Placement for new pods; nil when no pod can be placed.
	Placement *Placement
	Now       time.Time
}

// Verb is what an action does.
type Verb string

// The actions of a plan.
const (
	CreateClaim Verb = "create claim"
	UpdateClaim Verb = "update claim"
	CreatePod   Verb = "create pod"
	LabelPod    Verb = "label pod"
	DeletePod   Verb = "delete pod"
)

// Action is one write. Pod or Claim is the object as it shall be (created, updated) or as it was judged (deleted); Was is
// what an update starts from.
type Action struct {
	Verb    Verb
	Ordinal int
	Pod     *corev1.Pod
	Claim   *corev1.PersistentVolumeClaim
	Was     client.Object
	Why     string
}

// Plan is what to do now. Doing it brings about changes that lead to the next plan.
type Plan struct {
	// Work holds the actions per ordinal, in the order in which they are done. An action that fails ends those of its
	// ordinal; with ordered management it ends the plan.
	Work [][]Action
	// Waiting says what the set waits for before it goes on, for the log; empty if for nothing.
	Waiting string
	// RecheckIn is when time alone will have changed the decision (a pod becomes available); zero if never.
	RecheckIn time.Duration
}

func (p *Plan) do(actions ...Action) {
	if len(actions) > 0 {
		p.Work = append(p.Work, actions)
	}
}

// empty tells whether there is nothing to write.
func (p *Plan) empty() bool { return len(p.Work) == 0 }

// decision is the state of one run of Decide.
type decision struct {
	Observed
	settings
	plan      Plan
	replicas  []*corev1.Pod // by index, nil where the pod does not exist
	condemned []*corev1.Pod // highest ordinal first
	occupied  []*corev1.Pod // pods that placement counts: the existing wanted ones and those planned
}

// Decide returns what has to be done to bring the set closer to its spec. It is pure.
//
// With ordered management a pod is created only when all before it are available, and scaled away or updated only when all
// wanted pods are available, one at a time from the highest ordinal. With parallel management pods are created and scaled
// away at once, and updated as far as maxUnavailable allows.
func Decide(o Observed) Plan {
	d := decision{Observed: o, settings: settingsOf(o.Set)}
	if o.Set.DeletionTimestamp != nil {
		return d.plan // the garbage collector takes the pods away, or leaves them as orphans
	}
	d.partitionPods()
	for _, pod := range d.replicas {
		if _, in := available(pod, d.minReady, d.Now); in > 0 && (d.plan.RecheckIn == 0 || in < d.plan.RecheckIn) {
			d.plan.RecheckIn = in
		}
	}
	for i := range d.replicas {
		if wait := d.replica(i); wait != "" && d.ordered {
			d.plan.Waiting = wait
			return d.plan
		}
	}
	if wait := d.scaleDown(); wait != "" && d.ordered {
		d.plan.Waiting = wait
		return d.plan
	}
	d.update()
	return d.plan
}

// partitionPods sorts the pods into those that the spec wants and those that are to go.
func (d *decision) partitionPods() {
	d.replicas = make([]*corev1.Pod, d.settings.replicas)
	for _, pod := range d.Pods {
		switch ordinal, _ := OrdinalOf(d.Set.Name, pod.Name); {
		case d.wants(ordinal):
			d.replicas[ordinal-d.start] = pod
			d.occupied = append(d.occupied, pod)
		default:
			d.condemned = append(d.condemned, pod)
		}
	}
	slices.SortFunc(d.condemned, func(a, b *corev1.Pod) int { return cmp.Compare(d.ordinal(b), d.ordinal(a)) })
}

func (d *decision) ordinal(pod *corev1.Pod) int {
	ordinal, _ := OrdinalOf(d.Set.Name, pod.Name)
	return ordinal
}

// replica plans for one wanted pod, and returns what has to be waited for before the next one is looked at.
func (d *decision) replica(i int) (wait string) {
	ordinal, pod := d.start+i, d.replicas[i]
	if pod == nil {
		return d.create(ordinal)
	}
	if ended(pod) {
		if d.Placement != nil && !terminating(pod) { // else it would go without a successor
			d.plan.do(Action{Verb: DeletePod, Ordinal: ordinal, Pod: pod, Why: "it ended: " + string(pod.Status.Phase)})
		}
		return "pod " + pod.Name + ", which ended, to be replaced"
	}
	actions := d.ownClaims(pod, ordinal)
	if labelled, changed := withIdentity(d.Set, pod, ordinal); changed {
		actions = append(actions, Action{Verb: LabelPod, Ordinal: ordinal, Pod: labelled, Was: pod, Why: "its identity labels were gone"})
	}
	d.plan.do(actions...)
	switch is, _ := available(pod, d.minReady, d.Now); {
	case terminating(pod):
		return "pod " + pod.Name + " to terminate"
	case !ready(pod):
		return "pod " + pod.Name + " to become ready"
	case !is:
		return fmt.Sprintf("pod %s to have been ready for %s", pod.Name, d.minReady)
	}
	return ""
}

// create plans a missing pod with its claims.
func (d *decision) create(ordinal int) (wait string) {
	name := PodName(d.Set.Name, ordinal)
	if d.Placement == nil {
		return "pod " + name + " to become placeable"
	}
	var actions []Action
	var missing []*corev1.PersistentVolumeClaim
	var before assignment
	for i := range d.Set.Spec.VolumeClaimTemplates {
		template := &d.Set.Spec.VolumeClaimTemplates[i]
		claim := d.Claims[ClaimName(template.Name, d.Set.Name, ordinal)]
		if claim == nil {
			missing = append(missing, newClaim(d.Set, template, ordinal))
			continue
		}
		if dying(d.Set, claim, ordinal) {
			return "claim " + claim.Name + " to be gone"
		}
		if before == nil {
			before = assignedBefore(claim)
		}
		if kept, changed := keepForNewPod(d.Set, claim, ordinal); changed {
			actions = append(actions, Action{Verb: UpdateClaim, Ordinal: ordinal, Claim: kept, Was: claim, Why: "a new pod uses it"})
		}
	}
	pod := newPod(d.Set, d.revisionFor(ordinal), ordinal)
	assigned := d.Placement.apply(pod, d.occupied, before)
	d.occupied = append(d.occupied, pod)
	for _, claim := range missing {
		assigned.remember(claim)
		actions = append(actions, Action{Verb: CreateClaim, Ordinal: ordinal, Claim: claim})
	}
	d.plan.do(append(actions, Action{Verb: CreatePod, Ordinal: ordinal, Pod: pod})...)
	return "pod " + name + " to become ready"
}

// revisionFor is the revision that a new pod gets. Pods below the partition of a rolling update stay what they were.
func (d *decision) revisionFor(ordinal int) Revision {
	if !d.onDelete && ordinal < d.start+d.partition {
		return d.Current
	}
	return d.Update
}

// ownClaims plans what the claims of an existing pod need: their owners by the retention policy and, as long as the pod is
// pending and can still wait for them, that they exist.
func (d *decision) ownClaims(pod *corev1.Pod, ordinal int) (out []Action) {
	for i := range d.Set.Spec.VolumeClaimTemplates {
		template := &d.Set.Spec.VolumeClaimTemplates[i]
		claim := d.Claims[ClaimName(template.Name, d.Set.Name, ordinal)]
		switch {
		case claim != nil:
			if owned, changed := withOwners(d.Set, claim, claimOwners(d.Set, claim, pod, ordinal)); changed {
				out = append(out, Action{Verb: UpdateClaim, Ordinal: ordinal, Claim: owned, Was: claim, Why: "retention policy"})
			}
		case d.wants(ordinal) && pod.Status.Phase == corev1.PodPending && !terminating(pod):
			out = append(out, Action{Verb: CreateClaim, Ordinal: ordinal, Claim: newClaim(d.Set, template, ordinal)})
		}
	}
	return out
}

// scaleDown plans the deletion of condemned pods, each after its claims are handed over to whom the retention policy says. The
// pods need not be healthy to go, nor for one another to go.
func (d *decision) scaleDown() (wait string) {
	for _, pod := range d.condemned {
		ordinal := d.ordinal(pod)
		actions := d.ownClaims(pod, ordinal)
		if !terminating(pod) {
			actions = append(actions, Action{Verb: DeletePod, Ordinal: ordinal, Pod: pod, Why: "scaled down"})
		}
		d.plan.do(actions...)
		if d.ordered {
			return "pod " + pod.Name + " to terminate"
		}
	}
	return ""
}

package petset

import (
	corev1 "k8s.io/api/core/v1"
)

// update plans the replacement of pods that are not of the update revision: deleted pods come back as the new revision.
// Nothing is deleted that could not be placed again.
//
// maxUnavailable bounds how many wanted pods are down. A pod that is down already and outdated is replaced first, since
// that costs nothing: a broken revision must not block its own repair. (With ordered management all pods are up here.)
func (d *decision) update() {
	if d.onDelete || d.Placement == nil {
		return
	}
	budget := d.maxUnavailable
	var down, up []*corev1.Pod // outdated ones, highest ordinal first
	for i := len(d.replicas) - 1; i >= 0; i-- {
		pod := d.replicas[i]
		outdated := i >= d.partition && pod != nil && !terminating(pod) && !ended(pod) && revisionOf(pod) != d.Update.Name
		switch isUp := serving(pod, d.minReady, d.Now); {
		case outdated && isUp:
			up = append(up, pod)
		case outdated:
			down = append(down, pod)
		case !isUp:
			budget-- // down whatever is done here
		}
	}
	for _, pod := range append(down, up...) {
		if budget <= 0 {
			break
		}
		budget--
		d.plan.do(Action{Verb: DeletePod, Ordinal: d.ordinal(pod), Pod: pod, Why: "its revision is " + revisionOf(pod) + ", the set's is " + d.Update.Name})
	}
}

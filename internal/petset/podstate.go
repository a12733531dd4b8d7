package petset

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	api "github.com/matriarchdb/matriarch/api/apps/v1"
)

// A nil pod is one that does not exist; the functions below then answer false.

func terminating(pod *corev1.Pod) bool { return pod != nil && pod.DeletionTimestamp != nil }

// ended tells whether a pod will never run again. Succeeded counts: an evicted pod's phase depends on its exit code, and a
// member of a set has no business to be done.
func ended(pod *corev1.Pod) bool {
	return pod != nil && (pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded)
}

// ready tells whether a pod is running and ready.
func ready(pod *corev1.Pod) bool {
	_, is := readySince(pod)
	return is
}

// readySince returns since when a pod has been ready.
func readySince(pod *corev1.Pod) (time.Time, bool) {
	if pod == nil || pod.Status.Phase != corev1.PodRunning {
		return time.Time{}, false
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
			return c.LastTransitionTime.Time, true
		}
	}
	return time.Time{}, false
}

// available tells whether a pod has been ready for minReady at now, and if it is only ready, in how long it will be.
func available(pod *corev1.Pod, minReady time.Duration, now time.Time) (is bool, in time.Duration) {
	since, isReady := readySince(pod)
	if !isReady {
		return false, 0
	}
	if left := since.Add(minReady).Sub(now); minReady > 0 && left > 0 {
		return false, left
	}
	return true, 0
}

// serving tells whether a pod is available and stays.
func serving(pod *corev1.Pod, minReady time.Duration, now time.Time) bool {
	is, _ := available(pod, minReady, now)
	return is && !terminating(pod)
}

func revisionOf(pod *corev1.Pod) string {
	if pod == nil {
		return ""
	}
	return pod.Labels[api.RevisionLabel]
}

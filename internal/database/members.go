package database

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// MembersOf orders the pods of an instance by PetSet, the main one first because its name is a part of the others', and by
// ordinal, and asks for the role of each; a nil role means that all members are equal. Pods without an ordinal at the end of
// their name are none of a PetSet's.
func MembersOf(pods []corev1.Pod, role func(*corev1.Pod) string) []Member {
	var members []Member
	for i := range pods {
		pod := &pods[i]
		set, ordinal, found := cutLast(pod.Name, "-")
		n, err := strconv.Atoi(ordinal)
		if !found || err != nil || n < 0 {
			continue
		}
		member := Member{Pod: pod, PetSet: set, Ordinal: n, Ready: PodReady(pod)}
		if role != nil {
			member.Role = role(pod)
		}
		members = append(members, member)
	}
	slices.SortFunc(members, func(a, b Member) int {
		return cmp.Or(cmp.Compare(a.PetSet, b.PetSet), cmp.Compare(a.Ordinal, b.Ordinal))
	})
	return members
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// PodReady is the pod's Ready condition, false once it is being deleted.
func PodReady(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp.IsZero() && slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

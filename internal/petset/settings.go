package petset

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	api "github.com/matriarchdb/matriarch/api/apps/v1"
)

// settings are a set's spec with the documented meaning of unset fields filled in. They are those of a StatefulSet
// (https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/).
type settings struct {
	start, replicas int
	ordered         bool
	onDelete        bool
	partition       int // ordinals from start+partition on are updated
	maxUnavailable  int // pods that a rolling update may take away at a time, at least 1
	minReady        time.Duration
	historyLimit    int
	deleteWithSet   bool // claims go when the set goes
	deleteOnScale   bool // claims go when their pod is scaled away
}

func settingsOf(set *api.PetSet) settings {
	spec := &set.Spec
	s := settings{
		replicas:       int(ptr.Deref(spec.Replicas, 1)),
		ordered:        spec.PodManagementPolicy != appsv1.ParallelPodManagement,
		onDelete:       spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType,
		maxUnavailable: 1,
		minReady:       time.Duration(spec.MinReadySeconds) * time.Second,
		historyLimit:   int(ptr.Deref(spec.RevisionHistoryLimit, 10)),
	}
	if spec.Ordinals != nil {
		s.start = int(spec.Ordinals.Start)
	}
	if r := spec.UpdateStrategy.RollingUpdate; r != nil {
		s.partition = int(ptr.Deref(r.Partition, 0))
		n, err := intstr.GetScaledValueFromIntOrPercent(intstr.ValueOrDefault(r.MaxUnavailable, intstr.FromInt32(1)), s.replicas, false)
		if err == nil { // else the set is invalid, see Problems
			s.maxUnavailable = max(n, 1)
		}
	}
	if p := spec.PersistentVolumeClaimRetentionPolicy; p != nil {
		s.deleteWithSet = p.WhenDeleted == appsv1.DeletePersistentVolumeClaimRetentionPolicyType
		s.deleteOnScale = p.WhenScaled == appsv1.DeletePersistentVolumeClaimRetentionPolicyType
	}
	return s
}

// wants tells whether the set shall have a pod with the given ordinal.
func (s settings) wants(ordinal int) bool { return ordinal >= s.start && ordinal < s.start+s.replicas }

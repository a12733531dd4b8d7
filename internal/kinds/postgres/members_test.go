package postgres

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/matriarchdb/matriarch/internal/naming"
)

func TestAReadReplicaIsNoOtherMemberWhateverItsNameAndRoleLabelSay(t *testing.T) {
	t.Parallel()
	pod := func(name, group, role string) corev1.Pod {
		labels := map[string]string{naming.LabelRole: role}
		if group != "" {
			labels[naming.LabelReadReplica] = group
		}
		return corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
	}
	var got []string
	for _, m := range (Kind{}).Members([]corev1.Pod{
		pod("pg-0-0", "0", naming.RolePrimary), pod("pg-reports-0", "reports", naming.RoleReadReplica),
		pod("pg-1", "", naming.RoleStandby), pod("pg-0", "", naming.RolePrimary), pod("pg-reports-1", "reports", ""),
	}) {
		got = append(got, m.PetSet+" "+m.Pod.Name+" "+m.Role)
	}
	want := []string{
		"pg pg-0 primary", "pg pg-1 standby", "pg-0 pg-0-0 read-replica", "pg-reports pg-reports-0 read-replica",
		"pg-reports pg-reports-1 read-replica",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
}

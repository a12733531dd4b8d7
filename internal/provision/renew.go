package provision

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// renew has members restarted that serve a renewed certificate only after a restart, as Pgpool up to 4.7 and PgBouncer
// before 1.16 do. It does not restart anything itself: it makes a request of type Restart, which waits its turn, drains
// one pod after the other, can be seen, and can be deleted. Its name is made of the certificates, so that there is one
// request for each renewal, however often this runs.
func (r *Reconciler) renew(ctx context.Context, s *scope) (bool, kube.Outcome) {
	if s.paused() || s.halted || s.desired == nil || s.desired.TLS == nil || s.desired.TLS.Published == nil || !s.onlyCertificatesWait() {
		return true, kube.Done()
	}
	name := naming.RenewalRequest(s.Name(), report.HashFiles(s.desired.TLS.Published.Data))
	request := &unstructured.Unstructured{Object: map[string]any{
		"spec": map[string]any{
			"type": string(opsv1alpha1.OpsRestart), "databaseRef": map[string]any{"name": s.Name()}, "restart": map[string]any{},
		},
	}}
	request.SetGroupVersionKind(opsv1alpha1.GroupVersion.WithKind(s.Info.OpsKind))
	request.SetNamespace(s.Namespace())
	request.SetName(name)
	request.SetLabels(s.Labels(nil))
	r.ownByInstance(s, request)
	if err := r.client.Create(ctx, request); err != nil && !apierrors.IsAlreadyExists(err) {
		return true, kube.Failed(fmt.Errorf("create %s %s/%s, which restarts %s for its renewed certificate: %w",
			s.Info.OpsKind, s.Namespace(), name, s.title(), err))
	}
	return true, kube.Done()
}

// onlyCertificatesWait tells whether a renewed certificate is all that any member waits to be restarted for. Whoever waits
// for more, such as for another path to it, waits for somebody's change, which restarts nothing by itself.
func (s *scope) onlyCertificatesWait() bool {
	waits := false
	for _, m := range s.members {
		said, err := report.Parse(m.Pod.Annotations)
		if err != nil || said.Serving == nil || !said.Accepted(s.desired.Config.Annotations[naming.AnnotationConfigHash]) {
			return false
		}
		for _, name := range said.PendingRestart {
			if !slices.Contains(report.CertificateParameters, name) {
				return false
			}
			waits = true
		}
	}
	return waits
}

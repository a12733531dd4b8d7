package provision

import (
	"context"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/naming"
)

func TestARestartIsAskedForWhenARenewedCertificateIsAllThatWaitsForIt(t *testing.T) {
	t.Parallel()
	serving := &report.Serving{Serial: "1"}
	well := report.Report{ConfigHash: "new", Serving: serving}
	waits := report.Report{ConfigHash: "new", Serving: serving, PendingRestart: []string{"ssl_cert"}}
	more := report.Report{ConfigHash: "new", Serving: serving, PendingRestart: []string{"max_pool", "ssl_cert"}}
	for name, c := range map[string]struct {
		reports []report.Report
		want    bool
	}{
		"nobody waits":                   {[]report.Report{well, well}, false},
		"one waits":                      {[]report.Report{well, waits}, true},
		"all wait":                       {[]report.Report{waits, waits}, true},
		"somebody's change waits too":    {[]report.Report{waits, more}, false},
		"one has not said anything":      {[]report.Report{waits, {}}, false},
		"one has another configuration":  {[]report.Report{waits, {ConfigHash: "old", Serving: serving}}, false},
		"TLS itself waits for a restart": {[]report.Report{{ConfigHash: "new", PendingRestart: []string{"ssl_cert"}}}, false},
	} {
		s := observed(true, c.reports...)
		s.desired = &database.Desired{Config: &corev1.Secret{}}
		s.desired.Config.Annotations = map[string]string{naming.AnnotationConfigHash: "new"}
		if got := s.onlyCertificatesWait(); got != c.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestARenewedCertificateBringsOneRequestToRestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.make(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "mine"}, StringData: map[string]string{"text": "tls"}})
	w.create(configured("mine"))
	pod := &corev1.Pod{}
	w.eventually(func() error { return w.find(pod, "db-0") })
	config := &corev1.Secret{}
	w.eventually(func() error { return w.find(config, naming.ConfigSecret(instanceName, string(w.instance().UID))) })
	before := pod.DeepCopy()
	pod.Annotations = map[string]string{naming.AnnotationReport: report.Report{
		ConfigHash: config.Annotations[naming.AnnotationConfigHash], Serving: &report.Serving{Serial: "1"}, PendingRestart: []string{"ssl_cert"},
	}.String()}
	if err := env.Client.Patch(t.Context(), pod, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	requests := &unstructured.UnstructuredList{}
	requests.SetAPIVersion("ops.kubedb.com/v1alpha1")
	requests.SetKind("PgBouncerOpsRequestList")
	w.eventually(func() error {
		if err := env.Client.List(context.Background(), requests, client.InNamespace(w.ns)); err != nil {
			return err
		}
		if len(requests.Items) != 1 {
			return fmt.Errorf("there are %d requests", len(requests.Items))
		}
		return nil
	})
	spec, _, _ := unstructured.NestedMap(requests.Items[0].Object, "spec")
	if spec["type"] != "Restart" || fmt.Sprint(spec["databaseRef"]) != "map[name:db]" {
		t.Errorf("the request says %v", spec)
	}
	if owners := requests.Items[0].GetOwnerReferences(); len(owners) != 1 || owners[0].Name != instanceName {
		t.Errorf("it belongs to %v", owners)
	}
}

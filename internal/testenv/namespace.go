package testenv

import (
	"context"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Deadline bounds every wait of a test: generous, because it only matters when the test fails.
const Deadline = 90 * time.Second

// pollEvery is how often Eventually looks.
const pollEvery = 20 * time.Millisecond

// Namespace makes a namespace of the test's own, with the given labels (pairs of key and value), and returns its name. It
// is not deleted: no namespace controller runs, and the API server goes with the package. Without an API server (see Main)
// it skips the test.
func (e *Env) Namespace(t testing.TB, labels ...string) string {
	t.Helper()
	if e == nil {
		t.Skip("needs an API server, which is not started with -short or without " + assetsEnv)
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-", Labels: map[string]string{}}}
	for i := 0; i+1 < len(labels); i += 2 {
		ns.Labels[labels[i]] = labels[i+1]
	}
	if err := e.Client.Create(t.Context(), ns); err != nil {
		t.Fatalf("create a namespace: %v", err)
	}
	return ns.Name
}

// Eventually waits until check returns nil, and fails the test with its last error when it does not within Deadline.
func Eventually(t testing.TB, check func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Deadline)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	last := fmt.Errorf("never checked")
	for {
		if err := check(ctx); err == nil {
			return
		} else if ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			t.Fatalf("not within %s: %v", Deadline, last)
		case <-tick.C:
		}
	}
}

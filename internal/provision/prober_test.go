package provision

import (
	"context"
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/matriarchdb/matriarch/internal/database"
)

// TestAProbeThatHangsHoldsNobodyUp: the workers only leave a question and take the last answer, so more probes than there
// are workers may hang, and another instance is still asked.
func TestAProbeThatHangsHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	ps := newProbers()
	woken := make(chan types.NamespacedName, 1)
	ps.wake = func(name types.NamespacedName) { woken <- name }
	named := func(name string) types.NamespacedName { return types.NamespacedName{Namespace: "ns", Name: name} }
	check := database.HealthCheck{Period: time.Hour, Timeout: time.Hour, FailureThreshold: 1}
	hangs := question{check: check, ask: func(ctx context.Context) database.Health {
		<-ctx.Done()
		return database.Health{}
	}}
	for i := range 2 * workers {
		name := named(fmt.Sprint(i))
		ps.ask(name, hangs, false)
		defer ps.stop(name)
		if answer := ps.ask(name, hangs, true); answer != nil { // as the next pass of a worker does
			t.Errorf("a probe that hangs answers %+v", answer)
		}
	}
	ps.ask(named("well"), question{check: check, ask: func(context.Context) database.Health { return healthy }}, false)
	defer ps.stop(named("well"))
	select {
	case name := <-woken:
		if name != named("well") || !ps.last(name).Healthy() {
			t.Errorf("%s has the answer %+v", name, ps.last(name))
		}
	case <-time.After(20 * time.Second):
		t.Error("nobody is woken while other probes hang")
	}
}

package ops

import (
	"testing"
	"time"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
)

func at(second int) time.Time { return time.Date(2026, 1, 2, 3, 4, second, 0, time.UTC) }

func TestTheQueueDecidesWhoseTurnItIs(t *testing.T) {
	t.Parallel()
	const (
		restart     = opsv1alpha1.OpsRestart
		reconfigure = opsv1alpha1.OpsReconfigure
		update      = opsv1alpha1.OpsUpdateVersion
		progressing = opsv1alpha1.OpsRequestPhaseProgressing
		pending     = opsv1alpha1.OpsRequestPhasePending
		failed      = opsv1alpha1.OpsRequestPhaseFailed
	)
	cases := map[string]struct {
		reason   string
		self     queued
		others   []queued
		notReady bool
		wait     bool
		skipped  string
	}{
		"alone": {
			reason: "nobody else asks", self: queued{name: "a", kind: restart, created: at(1)},
		},
		"another is progressing": {
			reason: "one at a time", self: queued{name: "a", kind: restart, created: at(1)},
			others: []queued{{name: "b", kind: update, phase: progressing, created: at(2)}}, wait: true,
		},
		"a reconfigure while another is progressing": {
			reason: "a Reconfigure waits for that, too", self: queued{name: "a", kind: reconfigure, created: at(1)},
			others: []queued{{name: "b", kind: reconfigure, phase: progressing, created: at(0)}}, wait: true,
		},
		"others are over": {
			reason: "what is over does not count", self: queued{name: "a", kind: restart, created: at(2)},
			others: []queued{{name: "b", kind: restart, phase: failed, created: at(3)}},
		},
		"an older one of another type": {
			reason: "oldest first", self: queued{name: "a", kind: restart, created: at(2)},
			others: []queued{{name: "b", kind: update, phase: pending, created: at(1)}}, wait: true,
		},
		"a younger one of another type": {
			reason: "oldest first", self: queued{name: "a", kind: restart, created: at(1)},
			others: []queued{{name: "b", kind: update, created: at(2)}},
		},
		"a younger one of the same type": {
			reason: "only the newest is carried out", self: queued{name: "a", kind: restart, created: at(1)},
			others: []queued{{name: "b", kind: restart, created: at(2)}}, skipped: "b",
		},
		"two younger ones of the same type": {
			reason: "the newest of all takes the place", self: queued{name: "a", kind: restart, created: at(1)},
			others:  []queued{{name: "b", kind: restart, created: at(2)}, {name: "c", kind: restart, created: at(3)}},
			skipped: "c",
		},
		"same second, larger name": {
			reason: "the smaller name counts as newer", self: queued{name: "b", kind: restart, created: at(1)},
			others: []queued{{name: "a", kind: restart, created: at(1)}}, skipped: "a",
		},
		"same second, smaller name": {
			reason: "the smaller name counts as newer", self: queued{name: "a", kind: restart, created: at(1)},
			others: []queued{{name: "b", kind: restart, created: at(1)}},
		},
		"the newer one is a dry run": {
			reason: "a dry run takes nobody's place", self: queued{name: "a", kind: restart, created: at(1)},
			others: []queued{{name: "b", kind: restart, created: at(2), aside: true}},
		},
		"younger reconfigure": {
			reason: "a Reconfigure is never skipped", self: queued{name: "a", kind: reconfigure, created: at(1)},
			others: []queued{{name: "b", kind: reconfigure, created: at(2)}},
		},
		"older reconfigure": {
			reason: "Reconfigures go in their order", self: queued{name: "a", kind: reconfigure, created: at(2)},
			others: []queued{{name: "b", kind: reconfigure, created: at(1)}}, wait: true,
		},
		"a reconfigure overtakes": {
			reason: "it waits only for what is progressing", self: queued{name: "a", kind: reconfigure, created: at(2)},
			others: []queued{{name: "b", kind: restart, created: at(1)}},
		},
		"the older one will be skipped": {
			reason: "who is about to be skipped holds up nobody", self: queued{name: "a", kind: update, created: at(2)},
			others: []queued{{name: "b", kind: restart, created: at(1)}, {name: "c", kind: restart, created: at(3)}},
		},
		"not ready": {
			reason: "IfReady waits", self: queued{name: "a", kind: restart, created: at(1)}, notReady: true, wait: true,
		},
		"not ready, always": {
			reason: "Always does not", self: queued{name: "a", kind: restart, created: at(1), always: true}, notReady: true,
		},
		"not ready, an older one waits for ready": {
			reason: "the cure is not held up by the patient",
			self:   queued{name: "a", kind: restart, created: at(2), always: true}, notReady: true,
			others: []queued{{name: "b", kind: update, created: at(1)}},
		},
		"not ready, the newer one takes the place all the same": {
			reason: "skipping needs no ready database", self: queued{name: "a", kind: restart, created: at(1)}, notReady: true,
			others: []queued{{name: "b", kind: restart, created: at(2)}}, skipped: "b",
		},
		"a dry run": {
			reason: "a dry run waits for nothing that is pending", self: queued{name: "a", kind: restart, created: at(2), aside: true},
			notReady: true,
			others:   []queued{{name: "b", kind: update, created: at(1)}, {name: "c", kind: restart, created: at(3)}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := decide(tc.self, append([]queued{tc.self}, tc.others...), !tc.notReady)
			if (got.wait != "") != tc.wait {
				t.Errorf("%s: waits for %q, want waiting %t", tc.reason, got.wait, tc.wait)
			}
			skipped := ""
			if got.skippedFor != nil {
				skipped = got.skippedFor.name
			}
			if skipped != tc.skipped {
				t.Errorf("%s: skipped for %q, want %q", tc.reason, skipped, tc.skipped)
			}
		})
	}
}

// Whatever is pending, somebody can always go on, and never two that would both be carried out wait for each other.
func TestTheQueueNeverLocksUp(t *testing.T) {
	t.Parallel()
	types := []opsv1alpha1.OpsRequestType{opsv1alpha1.OpsRestart, opsv1alpha1.OpsReconfigure, opsv1alpha1.OpsUpdateVersion}
	for code := range 3 * 3 * 3 * 8 * 27 {
		all := make([]queued, 3)
		rest := code
		for i := range all {
			all[i] = queued{name: string(rune('a' + i)), kind: types[rest%3]}
			rest /= 3
		}
		for i := range all {
			all[i].always = rest%2 == 1
			rest /= 2
		}
		for i := range all {
			all[i].created = at(rest % 3)
			rest /= 3
		}
		moves := false
		for _, self := range all {
			moves = moves || decide(self, all, true).wait == ""
		}
		if !moves {
			t.Fatalf("nobody can go on: %+v", all)
		}
	}
}

func TestTheSkippedMessageNamesTheNewerRequest(t *testing.T) {
	t.Parallel()
	got := skippedMessage("demo", "PgpoolOpsRequest", queued{name: "new", kind: opsv1alpha1.OpsRestart, created: at(5)})
	want := "skipped as demo/new is the most updated PgpoolOpsRequest of type Restart at 2026-01-02T03:04:05Z"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

package pooler

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
)

// filled is the part of a spec that has defaults.
type filled struct {
	Replicas *int32
	Mode     sharedv1.SSLMode
	Policy   sharedv1.DeletionPolicy
	Health   sharedv1.HealthCheckSpec
	Postgres string
}

func health(period, timeout, failures int32) sharedv1.HealthCheckSpec {
	return sharedv1.HealthCheckSpec{PeriodSeconds: &period, TimeoutSeconds: &timeout, FailureThreshold: &failures}
}

func TestDefaultsFillOnlyWhatIsAbsent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in     filled
		tls    *sharedv1.TLSConfig
		halted bool
		want   filled
	}{
		"nothing said": {want: filled{ptr.To[int32](1), sharedv1.SSLModeDisable, sharedv1.DeletionPolicyDelete, health(10, 10, 1), "demo"}},
		"all said": {
			in:   filled{ptr.To[int32](0), sharedv1.SSLModeRequire, sharedv1.DeletionPolicyWipeOut, health(1, 2, 3), "data"},
			want: filled{ptr.To[int32](0), sharedv1.SSLModeRequire, sharedv1.DeletionPolicyWipeOut, health(1, 2, 3), "data"},
		},
		"TLS": {
			tls:  &sharedv1.TLSConfig{},
			want: filled{ptr.To[int32](1), sharedv1.SSLModeVerifyFull, sharedv1.DeletionPolicyDelete, health(10, 10, 1), "demo"},
		},
		"halted": {
			in: filled{Policy: sharedv1.DeletionPolicyWipeOut}, halted: true,
			want: filled{ptr.To[int32](1), sharedv1.SSLModeDisable, sharedv1.DeletionPolicyHalt, health(10, 10, 1), "demo"},
		},
		"halted though protected, which is refused and not overruled": {
			in: filled{Policy: sharedv1.DeletionPolicyDoNotTerminate}, halted: true,
			want: filled{ptr.To[int32](1), sharedv1.SSLModeDisable, sharedv1.DeletionPolicyDoNotTerminate, health(10, 10, 1), "demo"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := c.in
			for range 2 { // twice is once
				FillDefaults(Defaults{
					Replicas: &got.Replicas, SSLMode: &got.Mode, TLS: c.tls, Halted: c.halted, DeletionPolicy: &got.Policy,
					Health: &got.Health, Postgres: &got.Postgres, Namespace: "demo",
				})
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}

package agent

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/matriarchdb/matriarch/internal/agent/apply"
	"github.com/matriarchdb/matriarch/internal/agent/health"
	"github.com/matriarchdb/matriarch/internal/agent/kubeapi"
	"github.com/matriarchdb/matriarch/internal/agent/supervise"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// runtime is what every kind of agent has.
type runtime struct {
	settings Settings
	sup      *supervise.Supervisor
	client   *kubeapi.Client
	announce *kubeapi.Announcer
	report   *apply.Reporter
	health   *health.State
	probes   *health.Probes
}

// Run serves until stop ends, then shuts the server down and returns. An error means that the agent could not even
// start; trouble with the server is reported and retried instead.
func Run(stop context.Context, settings Settings) error {
	if err := os.MkdirAll(settings.path(naming.RunDir), 0o700); err != nil {
		return fmt.Errorf("make the agent's own folder: %w", err)
	}
	rt, err := newRuntime(settings)
	if err != nil {
		return err
	}
	// What accompanies the server ends after it, so that the last words are still said.
	around, end := context.WithCancel(context.Background())
	var company sync.WaitGroup
	if os.Getpid() == 1 {
		company.Go(func() { rt.sup.Reap(around) })
	}
	company.Go(func() { rt.announce.Run(around) })
	company.Go(func() {
		if err := health.Serve(around, settings.Listen, rt.probes); err != nil {
			slog.Error("no probe will be answered", "error", err)
		}
	})
	rt.serve(stop, around)
	end()
	company.Wait()
	return nil
}

func newRuntime(settings Settings) (*runtime, error) {
	config, err := kubeapi.Config()
	if err != nil {
		return nil, err
	}
	client, err := kubeapi.New(config, settings.Namespace)
	if err != nil {
		return nil, err
	}
	announce := kubeapi.NewAnnouncer(client, settings.Pod, settings.PodUID)
	state := &health.State{}
	return &runtime{settings: settings, sup: supervise.New(os.Stdout), client: client, announce: announce,
		report: apply.NewReporter(func(text string) { announce.Annotate(naming.AnnotationReport, text) }),
		health: state, probes: health.NewProbes(state)}, nil
}

// followCertificates tells the applier which certificates are published, until ctx ends; changed is called after each
// change. The applier waits for the first answer.
func (rt *runtime) followCertificates(ctx context.Context, applier *apply.Applier, changed func()) {
	if rt.settings.TLSSecret == "" {
		return
	}
	applier.AwaitCertificates()
	go rt.client.FollowSecret(ctx, rt.settings.TLSSecret, func(secret *corev1.Secret) {
		applier.Certify(apply.CertificatesOf(secret))
		changed()
	})
}

// retryEvery is the pause after what looks like it needs a person.
const retryEvery = 10 * time.Second

// serve runs the server of the pod's kind. What stands in its way for good, such as an image without the server's
// programs, is reported and tried again at leisure: a container that keeps dying says less.
func (rt *runtime) serve(stop, around context.Context) {
	for {
		var err error
		switch rt.settings.Kind {
		case KindPgpool, KindPgBouncer:
			err = rt.runPooler(stop, around)
		case KindPostgres:
			err = rt.runPostgres(stop, around)
		default:
			err = fmt.Errorf("no agent for kind %s", rt.settings.Kind)
		}
		if err == nil {
			return
		}
		slog.Error("cannot run the server", "error", err)
		rt.report.Problem(err.Error())
		rt.health.SetReady(false, err.Error())
		select {
		case <-stop.Done():
			return
		case <-time.After(retryEvery):
		}
	}
}

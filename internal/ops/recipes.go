package ops

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/ops/step"
)

// recipe is a type of operation: how it is planned, its steps, and the steps that undo it from wherever it got to.
type recipe struct {
	plan        func(context.Context, *step.Scope) (*planned, error)
	steps, undo []step.Step
	// tidy removes what the steps left behind on purpose; nil is nothing.
	tidy func(context.Context, client.Client, client.Reader, opsv1alpha1.OpsRequest) error
	// unknown means that the kind of database does not have the operation.
	unknown bool
}

// recipes are all types of operations. To add one, list its steps here and give the kinds the words for it.
func recipes() map[opsv1alpha1.OpsRequestType]recipe {
	return map[opsv1alpha1.OpsRequestType]recipe{
		opsv1alpha1.OpsRestart: {
			plan:  planRestart,
			steps: []step.Step{step.RestartPods{All: true}},
			undo:  []step.Step{step.RestorePods{Await: true}},
		},
		opsv1alpha1.OpsReconfigure: {
			plan:  planReconfigure,
			steps: []step.Step{step.UpdateObjects{}, step.ReloadPods{}, step.RestartPods{}, step.UpdateDatabase{}},
			undo:  []step.Step{step.RestoreDatabase{}, step.RestoreObjects{}, step.RestorePods{}},
		},
		opsv1alpha1.OpsReconfigureTLS: {
			plan: planReconfigureTLS,
			steps: []step.Step{
				step.SyncCertificates{}, step.IntroduceClients{}, step.ReleaseClients{}, step.UpdateObjects{}, step.ReloadPods{},
				step.RestartPods{}, step.ProveCertificates{}, step.UpdateDatabase{},
			},
			undo: []step.Step{
				step.RestoreDatabase{}, step.RestoreObjects{}, step.RestoreCertificates{}, step.RestorePods{},
			},
		},
		opsv1alpha1.OpsUpdateVersion: {
			plan:  planUpdateVersion,
			steps: []step.Step{step.TryVersion{}, step.UpdateObjects{}, step.RestartPods{All: true}, step.UpdateDatabase{}},
			undo:  []step.Step{step.RestoreDatabase{}, step.RestoreObjects{}, step.RestorePods{}},
			tidy:  step.RemoveTrial,
		},
	}
}

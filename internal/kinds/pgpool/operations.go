package pgpool

import (
	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/database"
)

// operations is what can be done to a running Pgpool. All of it is pure.
type operations struct{}

// Operation returns the words for one type of operation.
func (operations) Operation(t opsv1alpha1.OpsRequestType) (database.OperationTexts, bool) {
	texts := database.OperationTexts{
		Start:    database.Text{Type: string(t)},
		Objects:  database.Text{Type: opsv1alpha1.ConditionUpdatePetSets, Message: "Successfully updated PetSet"},
		Reload:   database.Text{Type: opsv1alpha1.ConditionReloadPods, Message: "Successfully reloaded the configuration of the Pgpool pods"},
		Restart:  database.Text{Type: opsv1alpha1.ConditionRestartPods, Message: "Successfully Restarted Pods With Resources"},
		Database: database.Text{Type: opsv1alpha1.ConditionUpdateDatabase, Message: "Successfully updated Pgpool"},
		Success:  database.Text{Type: opsv1alpha1.ConditionSuccessful},

		PodChosen:  []string{opsv1alpha1.ConditionGetPod},
		PodEvicted: []string{opsv1alpha1.ConditionEvictPod},
		PodBack:    []string{opsv1alpha1.ConditionCheckPodRunning},
	}
	switch t {
	case opsv1alpha1.OpsRestart:
		texts.Start.Message = "Pgpool ops-request has started to restart pgpool nodes"
		texts.Restart = database.Text{Type: opsv1alpha1.ConditionRestartNodes, Message: "Successfully Restarted Pgpool nodes"}
		texts.Success.Message = "Controller has successfully restarted the Pgpool replicas"
	case opsv1alpha1.OpsReconfigure:
		texts.Start.Message = "Pgpool ops-request has started to `Reconfigure` the Pgpool nodes"
		texts.Success.Message = "Successfully completed the reconfigure for Pgpool"
	case opsv1alpha1.OpsUpdateVersion:
		texts.Start.Message = "Pgpool ops-request has started to update version"
		texts.Objects.Message = "successfully reconciled the Pgpool with updated version"
		texts.Restart.Message = "Successfully Restarted Pgpool pods"
		texts.Success.Message = "Successfully updated Pgpool version"
	case opsv1alpha1.OpsReconfigureTLS:
		texts.Start.Message = "Pgpool ops-request has started to reconfigure tls for Pgpool nodes"
		texts.Certificates = database.Text{Type: opsv1alpha1.ConditionCertificateSynced, Message: "Successfully synced all certificates"}
		texts.Objects.Message = "successfully reconciled the Pgpool with TLS"
		texts.Restart.Message = "Successfully Restarted Pgpool pods"
		texts.Success.Message = "Successfully updated Pgpool TLS"
	default:
		return database.OperationTexts{}, false
	}
	return texts, true
}

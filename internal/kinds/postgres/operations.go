package postgres

import (
	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/database"
)

// Operation returns the words for one type of operation.
func (Kind) Operation(t opsv1alpha1.OpsRequestType) (database.OperationTexts, bool) {
	texts := database.OperationTexts{
		Start:    database.Text{Type: string(t)},
		Objects:  database.Text{Type: opsv1alpha1.ConditionUpdatePetSets, Message: "Successfully updated petsets"},
		Reload:   database.Text{Type: opsv1alpha1.ConditionReloadPods, Message: "Successfully reloaded the configuration of all nodes"},
		Restart:  database.Text{Type: opsv1alpha1.ConditionRestartNodes, Message: "Successfully restarted all nodes"},
		Database: database.Text{Type: opsv1alpha1.ConditionUpdateDatabase, Message: "Successfully updated Postgres"},
		Success:  database.Text{Type: opsv1alpha1.ConditionSuccessful},

		PodEvicted: []string{opsv1alpha1.ConditionEvictPod},
		PodBack:    []string{opsv1alpha1.ConditionCheckPodReady, opsv1alpha1.ConditionCheckReplicaFunc},
	}
	switch t {
	case opsv1alpha1.OpsRestart:
		texts.Start.Message = "Postgres ops request is restarting nodes"
		texts.Success.Message = "Successfully completed the modification process."
	case opsv1alpha1.OpsReconfigure:
		texts.Start.Message = "Postgres ops request is reconfiguring the database"
		texts.Restart.Message = "Successfully restarted the nodes that needed it"
		texts.Success.Message = "Successfully reconfigured Postgres"
	case opsv1alpha1.OpsUpdateVersion:
		texts.Start.Message = "Postgres ops request is updating the database version"
		texts.Objects.Message = "Successfully updated the image of the petsets"
		texts.Success.Message = "Successfully completed the modification process."
	case opsv1alpha1.OpsReconfigureTLS:
		texts.Start.Message = "Postgres ops request is reconfiguring TLS"
		texts.Certificates = database.Text{
			Type: opsv1alpha1.ConditionCertificateSynced, Message: "Successfully synced all certificates",
		}
		texts.Restart.Message = "Successfully restarted the nodes that needed it"
		texts.Success.Message = "Successfully reconfigured TLS of Postgres"
	default:
		return database.OperationTexts{}, false
	}
	return texts, true
}

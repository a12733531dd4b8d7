package pgbouncer

import (
	"fmt"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/database"
)

// operations is what can be done to a running PgBouncer. All of it is pure.
type operations struct{}

// Operation returns the words for one type of operation.
func (operations) Operation(t opsv1alpha1.OpsRequestType) (database.OperationTexts, bool) {
	const about = "performed successfully in PgBouncer: {database} for PgBouncerOpsRequest: {request}"
	texts := database.OperationTexts{
		Start: database.Text{
			Type:    opsv1alpha1.ConditionRunning,
			Message: fmt.Sprintf("Controller has started to Progress with %s of PgBouncerOpsRequest: {namespace}/{request}", t),
		},
		Objects: database.Text{Type: opsv1alpha1.ConditionUpdatePetSets, Message: "Successfully updated the configuration and the PetSet"},
		Reload: database.Text{
			Type: opsv1alpha1.ConditionReloadPods, Reason: opsv1alpha1.ReasonReloadPodsSucceeded, Message: "Reloading " + about,
		},
		Restart: database.Text{
			Type: opsv1alpha1.ConditionRestartPods, Reason: opsv1alpha1.ReasonRestartPodsSucceeded, Message: "Restarting pods " + about,
		},
		Database: database.Text{Type: opsv1alpha1.ConditionUpdateDatabase, Message: "Successfully updated PgBouncer"},
		Success: database.Text{
			Type:    opsv1alpha1.ConditionSuccessful,
			Message: fmt.Sprintf("Controller has successfully completed with %s of PgBouncerOpsRequest: {namespace}/{request}", t),
		},

		PodChosen:  []string{opsv1alpha1.ConditionGetPod},
		PodEvicted: []string{opsv1alpha1.ConditionEvictPod},
		PodBack:    []string{opsv1alpha1.ConditionCheckPodReady, opsv1alpha1.ConditionCheckPgBouncerRunning},
	}
	switch t {
	case opsv1alpha1.OpsRestart:
		texts.Restart.Message = "Restarting all pods " + about
	case opsv1alpha1.OpsReconfigure:
	case opsv1alpha1.OpsUpdateVersion:
		texts.Restart.Message = "Restarting all pods " + about
		texts.Closing = database.Text{Type: opsv1alpha1.ConditionVersionUpdate, Message: "Successfully version updated"}
	case opsv1alpha1.OpsReconfigureTLS:
		texts.Certificates = database.Text{Type: opsv1alpha1.ConditionCertificateSynced, Message: "Successfully synced all certificates"}
	default:
		return database.OperationTexts{}, false
	}
	return texts, true
}

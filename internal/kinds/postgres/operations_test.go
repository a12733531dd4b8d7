package postgres

import (
	"testing"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
)

func TestOperationsHaveTheWordsThatScriptsLookFor(t *testing.T) {
	t.Parallel()
	for operation, want := range map[opsv1alpha1.OpsRequestType]string{
		opsv1alpha1.OpsRestart:     "Successfully restarted all nodes",
		opsv1alpha1.OpsReconfigure: "Successfully restarted the nodes that needed it",
	} {
		texts, known := Kind{}.Operation(operation)
		if !known || texts.Start.Type != string(operation) || texts.Restart.Type != "RestartNodes" || texts.Restart.Message != want {
			t.Errorf("%s: %+v", operation, texts)
		}
	}
	if _, known := (Kind{}).Operation(opsv1alpha1.OpsSetRaftKeyPair); known {
		t.Error("there is no raft here")
	}
}

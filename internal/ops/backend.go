package ops

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/database"
)

// backendLook is how soon to look again at an operation on the Postgres behind a pooler.
const backendLook = time.Second

// backendSettled returns a *database.Waiting while the TLS of the Postgres behind a pooler is being changed: the pooler's
// configuration follows from it, and what an operation planned would not be what is wanted at its end.
//
// It is asked before the pooler is paused and again afterwards, and the operation on the Postgres looks for paused poolers
// after it has paused the Postgres (step.IntroduceClients). So whichever comes second sees the other.
func (run *run) backendSettled(ctx context.Context) error {
	key := run.database.Spec().Backend
	if key.Name == "" {
		return nil
	}
	server := &kubedbv1.Postgres{}
	if err := run.r.reader.Get(ctx, key, server); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("read the Postgres %s behind the pooler: %w", key, err)
	}
	holder, _ := pausedBy(server.DatabaseStatus())
	if holder == (hold{}) {
		return nil
	}
	request := &opsv1alpha1.PostgresOpsRequest{}
	at := client.ObjectKey{Namespace: key.Namespace, Name: holder.name}
	if err := run.r.reader.Get(ctx, at, request); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("read the PostgresOpsRequest %s, which holds the Postgres behind the pooler: %w", at, err)
	}
	if request.UID != holder.uid || request.Spec.Type != opsv1alpha1.OpsReconfigureTLS {
		return nil
	}
	return &database.Waiting{
		What:    fmt.Sprintf("the PostgresOpsRequest %s, which changes how the Postgres behind speaks TLS", at),
		Recheck: backendLook,
	}
}

package lease

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// API reads and writes the Lease.
type API interface {
	Lease(ctx context.Context, name string) (*coordinationv1.Lease, error)
	UpdateLease(ctx context.Context, lease *coordinationv1.Lease) (*coordinationv1.Lease, error)
}

// Keeper holds the Lease for one run of an agent.
type Keeper struct {
	API  API
	Name string
	By   Holder
	// Source names the server elsewhere that the holder follows; empty for a primary.
	Source string

	systemID string
	held     *coordinationv1.Lease
}

// ErrLost says that another agent holds the Lease.
var ErrLost = errors.New("another agent holds the leader Lease")

// MismatchError says that the Lease records another cluster than the one that asks for it.
type MismatchError struct{ Lease, Recorded, Own string }

// Error says what to look at.
func (e *MismatchError) Error() string {
	return fmt.Sprintf("take lease %s: it records system %s, this data is of system %s", e.Lease, e.Recorded, e.Own)
}

// Acquire takes the Lease by compare and swap and records the system identifier in the same write. The decision that
// this agent may take it has been made; a change of the Lease meanwhile is an error. A Lease that could not be written
// is taken later by Keep.
func (k *Keeper) Acquire(ctx context.Context, systemID string) error {
	k.systemID = systemID
	current, err := k.API.Lease(ctx, k.Name)
	if err != nil {
		return err
	}
	if recorded := SystemID(current); recorded != "" && recorded != systemID {
		return &MismatchError{Lease: k.Name, Recorded: recorded, Own: systemID}
	}
	held, err := k.API.UpdateLease(ctx, Following(Take(current, k.By, systemID, time.Now()), k.Source))
	if err != nil {
		return err
	}
	k.held = held
	return nil
}

// Keep renews until ctx ends, or returns ErrLost. Failures to reach the API server are no reason to give up while
// the primary is fixed: nobody else may take over. With failover this is where the deadline of the last successful
// renewal ends the primary (DESIGN §6).
func (k *Keeper) Keep(ctx context.Context) error {
	tick := time.NewTicker(Renew)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := k.renew(ctx)
		switch {
		case errors.Is(err, ErrLost):
			return err
		case err != nil && !failing && ctx.Err() == nil:
			slog.Warn("cannot renew the leader Lease, will try again", "error", err)
		case err == nil && failing:
			slog.Info("the leader Lease is renewed again")
		}
		failing = err != nil
	}
}

// renew writes a renewal over the version held; after a conflict it looks who wrote.
func (k *Keeper) renew(ctx context.Context) error {
	if k.held == nil {
		err := k.Acquire(ctx, k.systemID)
		var mismatch *MismatchError
		if errors.As(err, &mismatch) {
			return fmt.Errorf("%w: %w", ErrLost, err)
		}
		return err
	}
	stored, err := k.API.UpdateLease(ctx, Renewed(k.held, time.Now()))
	if err == nil {
		k.held = stored
		return nil
	}
	if !apierrors.IsConflict(err) {
		return err
	}
	current, err := k.API.Lease(ctx, k.Name)
	if err != nil {
		return err
	}
	if !Held(current, k.By) {
		return ErrLost
	}
	k.held = current // somebody else changed a label or an annotation
	if stored, err = k.API.UpdateLease(ctx, Renewed(current, time.Now())); err == nil {
		k.held = stored
	}
	return err
}

// Release gives the Lease back after the server is down; it has one try.
func (k *Keeper) Release(ctx context.Context) {
	if k.held == nil {
		return
	}
	current, err := k.API.Lease(ctx, k.Name)
	if err == nil && Held(current, k.By) {
		_, err = k.API.UpdateLease(ctx, Released(current))
	}
	if err != nil {
		slog.Warn("cannot give the leader Lease back", "error", err)
	}
	k.held = nil
}

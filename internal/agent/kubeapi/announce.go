package kubeapi

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Announcer keeps annotations and labels of the agent's own pod as the agent wants them. Setting never blocks; one
// goroutine writes the newest state, as often as it takes.
type Announcer struct {
	client *Client
	pod    string
	uid    string

	mu          sync.Mutex
	annotations map[string]string
	labels      map[string]string
	changed     chan struct{}
}

// NewAnnouncer returns an Announcer for the pod; the UID keeps a late agent from writing on a namesake.
func NewAnnouncer(client *Client, pod, uid string) *Announcer {
	return &Announcer{client: client, pod: pod, uid: uid,
		annotations: map[string]string{}, labels: map[string]string{}, changed: make(chan struct{}, 1)}
}

// Annotate sets an annotation.
func (a *Announcer) Annotate(key, value string) { a.set(a.annotations, key, value) }

// Label sets a label.
func (a *Announcer) Label(key, value string) { a.set(a.labels, key, value) }

func (a *Announcer) set(m map[string]string, key, value string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if old, found := m[key]; found && old == value {
		return
	}
	m[key] = value
	a.wake()
}

func (a *Announcer) wake() {
	select {
	case a.changed <- struct{}{}:
	default:
	}
}

// Run writes changes until ctx ends, and the last ones on its way out.
func (a *Announcer) Run(ctx context.Context) {
	pause := retryFirst
	for {
		select {
		case <-ctx.Done():
			a.flush()
			return
		case <-a.changed:
		}
		for {
			err := a.write(ctx)
			if err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
				// Not found or another UID: the pod is gone, and there is nobody left to tell.
				pause = retryFirst
				break
			}
			if ctx.Err() != nil {
				a.wake()
				break
			}
			slog.Warn("cannot write on the own pod, will try again", "pause", pause, "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
			pause = min(2*pause, retryMax)
		}
	}
}

// flush writes what is left to say when the agent stops; it has one try.
func (a *Announcer) flush() {
	select {
	case <-a.changed:
	default:
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout/5)
	defer cancel()
	_ = a.write(ctx)
}

func (a *Announcer) write(ctx context.Context) error {
	a.mu.Lock()
	metadata := map[string]any{"uid": a.uid}
	if len(a.annotations) > 0 {
		metadata["annotations"] = maps.Clone(a.annotations)
	}
	if len(a.labels) > 0 {
		metadata["labels"] = maps.Clone(a.labels)
	}
	a.mu.Unlock()
	patch, err := json.Marshal(map[string]any{"metadata": metadata})
	if err != nil {
		return err
	}
	return a.client.PatchPod(ctx, a.pod, patch)
}

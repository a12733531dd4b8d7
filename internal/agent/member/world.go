package member

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/matriarchdb/matriarch/internal/agent/apply"
	"github.com/matriarchdb/matriarch/internal/agent/decide"
	"github.com/matriarchdb/matriarch/internal/agent/kubeapi"
	"github.com/matriarchdb/matriarch/internal/agent/lease"
	"github.com/matriarchdb/matriarch/internal/agent/pg"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// Names says where to find the objects.
type Names struct {
	Namespace, Config, Auth, Lease string
	// Source is the Secret of the server that the cluster follows; empty for a cluster of its own.
	Source string
}

// World is what the agent knows of the API objects: it follows them and remembers their last state.
type World struct {
	client  *kubeapi.Client
	names   Names
	applier *apply.Applier
	scratch string
	keep    string // file that keeps the administrator for a restart without the API server
	began   time.Time

	mu      sync.Mutex
	admin   *pg.Admin
	source  *Source
	lease   *coordinationv1.Lease
	seen    bool
	changed chan struct{}
}

// awayAfter is how long the first answer of the API server is waited for before going on without it.
const awayAfter = 10 * time.Second

// NewWorld returns a World; scratch is a private folder that lives as long as the pod.
func NewWorld(client *kubeapi.Client, names Names, applier *apply.Applier, scratch string) *World {
	w := &World{client: client, names: names, applier: applier, scratch: scratch, keep: filepath.Join(scratch, "admin"),
		began: time.Now(), changed: make(chan struct{}, 1)}
	if text, err := os.ReadFile(w.keep); err == nil {
		if user, password, found := strings.Cut(string(text), "\n"); found {
			w.admin = &pg.Admin{User: user, Password: password}
		}
	}
	w.recallSource()
	return w
}

// Follow follows the objects until ctx ends.
func (w *World) Follow(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() { w.client.FollowSecret(ctx, w.names.Config, w.sawConfig) })
	all.Go(func() { w.client.FollowSecret(ctx, w.names.Auth, w.sawAuth) })
	if w.names.Source != "" {
		all.Go(func() { w.client.FollowSecret(ctx, w.names.Source, w.sawSource) })
	}
	all.Go(func() { w.client.FollowLease(ctx, w.names.Lease, w.sawLease) })
	all.Wait()
}

// Changed has an element when something is new since it was last received from.
func (w *World) Changed() <-chan struct{} { return w.changed }

// Admin returns the administrator, if known.
func (w *World) Admin() (pg.Admin, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.admin == nil {
		return pg.Admin{}, false
	}
	return *w.admin, true
}

// Lease returns what is known of the Lease.
func (w *World) Lease() decide.Lease {
	w.mu.Lock()
	defer w.mu.Unlock()
	return decide.Lease{Seen: w.seen, Away: !w.seen && time.Since(w.began) > awayAfter, Exists: w.lease != nil,
		Holder: lease.HolderPod(w.lease), SystemID: lease.SystemID(w.lease), Source: lease.Source(w.lease)}
}

func (w *World) sawConfig(secret *corev1.Secret) {
	defer w.Wake()
	if secret == nil {
		w.applier.Lack(fmt.Sprintf("Secret %s/%s does not exist", w.names.Namespace, w.names.Config))
		return
	}
	present, former := apply.Split(secret.Data)
	w.applier.Want(apply.Set{Config: present}, former)
}

func (w *World) sawAuth(secret *corev1.Secret) {
	if secret == nil {
		return // who is known stays known
	}
	admin := pg.Admin{User: string(secret.Data[naming.AuthUsername]), Password: string(secret.Data[naming.AuthPassword])}
	if admin.User == "" || admin.Password == "" {
		return
	}
	_ = apply.WriteFile(w.keep, []byte(admin.User+"\n"+admin.Password), 0o600)
	w.mu.Lock()
	w.admin = &admin
	w.mu.Unlock()
	w.Wake()
}

func (w *World) sawLease(l *coordinationv1.Lease) {
	w.mu.Lock()
	// A renewal changes nothing that anybody here waits for.
	same := w.seen && (l == nil) == (w.lease == nil) && lease.HolderPod(l) == lease.HolderPod(w.lease) && lease.SystemID(l) == lease.SystemID(w.lease)
	w.lease, w.seen = l, true
	w.mu.Unlock()
	if !same {
		w.Wake()
	}
}

// Wake says that something is new.
func (w *World) Wake() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

package pooler

import (
	"context"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"

	"github.com/matriarchdb/matriarch/internal/agent/apply"
	"github.com/matriarchdb/matriarch/internal/agent/kubeapi"
)

// Secrets follows the two Secrets of a pooler and tells the Applier what they hold.
type Secrets struct {
	client      *kubeapi.Client
	namespace   string
	config      string
	credentials string
	applier     *apply.Applier

	mu      sync.Mutex
	states  map[string]*corev1.Secret // an entry that is nil: the Secret does not exist
	changed chan struct{}
}

// Names says where to find the Secrets.
type Names struct{ Namespace, Config, Credentials string }

// NewSecrets returns Secrets that tell the applier.
func NewSecrets(client *kubeapi.Client, names Names, applier *apply.Applier) *Secrets {
	return &Secrets{client: client, namespace: names.Namespace, config: names.Config, credentials: names.Credentials,
		applier: applier, states: map[string]*corev1.Secret{}, changed: make(chan struct{}, 1)}
}

// Changed has an element when the Applier has been told something new.
func (s *Secrets) Changed() <-chan struct{} { return s.changed }

// Follow follows until ctx ends.
func (s *Secrets) Follow(ctx context.Context) {
	var both sync.WaitGroup
	for _, name := range []string{s.config, s.credentials} {
		both.Go(func() {
			s.client.FollowSecret(ctx, name, func(secret *corev1.Secret) { s.saw(name, secret) })
		})
	}
	both.Wait()
}

func (s *Secrets) saw(name string, secret *corev1.Secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.states[name] = secret
	if len(s.states) < 2 {
		return
	}
	for _, needed := range []string{s.config, s.credentials} {
		if s.states[needed] == nil {
			s.applier.Lack(fmt.Sprintf("Secret %s/%s does not exist", s.namespace, needed))
			s.Wake()
			return
		}
	}
	present, former := apply.Split(s.states[s.config].Data)
	credentials, _ := apply.Split(s.states[s.credentials].Data)
	s.applier.Want(apply.Set{Config: present, Credentials: credentials}, former)
	s.Wake()
}

// Wake says that the Applier has been told something new.
func (s *Secrets) Wake() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

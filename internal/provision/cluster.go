package provision

import (
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// cluster remembers which kinds the cluster has. Some, such as ServiceMonitor, are there only if somebody installed
// them, and asking for a kind that is not there costs a request each time.
type cluster struct {
	client client.Client
	now    func() time.Time

	mu      sync.Mutex
	missing map[schema.GroupKind]time.Time // when it was last asked for
}

// askAgain is after how long a kind that was missing may have been installed.
const askAgain = 5 * time.Minute

func newCluster(c client.Client, now func() time.Time) *cluster {
	return &cluster{client: c, now: now, missing: map[schema.GroupKind]time.Time{}}
}

// knows tells whether the cluster has the kind of the object.
func (c *cluster) knows(o client.Object) (bool, error) {
	gvk, err := apiutil.GVKForObject(o, c.client.Scheme())
	if err != nil {
		return false, err
	}
	c.mu.Lock()
	asked, known := c.missing[gvk.GroupKind()]
	c.mu.Unlock()
	if known && c.now().Sub(asked) < askAgain {
		return false, nil
	}
	_, err = c.client.RESTMapper().RESTMapping(gvk.GroupKind(), gvk.Version)
	switch {
	case meta.IsNoMatchError(err):
		c.mu.Lock()
		defer c.mu.Unlock()
		c.missing[gvk.GroupKind()] = c.now()
		return false, nil
	case err != nil:
		return false, fmt.Errorf("find out whether the cluster has the kind %s: %w", gvk.Kind, err)
	}
	return true, nil
}

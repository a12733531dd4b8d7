package ops

import (
	"fmt"
	"regexp"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/kube"
)

// hold says which request has paused a database. It is written into the condition Paused, and only there.
type hold struct {
	name string
	uid  types.UID
}

// A condition of this reason has a message of this form.
const holdFormat = "%s %s (uid %s) is being carried out; the provisioner waits for it"

var holdPattern = regexp.MustCompile(`^\S+ [^ /]+/(\S+) \(uid ([^)]+)\) `)

// holdOf is the hold that a request takes.
func holdOf(request client.Object) hold { return hold{request.GetName(), request.GetUID()} }

// pausedBy returns the request that holds a database. Somebody else than an operation may have paused it: it is then
// paused, and the hold is zero.
func pausedBy(status *sharedv1.DatabaseStatus) (h hold, paused bool) {
	c := kube.FindCondition(status.Conditions, sharedv1.ConditionPaused)
	if c == nil || c.Status != metav1.ConditionTrue {
		return hold{}, false
	}
	if c.Reason != sharedv1.ReasonPausedByOpsRequest {
		return hold{}, true
	}
	found := holdPattern.FindStringSubmatch(c.Message)
	if found == nil {
		return hold{}, true
	}
	return hold{found[1], types.UID(found[2])}, true
}

// take sets the condition Paused.
func take(status *sharedv1.DatabaseStatus, kind string, request client.Object, now metav1.Time) {
	kube.SetCondition(&status.Conditions, sharedv1.Condition{
		Type: sharedv1.ConditionPaused, Status: metav1.ConditionTrue, Reason: sharedv1.ReasonPausedByOpsRequest,
		Message: fmt.Sprintf(holdFormat, kind, client.ObjectKeyFromObject(request), request.GetUID()),
	}, now)
}

// release removes the condition Paused if h holds it, and nobody else's.
func release(status *sharedv1.DatabaseStatus, h hold) {
	if holder, _ := pausedBy(status); holder == h && h != (hold{}) {
		kube.RemoveCondition(&status.Conditions, sharedv1.ConditionPaused)
	}
}

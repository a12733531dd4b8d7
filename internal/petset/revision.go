package petset

import (
	"cmp"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/rand"

	api "github.com/matriarchdb/matriarch/api/apps/v1"
)

// Revision is one version of a set's pod template.
type Revision struct {
	// Name of the ControllerRevision, and value of the label api.RevisionLabel on its pods.
	Name string
	// Template of the pods.
	Template *corev1.PodTemplateSpec
}

// hashLabel carries a ControllerRevision's hash, as for StatefulSets.
const hashLabel = "controller.kubernetes.io/hash"

// maxPrefix leaves room in a revision's name for "-" and ten characters of hash: the name is also a label value.
const maxPrefix = 63 - 11

// revisionData is what a ControllerRevision holds: a strategic merge patch that puts the template back, the same text that a
// StatefulSet's revisions hold.
type revisionData struct {
	Spec struct {
		Template json.RawMessage `json:"template"`
	} `json:"spec"`
}

// encodeTemplate renders a template as a revision's data. Equal templates render equally.
func encodeTemplate(template *corev1.PodTemplateSpec) ([]byte, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(template)
	if err != nil {
		return nil, fmt.Errorf("encode the pod template: %w", err)
	}
	fields["$patch"] = "replace"
	raw, err := json.Marshal(map[string]any{"spec": map[string]any{"template": fields}})
	if err != nil {
		return nil, fmt.Errorf("encode the pod template: %w", err)
	}
	return raw, nil
}

// decodeTemplate reads the template out of a revision's data.
func decodeTemplate(revision *appsv1.ControllerRevision) (*corev1.PodTemplateSpec, error) {
	var data revisionData
	template := &corev1.PodTemplateSpec{}
	err := json.Unmarshal(revision.Data.Raw, &data)
	if err == nil {
		err = json.Unmarshal(data.Spec.Template, template)
	}
	if err != nil {
		return nil, fmt.Errorf("ControllerRevision %s/%s does not hold a pod template: %w", revision.Namespace, revision.Name, err)
	}
	return template, nil
}

// holds tells whether a revision is one of the given template. The templates are compared, not the texts: a later version
// of this program may render the same template differently, and must not take that for a change.
func holds(revision *appsv1.ControllerRevision, template *corev1.PodTemplateSpec) bool {
	held, err := decodeTemplate(revision)
	return err == nil && apiequality.Semantic.DeepEqual(held, template)
}

// newRevision builds the ControllerRevision of the set's template. The collision count is part of the hash that names it.
func newRevision(set *api.PetSet, number int64, collisions int32) (*appsv1.ControllerRevision, error) {
	raw, err := encodeTemplate(&set.Spec.Template)
	if err != nil {
		return nil, err
	}
	h := fnv.New32()
	h.Write(raw)
	h.Write([]byte(strconv.Itoa(int(collisions))))
	hash := rand.SafeEncodeString(strconv.FormatUint(uint64(h.Sum32()), 10))

	prefix := set.Name
	if len(prefix) > maxPrefix {
		prefix = strings.TrimRight(prefix[:maxPrefix], ".-")
	}
	out := &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:       set.Namespace,
			Name:            prefix + "-" + hash,
			Labels:          map[string]string{},
			OwnerReferences: []metav1.OwnerReference{controllerRef(set)},
		},
		Data:     runtime.RawExtension{Raw: raw},
		Revision: number,
	}
	maps.Copy(out.Labels, set.Spec.Template.Labels)
	out.Labels[hashLabel] = hash
	out.Labels[api.SetLabel] = set.Name
	return out, nil
}

// history is a set's ControllerRevisions, oldest first.
type history []*appsv1.ControllerRevision

func newHistory(revisions []*appsv1.ControllerRevision) history {
	return slices.SortedFunc(slices.Values(revisions), func(a, b *appsv1.ControllerRevision) int {
		return cmp.Or(cmp.Compare(a.Revision, b.Revision), a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
}

// named returns the revision with the given name, nil if there is none.
func (h history) named(name string) *appsv1.ControllerRevision {
	for _, r := range h {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// of returns the newest revision that holds the template, nil if there is none, and whether it is the newest of all.
func (h history) of(template *corev1.PodTemplateSpec) (found *appsv1.ControllerRevision, newest bool) {
	for i := len(h) - 1; i >= 0; i-- {
		if holds(h[i], template) {
			return h[i], i == len(h)-1
		}
	}
	return nil, false
}

// next is the number for a revision newer than all.
func (h history) next() int64 {
	if len(h) == 0 {
		return 1
	}
	return h[len(h)-1].Revision + 1
}

// expendable returns the revisions to delete: the oldest ones beyond the limit among those that no pod and neither current
// nor update revision uses.
func (h history) expendable(limit int, current, update string, pods []*corev1.Pod) []*appsv1.ControllerRevision {
	live := map[string]bool{current: true, update: true}
	for _, pod := range pods {
		live[revisionOf(pod)] = true
	}
	unused := slices.DeleteFunc(slices.Clone(h), func(r *appsv1.ControllerRevision) bool { return live[r.Name] })
	return unused[:max(len(unused)-limit, 0)]
}

package step

import (
	"context"
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	petsetv1 "github.com/matriarchdb/matriarch/api/apps/v1"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// Present returns the files of a configuration Secret without the former ones beside them.
func Present(data map[string][]byte) map[string][]byte {
	files := make(map[string][]byte, len(data))
	for name, text := range data {
		if !strings.HasSuffix(name, naming.PrevSuffix) {
			files[name] = text
		}
	}
	return files
}

// Former returns the former files that a configuration Secret keeps beside the present ones.
func Former(data map[string][]byte) map[string][]byte {
	files := make(map[string][]byte, len(data))
	for name, text := range data {
		if base, former := strings.CutSuffix(name, naming.PrevSuffix); former {
			files[base] = text
		}
	}
	return files
}

// WithFormer returns present and former files as they stand in one Secret. Being in one object, they are replaced
// together or not at all.
func WithFormer(present, former map[string][]byte) map[string][]byte {
	data := maps.Clone(present)
	for name, text := range former {
		data[name+naming.PrevSuffix] = text
	}
	return data
}

// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;patch

// writeFiles makes files the present ones of the Secret and former the ones beside them. It writes over the Secret as it
// was read and over no other; meta gives labels and annotations.
func (s *Scope) writeFiles(live, meta *corev1.Secret, files, former map[string][]byte) func(context.Context) error {
	next := meta.DeepCopy()
	next.Data = WithFormer(Present(files), former)
	if next.Annotations == nil {
		next.Annotations = map[string]string{}
	}
	next.Annotations[naming.AnnotationConfigHash] = report.HashFiles(files)
	return func(ctx context.Context) error { return s.over(ctx, live, next) }
}

// keep returns the files to keep beside new ones: those that are replaced, unless no member ever accepted them. What an
// agent falls back to must be something that worked.
func (s *Scope) keep(live *corev1.Secret) map[string][]byte {
	hash := report.HashFiles(live.Data)
	for _, m := range s.Members {
		if reported(m).Accepted(hash) {
			return Present(live.Data)
		}
	}
	return Former(live.Data)
}

// over applies obj over live. Somebody else being quicker is no error: the step looks again.
func (s *Scope) over(ctx context.Context, live, obj client.Object) error {
	_, err := s.writer().Apply(ctx, live, obj)
	if apierrors.IsConflict(err) {
		return nil
	}
	return err
}

// writer applies objects as the provisioner does, for it.
func (s *Scope) writer() kube.Over {
	return kube.Over{Client: s.Client, Owner: naming.FieldOwner, Memory: s.Memory}
}

// petSets returns the desired PetSets.
func petSets(d database.Desired) []*petsetv1.PetSet {
	sets := d.PetSets
	if d.PetSet != nil {
		sets = append([]*petsetv1.PetSet{d.PetSet}, sets...)
	}
	return sets
}

// outdated returns a function that writes the first PetSet whose live object is not what is desired; nil if all are.
func (s *Scope) outdated(ctx context.Context, d database.Desired) (func(context.Context) error, error) {
	for _, desired := range petSets(d) {
		live, err := s.petSet(ctx, client.ObjectKeyFromObject(desired))
		if apierrors.IsNotFound(err) && desired != d.PetSet {
			continue // a group that came into the spec meanwhile: the provisioner makes it once the database is resumed
		}
		if err != nil {
			return nil, err
		}
		same, err := s.wouldChangeNothing(ctx, live, desired)
		if err != nil {
			return nil, err
		}
		if !same {
			return func(ctx context.Context) error { return s.over(ctx, live, desired) }, nil
		}
	}
	return nil, nil
}

// +kubebuilder:rbac:groups=apps.k8s.appscode.com,resources=petsets,verbs=get;patch

// wouldChangeNothing asks the API server what would become of the PetSet: only it knows the defaults.
func (s *Scope) wouldChangeNothing(ctx context.Context, live, desired *petsetv1.PetSet) (bool, error) {
	after, err := kube.Over{Client: s.Client, Owner: naming.FieldOwner, DryRun: true}.Apply(ctx, live, desired)
	if err != nil {
		return false, err
	}
	return live.Generation == after.GetGeneration() && sameMeta(live, after), nil
}

func sameMeta(a, b client.Object) bool {
	return maps.Equal(a.GetLabels(), b.GetLabels()) && maps.Equal(a.GetAnnotations(), b.GetAnnotations())
}

// templateSeen ends a step that wrote PetSets once their controller has seen them: a pod that goes before that might come
// back from the former template.
func (s *Scope) templateSeen(ctx context.Context, d database.Desired) Move {
	for _, desired := range petSets(d) {
		live, err := s.petSet(ctx, client.ObjectKeyFromObject(desired))
		if err != nil {
			return retry(err)
		}
		if live.Status.ObservedGeneration < live.Generation {
			return Move{
				Kind: Wait, Text: fmt.Sprintf("the PetSet controller to see the new template of %s", live.Name),
				Until: s.Now.Add(trialLook), // no watch of the engine's tells
			}
		}
	}
	return done()
}

// secretOf says which Secret is meant, for messages.
func secretOf(secret *corev1.Secret) string {
	return fmt.Sprintf("Secret %s/%s", secret.Namespace, secret.Name)
}

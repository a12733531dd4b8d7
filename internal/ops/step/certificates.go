package step

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/tls"
	"github.com/matriarchdb/matriarch/internal/tls/issue"
)

// SyncCertificates has the certificates issued that the new spec asks for, and brings them into force on every member
// and in every pooler in front of them.
//
//   - Precondition: none. A spec without TLS has nothing to sync.
//   - Effect: cert-manager is asked; what it issued is published, and again, until package tls finds it settled: nobody
//     trusts or shows anything older.
//   - Writes: Certificates, their condition Issuing for a rotation, and the published Secret, each over the object as it
//     was read. In status a condition that cert-manager was asked to issue anew.
//   - Twice: a Certificate that asks for the right thing is left alone. A certificate counts as rotated when what was
//     issued is not what is published, so it is marked once; after the condition it is not marked again. What is
//     published next depends only on what is published, issued and reported.
type SyncCertificates struct{}

// Type implements Step.
func (SyncCertificates) Type(s *Scope) string { return s.Texts.Certificates.Type }

// Next implements Step.
func (SyncCertificates) Next(ctx context.Context, s *Scope) Move {
	after, err := s.After()
	if err != nil {
		return retry(err)
	}
	rendered, err := s.Render(ctx, after)
	if err != nil {
		return refused(ReasonInvalid, "work out the certificates", err)
	}
	wanted := rendered.Desired.TLS
	if wanted == nil || len(wanted.Certificates) == 0 {
		return skip()
	}
	if move, ready := s.askFor(ctx, wanted.Certificates); !ready {
		return move
	}
	if move, ready := s.rotate(ctx, wanted); !ready {
		return move
	}
	return s.publish(ctx, wanted)
}

// publish writes what is to be published now, until there is nothing more to do.
func (s *Scope) publish(ctx context.Context, wanted *database.TLS) Move {
	for _, m := range s.Members {
		if fault := reported(m).CertificateProblem; fault != "" {
			return fail(ReasonCertificates, fmt.Sprintf("%s: %s; the former certificates are in force", m.Pod.Name, fault))
		}
	}
	switch {
	case wanted.Fault != "" && wanted.Pending == "":
		return fail(ReasonCertificates, wanted.Fault)
	case !wanted.Issued:
		return again(s, wanted.Waits) // Certificates are not watched here
	case wanted.Changed:
		return Move{Kind: Act, Text: "publish the certificates", Do: s.provide(wanted.Published)}
	case !wanted.Settled && s.onlyRestartsLack(wanted.Behind):
		return done() // what is left of an overlap follows when the pods are back
	case !wanted.Settled:
		return again(s, "the certificates to be in force in "+strings.Join(wanted.Behind, ", "))
	}
	return done()
}

// onlyRestartsLack tells whether the pods that have not taken what is published have it in place and wait for the restart
// that comes later in the recipe.
func (s *Scope) onlyRestartsLack(behind []string) bool {
	waits := map[string]bool{}
	for _, m := range s.Members {
		waits[m.Pod.Name] = reported(m).CertificatesWait()
	}
	return len(behind) > 0 && !slices.ContainsFunc(behind, func(pod string) bool { return !waits[pod] })
}

// +kubebuilder:rbac:groups=cert-manager.io,resources=certificates,verbs=get;create;patch;delete

// askFor makes sure that the Certificates exist as desired; until they do, it returns the move to make.
func (s *Scope) askFor(ctx context.Context, certificates []client.Object) (Move, bool) {
	var missing []func(context.Context) error
	for _, object := range certificates {
		desired := object.(*certmanager.Certificate)
		live := &certmanager.Certificate{}
		err := s.Reader.Get(ctx, client.ObjectKeyFromObject(desired), live)
		switch {
		case apierrors.IsNotFound(err):
		case err != nil:
			return retry(fmt.Errorf("read Certificate %s: %w", client.ObjectKeyFromObject(desired), err)), false
		case issue.Same(live, desired):
			continue
		}
		missing = append(missing, s.provide(desired))
	}
	if len(missing) == 0 {
		return Move{}, true
	}
	return Move{Kind: Act, Text: "ask cert-manager for certificates", Do: inOrder(missing)}, false
}

// inOrder does one thing after the other, up to the first that fails. Each of them may have been done before.
func inOrder(actions []func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		for _, do := range actions {
			if err := do(ctx); err != nil {
				return err
			}
		}
		return nil
	}
}

// +kubebuilder:rbac:groups=cert-manager.io,resources=certificates/status,verbs=patch

// rotate has every certificate issued anew if the request asks for it. It is over, for good, when each of them was marked.
func (s *Scope) rotate(ctx context.Context, wanted *database.TLS) (Move, bool) {
	change, _ := database.TLSChangeOf(s.Request)
	if !change.Rotate || kube.ConditionTrue(s.Request.RequestStatus().Conditions, opsv1alpha1.ConditionIssueCertificatesSucceeded) {
		return Move{}, true
	}
	var mark []func(context.Context) error
	for _, object := range wanted.Certificates {
		live := &certmanager.Certificate{}
		key := client.ObjectKeyFromObject(object)
		if err := s.Reader.Get(ctx, key, live); err != nil {
			return retry(fmt.Errorf("read Certificate %s: %w", key, err)), false
		}
		before := live.DeepCopy()
		if !wanted.Old[key.Name] || !issue.Renew(live, metav1.NewTime(s.Now)) {
			continue
		}
		mark = append(mark, func(ctx context.Context) error {
			patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
			return client.IgnoreNotFound(s.Client.Status().Patch(ctx, live, patch))
		})
	}
	if len(mark) > 0 {
		return Move{Kind: Act, Text: "have the certificates issued anew", Do: inOrder(mark)}, false
	}
	return Move{Kind: Record, Notes: []Note{{
		Type: opsv1alpha1.ConditionIssueCertificatesSucceeded, Done: true,
		Message: "successfully add issuing condition to all the certificates",
	}}}, false
}

// provide returns a function that makes an object as desired: over the one that is there, or for the first time, owned by
// the database.
func (s *Scope) provide(desired client.Object) func(context.Context) error {
	desired = desired.DeepCopyObject().(client.Object)
	return func(ctx context.Context) error {
		live := desired.DeepCopyObject().(client.Object)
		err := s.Reader.Get(ctx, client.ObjectKeyFromObject(desired), live)
		if err == nil {
			return s.over(ctx, live, desired)
		}
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("read %T %s: %w", desired, client.ObjectKeyFromObject(desired), err)
		}
		owner := s.Database.Object()
		gvk, err := apiutil.GVKForObject(owner, s.Client.Scheme())
		if err != nil {
			return err
		}
		desired.SetOwnerReferences([]metav1.OwnerReference{{
			APIVersion: gvk.GroupVersion().String(), Kind: gvk.Kind, Name: owner.GetName(), UID: owner.GetUID(),
			Controller: ptr.To(true), BlockOwnerDeletion: ptr.To(true),
		}})
		return s.writer().Make(ctx, desired)
	}
}

// ProveCertificates makes a handshake with every member, as a client would.
//
//   - Precondition: the certificates and the configuration are in force, as the members report.
//   - Effect: none.
//   - Writes: its condition.
//   - Twice: it observes only.
type ProveCertificates struct{}

// Type implements Step.
func (ProveCertificates) Type(*Scope) string { return TypeProveCertificates }

// Next implements Step.
func (ProveCertificates) Next(ctx context.Context, s *Scope) Move {
	after, err := s.After()
	if err != nil {
		return retry(err)
	}
	rendered, err := s.Render(ctx, after)
	if err != nil {
		return refused(ReasonInvalid, "work out the certificates", err)
	}
	wanted := rendered.Desired.TLS
	if wanted == nil || wanted.Published == nil || len(wanted.Certificates) == 0 {
		return skip()
	}
	leaf := tls.LeafOf(tls.FromFiles(wanted.Published.Data).Pairs[tls.Server])
	if leaf == nil {
		return skip()
	}
	for _, m := range s.Members {
		if !m.Ready {
			continue // nobody is sent there; its agent proves it before it is
		}
		if says := reported(m).Serving; says == nil || says.Serial != tls.Serial(leaf) {
			return again(s, "the new certificate to be served by "+m.Pod.Name)
		}
		shown, err := s.Present(ctx, m.Pod.Status.PodIP, wanted.Port)
		switch {
		case err != nil:
			return again(s, err.Error())
		case !shown.Leaf.Equal(leaf):
			return again(s, fmt.Sprintf("%s to show the certificate %s; it shows %s of %s", m.Pod.Name, tls.Serial(leaf),
				tls.Serial(shown.Leaf), shown.Leaf.Issuer))
		}
	}
	return done()
}

// proveEvery is how soon to look again at what nothing announces.
const proveEvery = 500 * time.Millisecond

// again waits for what nothing announces.
func again(s *Scope, text string) Move {
	move := wait(text)
	move.Until = s.Now.Add(proveEvery)
	return move
}

// RestoreCertificates asks for the former certificates again.
//
//   - Precondition: the former spec is in force.
//   - Effect: the Certificates are as the former spec has them; those of a database that had no TLS go. What is published
//     follows, by the same rules, as soon as the provisioner has the database back: until then the overlap stays as it
//     is, and everybody trusts everybody.
//   - Writes: Certificates, over what was read.
//   - Twice: one that is as it was is left alone.
type RestoreCertificates struct{}

// Type implements Step.
func (RestoreCertificates) Type(*Scope) string { return TypeRestoreCertificates }

// Next implements Step.
func (RestoreCertificates) Next(ctx context.Context, s *Scope) Move {
	former, err := s.before()
	if err != nil {
		return retry(err)
	}
	rendered, err := s.Render(ctx, former)
	if err != nil {
		return retry(err)
	}
	if was := rendered.Desired.TLS; was != nil && len(was.Certificates) > 0 {
		if move, ready := s.askFor(ctx, was.Certificates); !ready {
			return move
		}
		return done()
	}
	after, err := s.After()
	if err != nil {
		return retry(err)
	}
	if rendered, err = s.Render(ctx, after); err != nil {
		return retry(err)
	}
	if rendered.Desired.TLS == nil {
		return skip()
	}
	for _, object := range rendered.Desired.TLS.Certificates {
		live := &certmanager.Certificate{}
		err := s.Reader.Get(ctx, client.ObjectKeyFromObject(object), live)
		if apierrors.IsNotFound(err) || err == nil && live.DeletionTimestamp != nil {
			continue
		}
		if err != nil {
			return retry(fmt.Errorf("read Certificate %s: %w", client.ObjectKeyFromObject(object), err))
		}
		return Move{Kind: Act, Text: "take back the certificates", Do: func(ctx context.Context) error {
			return client.IgnoreNotFound(s.Client.Delete(ctx, live, client.Preconditions{UID: ptr.To(live.UID)}))
		}}
	}
	return done()
}

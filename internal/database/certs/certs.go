// Package certs works out, for every database kind alike, what shall happen to the certificates of an instance: it reads
// what cert-manager issued, what is published and who has taken it, and lets package tls decide.
package certs

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/database/blocks"
	"github.com/matriarchdb/matriarch/internal/naming"
	"github.com/matriarchdb/matriarch/internal/tls"
	"github.com/matriarchdb/matriarch/internal/tls/issue"
)

// Input is what the certificates of an instance depend on.
type Input struct {
	Subject blocks.Subject
	// Config is spec.tls; nil without TLS.
	Config   *sharedv1.TLSConfig
	Requests []issue.Request
	// Reports are what the members say, by pod.
	Reports map[string]report.Report
	// Port is where members speak TLS.
	Port int32
	// Fronted tells that poolers may stand in front of the members and have to follow.
	Fronted bool
}

// State is what was read and worked out. The zero State is that of an instance without TLS.
type State struct {
	in     Input
	wanted []wanted
	// published is what the members read now, live its Secret.
	published tls.Set
	live      *corev1.Secret
	behind    []string
	// unaware are the poolers' pods that know no certificates.
	unaware []string
	now     time.Time
}

// wanted is one certificate.
type wanted struct {
	request issue.Request
	object  *certmanager.Certificate
	issued  tls.Issued
	// missing names what cannot come by itself; pending says why it has not been issued as asked for; fault what is wrong
	// with what was issued.
	missing, pending, fault string
}

// Look reads everything by name.
func Look(ctx context.Context, r database.Reader, in Input) (State, error) {
	s := State{in: in, now: time.Now()}
	secret := &corev1.Secret{}
	found, err := read(ctx, r, in.key(naming.TLSSecret(in.Subject.Name())), secret)
	if err != nil {
		return s, err
	}
	if found {
		s.live, s.published = secret, tls.FromFiles(secret.Data)
	}
	if in.Config == nil {
		s.behind, err = s.askingForTLS(ctx, r)
		return s, err
	}
	if s.behind, err = s.whoIsBehind(ctx, r); err != nil {
		return s, err
	}
	if s.unaware, err = s.poolersUnaware(ctx, r); err != nil {
		return s, err
	}
	for _, request := range in.Requests {
		one, err := s.look(ctx, r, request)
		if err != nil {
			return s, err
		}
		s.wanted = append(s.wanted, one)
	}
	return s, nil
}

func (in Input) key(name string) client.ObjectKey {
	return client.ObjectKey{Namespace: in.Subject.Namespace(), Name: name}
}

// look reads one certificate: its issuer, its Certificate and the Secret that was issued.
func (s State) look(ctx context.Context, r database.Reader, request issue.Request) (wanted, error) {
	in := s.in
	w := wanted{request: request, object: request.Certificate(in.Subject.Meta(""), in.Subject.Name(), in.Config)}
	var issuer string
	var err error
	if w.missing, issuer, err = issuerState(ctx, r, in.Subject.Namespace(), w.object.Spec.IssuerRef); err != nil || w.missing != "" {
		return w, err
	}
	live := &certmanager.Certificate{}
	found, err := read(ctx, r, client.ObjectKeyFromObject(w.object), live)
	switch {
	case err != nil:
		return w, err
	case !found:
		w.pending = "it has just been asked for"
	case !issue.Same(live, w.object):
		w.pending = "it has just been asked for anew"
	default:
		w.pending = issue.Pending(live)
	}
	if w.pending != "" && issuer != "" {
		w.pending += "; " + issuer
	}
	secret := &corev1.Secret{}
	if found, err = read(ctx, r, in.key(w.object.Spec.SecretName), secret); err != nil {
		return w, err
	}
	if !found {
		w.fault = "the Secret does not exist"
		return w, nil
	}
	w.issued = issue.OfSecret(secret)
	w.fault = tls.Check(w.issued, request.Want(w.object), s.now)
	return w, nil
}

// issuerState tells whether the issuer exists (missing otherwise) and what keeps it from issuing.
func issuerState(ctx context.Context, r database.Reader, namespace string, ref cmmeta.IssuerReference) (missing, problem string, err error) {
	name := issue.IssuerName(ref, namespace)
	if ref.Group != certmanager.SchemeGroupVersion.Group {
		return "", "", nil // somebody else's kind of issuer: cert-manager will tell
	}
	var found bool
	var status certmanager.IssuerStatus
	if ref.Kind == issue.KindCluster {
		issuer := &certmanager.ClusterIssuer{}
		found, err = read(ctx, r, client.ObjectKey{Name: ref.Name}, issuer)
		status = issuer.Status
	} else {
		issuer := &certmanager.Issuer{}
		found, err = read(ctx, r, client.ObjectKey{Namespace: namespace, Name: ref.Name}, issuer)
		status = issuer.Status
	}
	switch {
	case meta.IsNoMatchError(err):
		return "cert-manager: it is not installed in this cluster, and spec.tls needs it (https://cert-manager.io/docs/installation)", "", nil
	case err != nil:
		return "", "", err
	case !found:
		return name + ": not found; create it, or correct spec.tls.issuerRef", "", nil
	}
	if problem = issue.IssuerProblem(status); problem != "" {
		problem = name + " is not ready: " + problem
	}
	return "", problem, nil
}

// whoIsBehind names the pods that have not taken what is published.
func (s State) whoIsBehind(ctx context.Context, r database.Reader) ([]string, error) {
	files := s.published.Files()
	var behind []string
	hash := ""
	if files != nil {
		hash = report.HashFiles(files)
	}
	for pod, said := range s.in.Reports {
		if said.CertificateHash != hash {
			behind = append(behind, pod)
		}
	}
	slices.Sort(behind)
	if !s.in.Fronted {
		return behind, nil
	}
	poolers, err := s.poolersBehind(ctx, r, report.UpstreamHash(files))
	return append(behind, poolers...), err
}

// askingForTLS names the poolers' pods that still check the certificates of an instance which is to have TLS no more. They
// may go on showing their own.
func (s State) askingForTLS(ctx context.Context, r database.Reader) ([]string, error) {
	if s.live == nil || !s.in.Fronted {
		return nil, nil
	}
	unchecked := s.published.Files()
	delete(unchecked, naming.TLSCA)
	return s.poolersBehind(ctx, r, report.UpstreamHash(unchecked))
}

// poolersBehind names the poolers' pods that trust or show something else than what is published. One that does not use
// TLS towards its backend yet has nothing to follow.
func (s State) poolersBehind(ctx context.Context, r database.Reader, hash string) ([]string, error) {
	return s.poolers(ctx, r, func(_ *corev1.Pod, said report.Report) bool {
		return said.UpstreamHash != hash && said.UpstreamHash != ""
	})
}

// poolersUnaware names the poolers' pods that serve and know no certificates at all.
func (s State) poolersUnaware(ctx context.Context, r database.Reader) ([]string, error) {
	if s.published.Empty() || !s.in.Fronted {
		return nil, nil
	}
	return s.poolers(ctx, r, func(pod *corev1.Pod, said report.Report) bool {
		return said.UpstreamHash == "" && database.PodReady(pod)
	})
}

// poolers names the poolers' pods in front of the instance of which something holds.
func (s State) poolers(ctx context.Context, r database.Reader, which func(*corev1.Pod, report.Report) bool) ([]string, error) {
	var pods corev1.PodList
	backend := naming.BackendKey(s.in.Subject.Namespace(), s.in.Subject.Name())
	if err := r.List(ctx, &pods, client.MatchingLabels{naming.LabelManagedBy: naming.ManagedBy, naming.LabelBackend: backend}); err != nil {
		return nil, fmt.Errorf("list the poolers' pods in front of %s: %w", s.in.Subject.Name(), err)
	}
	var names []string
	for i := range pods.Items {
		pod := &pods.Items[i]
		if said, err := report.Parse(pod.Annotations); err == nil && which(pod, said) {
			names = append(names, pod.Namespace+"/"+pod.Name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Published is what the members share now; empty before the first certificates were issued.
func (s State) Published() tls.Set { return s.published }

// Desired says what shall exist now; nil for an instance that has no certificates and had none.
func (s State) Desired() *database.TLS {
	if s.in.Config == nil {
		return s.removed()
	}
	out := &database.TLS{Behind: s.behind, Unaware: s.unaware, Port: s.in.Port, Old: map[string]bool{}}
	issued, good := map[string]tls.Issued{}, true
	var waits []string
	for _, w := range s.wanted {
		out.Certificates = append(out.Certificates, w.object)
		issued[w.request.Pair] = w.issued
		good = good && w.fault == "" && w.missing == ""
		if words := w.words(); words != "" {
			waits = append(waits, words)
		}
		out.Old[w.object.Name] = s.published.Pairs[w.request.Pair].Same(w.issued.Pair)
		out.Missing, out.Pending = cmp.Or(out.Missing, w.missing), cmp.Or(out.Pending, w.pending)
		if w.fault != "" {
			out.Fault = cmp.Or(out.Fault, w.words())
		}
	}
	out.Issued = good && len(waits) == 0
	out.Waits = strings.Join(slices.Compact(waits), "; ")
	next := s.published
	if good {
		next, out.Settled = tls.Next(s.published, tls.Of(issued), len(s.behind) == 0)
		out.Settled = out.Settled && out.Issued
	}
	if !next.Empty() {
		out.Published = s.secret(next)
		out.Changed = s.live == nil || !maps.EqualFunc(next.Files(), s.published.Files(), func(a, b []byte) bool { return string(a) == string(b) })
	}
	return out
}

// words say what keeps the certificate away; empty if nothing does.
func (w wanted) words() string {
	switch {
	case w.missing != "":
		return w.missing
	case w.pending != "":
		return fmt.Sprintf("Certificate %s: %s", client.ObjectKeyFromObject(w.object), w.pending)
	case w.fault != "":
		return fmt.Sprintf("a usable certificate in Secret %s/%s: %s; the former one stays in force", w.object.Namespace, w.object.Spec.SecretName, w.fault)
	}
	return ""
}

func (s State) secret(set tls.Set) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: s.in.Subject.Meta(naming.TLSSecret(s.in.Subject.Name())),
		Type:       corev1.SecretTypeOpaque, Data: set.Files(),
	}
}

// removed says what is left over from the time when the instance had TLS. The published Secret goes last: as long as it
// is there, the rest is looked for.
func (s State) removed() *database.TLS {
	if s.live == nil {
		return nil
	}
	out := &database.TLS{Port: s.in.Port, Behind: s.behind}
	for _, request := range s.in.Requests {
		ref := s.in.Subject.Ref(naming.CertSecret(s.in.Subject.Name(), request.Alias))
		out.Obsolete = append(out.Obsolete, &certmanager.Certificate{ObjectMeta: ref}, &corev1.Secret{ObjectMeta: ref})
	}
	out.Obsolete = append(out.Obsolete, &corev1.Secret{ObjectMeta: s.in.Subject.Ref(s.live.Name)})
	return out
}

// ServiceNames are the names by which Services are reached from their own and from other namespaces.
func ServiceNames(namespace string, services ...string) []string {
	var names []string
	for _, service := range services {
		for _, suffix := range []string{"", "." + namespace, "." + namespace + ".svc", "." + namespace + ".svc.cluster.local"} {
			names = append(names, service+suffix)
		}
	}
	return names
}

// read returns whether the object exists.
func read(ctx context.Context, r database.Reader, key client.ObjectKey, into client.Object) (bool, error) {
	err := r.Get(ctx, key, into)
	switch {
	case apierrors.IsNotFound(err):
		return false, nil
	case meta.IsNoMatchError(err):
		return false, err
	case err != nil:
		return false, fmt.Errorf("read %T %s: %w", into, key, err)
	}
	return true, nil
}

package kinds_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	appcatalogv1alpha1 "github.com/matriarchdb/matriarch/api/appcatalog/v1alpha1"
	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	kubedbv1alpha2 "github.com/matriarchdb/matriarch/api/kubedb/v1alpha2"
	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/naming"
	"github.com/matriarchdb/matriarch/internal/testenv"
	"github.com/matriarchdb/matriarch/internal/testserver"
	"github.com/matriarchdb/matriarch/internal/tls"
	"github.com/matriarchdb/matriarch/internal/tls/tlstest"
)

// change changes the AppBinding.
func (w world) change(change func(*appcatalogv1alpha1.AppBindingSpec)) {
	w.Helper()
	binding := &appcatalogv1alpha1.AppBinding{}
	if err := env.Client.Get(w.Context(), client.ObjectKey{Namespace: w.ns, Name: "pg"}, binding); err != nil {
		w.Fatal(err)
	}
	change(&binding.Spec)
	if err := env.Client.Update(w.Context(), binding); err != nil {
		w.Fatal(err)
	}
}

// isOf makes the AppBinding that of a Postgres object with this way to prove who one is.
func (w world) isOf(mode sharedv1.ClientAuthMode) {
	w.Helper()
	pg := &kubedbv1.Postgres{ObjectMeta: w.meta("pg"), Spec: kubedbv1.PostgresSpec{Version: w.version, ClientAuthMode: mode, StorageType: sharedv1.StorageTypeEphemeral}}
	w.create(pg)
	w.change(func(s *appcatalogv1alpha1.AppBindingSpec) {
		s.AppRef = &appcatalogv1alpha1.TypedObjectReference{APIGroup: "kubedb.com", Kind: "Postgres", Namespace: w.ns, Name: "pg"}
	})
}

// lines are those of a file that speak of TLS.
func lines(file []byte) []string {
	var found []string
	for line := range strings.Lines(string(file)) {
		if strings.Contains(line, "tls") || strings.HasPrefix(line, "ssl") {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

func TestPoolersVerifyAServerByItsAppBinding(t *testing.T) {
	t.Parallel()
	authority := tlstest.NewAuthority(t, "theirs")
	w := newWorld(t, "postgresql://127.0.0.1:5432?sslmode=verify-full", "x")
	w.change(func(s *appcatalogv1alpha1.AppBindingSpec) { s.ClientConfig.CABundle = authority.PEM })
	d := w.build(w.pgpool())
	if got, want := lines(d.Config.Data[naming.PgpoolConf]), []string{"ssl = on", "ssl_ca_cert = '/opt/pgpool-II/tls/ca.pem'"}; !slices.Equal(got, want) {
		t.Errorf("pgpool.conf has %q, want %q", got, want)
	}
	if string(d.Secrets[0].Data[naming.UpstreamCA]) != string(authority.PEM) {
		t.Error("the authorities do not reach Pgpool")
	}
	if d.PetSet.Spec.Template.Labels[naming.LabelBackend] != naming.BackendKey(w.ns, "pg") {
		t.Error("the pods do not say which server they connect to")
	}
}

func TestAPgBouncerVerifiesItsServerAndReadsTheVerifiersOverTLS(t *testing.T) {
	t.Parallel()
	pg := testserver.StartPostgres(t)
	authority := tlstest.NewAuthority(t, "theirs")
	behind := authority.Issue(t, tlstest.Leaf{CommonName: "pg", DNSNames: []string{"localhost"}})
	pg.ServeTLS(t, behind.Cert, behind.Key, authority.PEM)
	w := newWorld(t, fmt.Sprintf("postgresql://localhost:%d?sslmode=verify-full", pg.Port), pg.Password)
	w.change(func(s *appcatalogv1alpha1.AppBindingSpec) { s.ClientConfig.CABundle = authority.PEM })
	d := w.build(w.pgbouncer())
	want := []string{"server_tls_sslmode = verify-full", "server_tls_ca_file = /var/run/pgbouncer/secret/upstream-server-ca.crt"}
	if got := lines(d.Config.Data[naming.PgBouncerIni]); !slices.Equal(got, want) {
		t.Errorf("pgbouncer.ini has %q, want %q", got, want)
	}
	if string(d.Secrets[0].Data[naming.UpstreamCA]) != string(authority.PEM) {
		t.Error("the authorities do not reach PgBouncer")
	}
	if !strings.Contains(string(d.Secrets[0].Data[naming.PgBouncerUsers]), "SCRAM-SHA-256$") {
		t.Error("the userlist has no verifier of the server's")
	}
	other := tlstest.NewAuthority(t, "somebody else's")
	w.change(func(s *appcatalogv1alpha1.AppBindingSpec) { s.ClientConfig.CABundle = other.PEM })
	if _, _, err := w.gather(w.pgbouncer()); err == nil || !strings.Contains(err.Error(), "certificate signed by unknown authority") {
		t.Errorf("a server that cannot be verified: got %v", err)
	}
}

func TestAPgpoolIsNotPutInFrontOfAPostgresThatAsksForCertificates(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "postgresql://db.example.org", "x")
	w.isOf(sharedv1.ClientAuthModeCert)
	_, _, err := w.gather(w.pgpool())
	if _, ok := errors.AsType[*database.Unusable](err); !ok || !strings.Contains(err.Error(), "asks its clients for certificates (clientAuthMode=cert)") {
		t.Errorf("got %v", err)
	}
}

func TestAPgpoolThatAsksForCertificatesMustBeAbleToVerifyItsServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "postgresql://db.example.org?sslmode=require", "x")
	_, _, err := w.gather(w.pgpool(func(s *kubedbv1alpha2.PgpoolSpec) {
		s.TLS, s.ClientAuthMode = withIssuer(), sharedv1.ClientAuthModeCert
	}))
	if _, ok := errors.AsType[*database.Unusable](err); !ok || !strings.Contains(err.Error(), "spec.clientConfig.caBundle") {
		t.Errorf("got %v", err)
	}
}

func withIssuer() *sharedv1.TLSConfig {
	return &sharedv1.TLSConfig{IssuerRef: &corev1.TypedLocalObjectReference{APIGroup: ptr.To("cert-manager.io"), Kind: "Issuer", Name: "ca"}}
}

// equipped is what a pooler shall have once its certificates are issued; the objects for them are made as they appear.
func (w world) equipped(object client.Object) database.Desired {
	w.Helper()
	var d database.Desired
	testenv.Eventually(w, func(ctx context.Context) error {
		d = w.build(object)
		if d.TLS.Published != nil {
			return nil
		}
		for _, certificate := range d.TLS.Certificates {
			if err := env.Client.Create(ctx, certificate.DeepCopyObject().(client.Object)); client.IgnoreAlreadyExists(err) != nil {
				return err
			}
		}
		return fmt.Errorf("nothing is published: %s", d.TLS.Waits)
	})
	return d
}

func TestAPoolerWithTLSHasCertificatesAndTellsClientsHowToVerifyIt(t *testing.T) {
	t.Parallel()
	pg := testserver.StartPostgres(t)
	for name, c := range map[string]struct {
		object func(w world) client.Object
		db     string
		client string
		files  string
		says   []string
	}{
		"Pgpool": {
			func(w world) client.Object {
				return w.pgpool(func(s *kubedbv1alpha2.PgpoolSpec) { s.TLS, s.SSLMode = withIssuer(), sharedv1.SSLModeRequire })
			}, "pp", "postgres", naming.PgpoolConf,
			[]string{"ssl = on", "ssl_cert = '/opt/pgpool-II/tls/tls.crt'", "ssl_key = '/opt/pgpool-II/tls/tls.key'"},
		},
		"PgBouncer": {
			func(w world) client.Object {
				return w.pgbouncer(func(s *kubedbv1.PgBouncerSpec) { s.TLS = withIssuer() })
			}, "pb", "pgbouncer", naming.PgBouncerIni,
			[]string{
				"server_tls_sslmode = disable", "client_tls_sslmode = verify-full",
				"client_tls_ca_file = /var/run/pgbouncer/tls/serving/server/ca.crt",
				"client_tls_cert_file = /var/run/pgbouncer/tls/serving/server/tls.crt",
				"client_tls_key_file = /var/run/pgbouncer/tls/serving/server/tls.key",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, local(pg.Port), pg.Password)
			ca := env.CertManager(t, w.ns).Issuer("ca")
			d := w.equipped(c.object(w))
			if got := lines(d.Config.Data[c.files]); !slices.Equal(got, c.says) {
				t.Errorf("%s has\n%s\nwant\n%s", c.files, strings.Join(got, "\n"), strings.Join(c.says, "\n"))
			}
			set := tls.FromFiles(d.TLS.Published.Data)
			server, own := tls.LeafOf(set.Pairs[tls.Server]), tls.LeafOf(set.Pairs[tls.Client])
			for _, host := range []string{
				c.db, c.db + "." + w.ns + ".svc", c.db + "." + w.ns + ".svc.cluster.local",
				c.db + "-0." + c.db + "-pods." + w.ns + ".svc", "localhost", "127.0.0.1",
			} {
				if err := server.VerifyHostname(host); err != nil {
					t.Error(err)
				}
			}
			if own.Subject.CommonName != c.client {
				t.Errorf("the client certificate is %q's, want %q", own.Subject.CommonName, c.client)
			}
			binding := d.AppBinding.(*appcatalogv1alpha1.AppBinding).Spec
			if string(binding.ClientConfig.CABundle) != string(ca.PEM) || binding.TLSSecret == nil || binding.TLSSecret.Name != c.db+"-client-cert" {
				t.Errorf("the AppBinding says %+v", binding)
			}
			if hash := report.HashFiles(d.TLS.Published.Data); hash == "" || d.TLS.Settled {
				t.Errorf("settled before any pod has taken %s", hash)
			}
		})
	}
}

func TestARequestChangesTheTLSOfAPooler(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "postgresql://db.example.org", "x")
	add := database.TLSChange{Config: *withIssuer(), SSLMode: sharedv1.SSLModeRequire}
	changed := func(object client.Object, change database.TLSChange) (client.Object, error) {
		t.Helper()
		kind, in := w.kindOf(object)
		reconfigurer, ok := database.AsTLSReconfigurer(kind)
		if !ok {
			t.Fatalf("the certificates of a %T cannot be changed", object)
		}
		if texts, ok := kind.(database.Operable).Operation(opsv1alpha1.OpsReconfigureTLS); !ok || texts.Certificates.Type != "CertificateSynced" || texts.Success.Message == "" {
			t.Errorf("the words for it are %+v", texts)
		}
		out, err := reconfigurer.ReconfigureTLS(in, change)
		if err != nil {
			return nil, err
		}
		return out.Object(), nil
	}
	certificate, scram := add, add
	certificate.ClientAuthMode, scram.ClientAuthMode = sharedv1.ClientAuthModeCert, "scram-sha-256"
	if got, err := changed(w.pgpool(), certificate); err != nil || got.(*kubedbv1alpha2.Pgpool).Spec.ClientAuthMode != sharedv1.ClientAuthModeCert || got.(*kubedbv1alpha2.Pgpool).Spec.TLS == nil {
		t.Errorf("adding TLS and certificates to a Pgpool: %v", err)
	}
	got, err := changed(w.pgbouncer(), scram)
	if err != nil {
		t.Fatal(err)
	}
	spec := got.(*kubedbv1.PgBouncer).Spec
	if spec.TLS == nil || spec.SSLMode != sharedv1.SSLModeRequire || spec.ConnectionPool.AuthType != kubedbv1.PgBouncerAuthTypeScram {
		t.Errorf("adding TLS and SCRAM to a PgBouncer gives %+v", spec)
	}
	if _, err := changed(w.pgpool(), database.TLSChange{Config: sharedv1.TLSConfig{IssuerRef: &corev1.TypedLocalObjectReference{Kind: "Secret", Name: "x"}}}); err == nil {
		t.Error("an issuer that is none is accepted")
	}
	if _, err := changed(got, database.TLSChange{Remove: true, Rotate: true}); err == nil {
		t.Error("removing and rotating at once is accepted")
	}
	removed, err := changed(got, database.TLSChange{Remove: true})
	if err != nil || removed.(*kubedbv1.PgBouncer).Spec.TLS != nil || removed.(*kubedbv1.PgBouncer).Spec.SSLMode != sharedv1.SSLModeDisable {
		t.Errorf("removing TLS: %v", err)
	}
}

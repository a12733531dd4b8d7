//go:build e2e

package e2e

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/matriarchdb/matriarch/internal/tls"
)

// What guides make by hand.

// read returns a file of the scene's folder.
func (s *scene) read(file string) string {
	s.t.Helper()
	content, err := os.ReadFile(filepath.Join(s.folder, file))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(content)
}

// putSecret makes a Secret with one file.
func (s *scene) putSecret(name, file, content string) {
	s.t.Helper()
	s.made = append(s.made, "secret/"+name)
	s.kubectl("create", "secret", "generic", name, "--from-literal="+file+"="+content)
}

// authority makes a certificate authority and puts it into a Secret.
func (s *scene) authority(secret string) {
	s.t.Helper()
	folder := s.t.TempDir()
	key, cert := filepath.Join(folder, "ca.key"), filepath.Join(folder, "ca.crt")
	out, err := exec.Command("openssl", "req", "-x509", "-nodes", "-days", "365", "-newkey", "rsa:2048", "-keyout", key,
		"-out", cert, "-subj", "/CN="+secret+"/O=kubedb").CombinedOutput()
	if err != nil {
		s.t.Fatalf("make an authority with openssl: %v\n%s", err, out)
	}
	s.made = append(s.made, "secret/"+secret)
	s.kubectl("create", "secret", "tls", secret, "--cert="+cert, "--key="+key)
}

// labelled gives a node a label, as long as the test runs.
func (s *scene) labelled(key, value string) {
	s.t.Helper()
	node := s.kubectl("get", "nodes", "-o", "jsonpath={.items[0].metadata.name}")
	s.kubectl("label", "node", node, key+"="+value, "--overwrite")
	s.atEnd(func() { s.try("label", "node", node, key+"-") })
}

// restoredAfterwards brings an object of the cluster that a manifest is about to overwrite, or to make, back to what it was.
func (s *scene) restoredAfterwards(object string) {
	s.t.Helper()
	was := s.kubectl("get", object, "--ignore-not-found", "-o", "yaml")
	s.atEnd(func() {
		s.try("delete", object, "--ignore-not-found")
		if was != "" {
			_, _ = run(regexp.MustCompile(`(?m)^  (resourceVersion|uid): .*\n`).ReplaceAllString(was, ""), "create", "-f", "-")
		}
	})
}

// offersStorage makes the StorageClass that manifests name, out of the cluster's default, if there is none of that name.
func (s *scene) offersStorage(name string) {
	s.t.Helper()
	if s.field("storageclass/"+name, ".metadata.name") != "" {
		return
	}
	provisioner := s.kubectl("get", "storageclass", "-o",
		`jsonpath={.items[?(@.metadata.annotations.storageclass\.kubernetes\.io/is-default-class=="true")].provisioner}`)
	s.apply(`
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: ` + name + `}
provisioner: ` + provisioner + `
volumeBindingMode: WaitForFirstConsumer
allowVolumeExpansion: true
`)
	s.atEnd(func() { s.try("delete", "storageclass", name) })
}

// What guides promise.

// everyMember waits until each member of a Postgres says that a parameter has the value.
func (s *scene) everyMember(postgres string, count int, parameter, value string) {
	s.t.Helper()
	for _, one := range s.members(postgres, count) {
		s.says(one, "select current_setting('"+parameter+"')", value)
	}
}

// everyMemberOverTLS asks each member who it takes the client for, by its certificate.
func (s *scene) everyMemberOverTLS(postgres string, count int, names ...string) {
	s.t.Helper()
	for _, one := range s.members(postgres, count) {
		one.host += "." + s.name + ".svc"
		said, err := s.tlsSQL(one, verify("postgres/"+postgres), "select '/' || replace(client_dn, ',', '/') from pg_stat_ssl where pid = pg_backend_pid()")
		if err != nil || slices.ContainsFunc(names, func(name string) bool { return !strings.Contains(said, name) }) {
			s.t.Errorf("%s takes the client for %q (%v), want %q in it", one.host, said, err, names)
		}
	}
}

func (s *scene) pgpoolShows(pgpool, parameter, value string) {
	s.t.Helper()
	s.says(s.route("pgpool/"+pgpool), "pgpool show "+parameter, value)
}

// console is the administration console of a PgBouncer.
func (s *scene) console(pgbouncer string) login {
	s.t.Helper()
	return login{
		host: pgbouncer + "." + s.name + ".svc", port: 5432, database: "pgbouncer", user: "pgbouncer", password: s.secret(pgbouncer+"-auth", "password"),
	}
}

func (s *scene) pgbouncerShows(pgbouncer, parameter, value string) {
	s.t.Helper()
	s.pgbouncerSays(parameter, value, func() (string, error) { return s.sql(s.console(pgbouncer), "show config") })
}

func (s *scene) pgbouncerShowsOverTLS(pgbouncer, parameter, value string) {
	s.t.Helper()
	s.pgbouncerSays(parameter, value, func() (string, error) {
		return s.tlsSQL(s.console(pgbouncer), verify("pgbouncer/"+pgbouncer), "show config")
	})
}

func (s *scene) pgbouncerSays(parameter, value string, config func() (string, error)) {
	s.t.Helper()
	s.eventually(parameter+" is "+value, func() string {
		out, err := config()
		if err != nil || !strings.Contains("\n"+out, "\n"+parameter+"|"+value+"|") {
			return out
		}
		return ""
	})
}

// versions asks running poolers which version they are; a catalog entry may stand for a near one.
func (s *scene) versions(pgpool, pgpoolVersion, pgbouncer, pgbouncerVersion string) {
	s.t.Helper()
	want := s.field("pgpoolversion/"+pgpoolVersion, ".spec.version")
	if got := s.mustSQL(s.route("pgpool/"+pgpool), "show pool_version"); !strings.HasPrefix(got, want) {
		s.t.Errorf("the Pgpool is %s, want %s", got, want)
	}
	want = s.field("pgbouncerversion/"+pgbouncerVersion, ".spec.version")
	if got := s.mustSQL(s.console(pgbouncer), "show version"); !strings.Contains(got, want) {
		s.t.Errorf("the PgBouncer is %s, want %s", got, want)
	}
	s.has("pgpool/"+pgpool, ".spec.version", pgpoolVersion)
	s.has("pgbouncer/"+pgbouncer, ".spec.version", pgbouncerVersion)
}

// versionNumber is what a PostgreSQL of a version shows as server_version_num.
func versionNumber(version string) string {
	major, minor, _ := strings.Cut(version, ".")
	return major + fmt.Sprintf("%04s", minor)
}

// restarted checks how many pods requests say they restarted.
func (s *scene) restarted(pods string, requests ...string) {
	s.t.Helper()
	for _, request := range requests {
		if got := s.field(request, ".status.disruption.podsRestarted"); got != pods {
			s.t.Errorf("%s restarted %q pods, want %s", request, got, pods)
		}
	}
}

// verify are connection options for psql that verify a database, as kind/name, by the authority of its client certificate
// and show that one.
func verify(database string) string {
	return "sslmode=verify-full sslrootcert=" + mounted(database) + "/ca.crt " + certificate(database)
}

// onlyWithCertificate checks that a database, as kind/name, lets in clients that verify it and show their certificate, and
// nobody else.
func (s *scene) onlyWithCertificate(database string) {
	s.t.Helper()
	l := s.route(database)
	s.saysOverTLS(l, verify(database), "select 1", "1")
	s.refusedOverTLS(l, "sslmode=disable", "a client without TLS")
	s.refusedOverTLS(l, "sslmode=verify-full sslrootcert="+mounted(database)+"/ca.crt sslcert=/nowhere", "a client without a certificate")
}

// serves checks that a database, as kind/name, shows another certificate than the one noted, of that issuer, that clients
// verify it, and that clients without TLS are refused. It notes the certificate.
func (s *scene) serves(database, issuer string, noted map[string]string) {
	s.t.Helper()
	_, name, _ := strings.Cut(database, "/")
	l := s.route(database)
	s.saysOverTLS(l, verify(database), "select 1", "1")
	s.refusedOverTLS(l, "sslmode=disable", "a client without TLS")
	now := s.shown(name, l.port)
	if now == noted[database] {
		s.t.Errorf("%s still shows the certificate %s", database, now)
	}
	noted[database] = now
	s.issuedBy(name+"-server-cert", issuer)
}

// plain checks that a database, as kind/name, speaks TLS no more, and that nothing is left of it.
func (s *scene) plain(database string) {
	s.t.Helper()
	_, name, _ := strings.Cut(database, "/")
	l := s.route(database)
	s.says(l, "select 1", "1")
	if out, err := s.tlsSQL(l, "sslmode=require", "select 1"); err == nil || !strings.Contains(out, "SSL") {
		s.t.Errorf("%s still speaks TLS: %s", database, out)
	}
	s.gone("secret/" + name + "-tls-certs")
	s.has(database, ".spec.tls", "")
}

// issued is the certificate in a Secret.
func (s *scene) issued(secret string) *x509.Certificate {
	s.t.Helper()
	block, _ := pem.Decode([]byte(s.secret(secret, "tls.crt")))
	if block == nil {
		s.t.Fatalf("Secret %s holds no certificate", secret)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		s.t.Fatalf("Secret %s: %v", secret, err)
	}
	return cert
}

// belongsTo checks the subject of an issued certificate.
func (s *scene) belongsTo(secret, organization, unit string) {
	s.t.Helper()
	subject := s.issued(secret).Subject
	if !slices.Contains(subject.Organization, organization) || !slices.Contains(subject.OrganizationalUnit, unit) {
		s.t.Errorf("the certificate in Secret %s is that of %s", secret, subject)
	}
}

// issuedBy checks who issued a certificate.
func (s *scene) issuedBy(secret, authority string) {
	s.t.Helper()
	if got := s.issued(secret).Issuer.CommonName; got != authority {
		s.t.Errorf("the certificate in Secret %s is of %s, want %s", secret, got, authority)
	}
}

var forwarding = regexp.MustCompile(`Forwarding from (127\.0\.0\.1:\d+)`)

// shown is the serial number of the certificate that a Service shows in a handshake, which must be the one that its server
// was issued last.
func (s *scene) shown(service string, port int) string {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	forward := exec.CommandContext(ctx, "kubectl", "-n", s.name, "port-forward", "service/"+service, fmt.Sprintf(":%d", port))
	out, err := forward.StdoutPipe()
	if err == nil {
		err = forward.Start()
	}
	if err != nil {
		s.t.Fatalf("forward a port to %s: %v", service, err)
	}
	said := make([]byte, 200)
	n, _ := out.Read(said)
	address := forwarding.FindStringSubmatch(string(said[:n]))
	if address == nil {
		s.t.Fatalf("kubectl port-forward to %s says %q", service, said[:n])
	}
	presented, err := tls.Present(ctx, address[1])
	if err != nil {
		s.t.Fatal(err)
	}
	if !presented.Leaf.Equal(s.issued(service + "-server-cert")) {
		s.t.Errorf("%s shows the certificate %s, which is not what was issued last", service, tls.Serial(presented.Leaf))
	}
	cancel()
	_ = forward.Wait()
	return tls.Serial(presented.Leaf)
}

// sharesALine tells whether a line with the prefix is in both texts.
func sharesALine(one, other, prefix string) bool {
	return slices.ContainsFunc(strings.Split(one, "\n"), func(line string) bool {
		return strings.HasPrefix(line, prefix) && strings.Contains(other, line)
	})
}

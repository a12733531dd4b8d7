package pgbouncer

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/matriarchdb/matriarch/internal/agent/apply"
	"github.com/matriarchdb/matriarch/internal/conf/ini"
	"github.com/matriarchdb/matriarch/internal/conf/layer"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// certificates are the server's own certificates by path below the folder TLS: those that it shows to clients, and those
// with which a client in the pod can show himself.
func certificates(set apply.Set) apply.Files {
	files := apply.Files{}
	for path, name := range map[string]string{
		"server/" + naming.TLSCA:            naming.TLSCA,
		"server/" + corev1.TLSCertKey:       naming.TLSServerCrt,
		"server/" + corev1.TLSPrivateKeyKey: naming.TLSServerKey,
		"client/" + naming.TLSCA:            naming.TLSCA,
		"client/" + corev1.TLSCertKey:       naming.TLSClientCrt,
		"client/" + corev1.TLSPrivateKeyKey: naming.TLSClientKey,
	} {
		if content, found := set.Certificates[name]; found {
			files[path] = content
		}
	}
	return files
}

// upstream are the files for TLS with the PostgreSQL behind, by name in the folder Secret.
func upstream(set apply.Set) apply.Files {
	files := apply.Files{}
	for _, name := range []string{naming.UpstreamCA, naming.UpstreamCert, naming.UpstreamKey} {
		if content, found := set.Credentials[name]; found {
			files[name] = content
		}
	}
	return files
}

// write writes the files below a folder.
func write(dir string, files apply.Files) error {
	for name, content := range files {
		if err := apply.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// removeUnused removes the keys and certificates that are no longer there, once the configuration does not want them
// any more: PgBouncer would refuse a reload that does not find them.
func (s *Server) removeUnused(file *ini.File, set apply.Set) error {
	wanted := map[string]bool{}
	for one := range pgbouncerSection(file).All() {
		wanted[one.Value] = true
	}
	all := certificates(apply.Set{Certificates: apply.Files{
		naming.TLSCA: nil, naming.TLSServerCrt: nil, naming.TLSServerKey: nil, naming.TLSClientCrt: nil, naming.TLSClientKey: nil,
	}})
	for dir, names := range map[string][2]apply.Files{
		s.opts.TLS: {all, certificates(set)},
		s.opts.Secret: {
			{naming.UpstreamCA: nil, naming.UpstreamCert: nil, naming.UpstreamKey: nil}, upstream(set),
		},
	} {
		for name := range names[0] {
			path := filepath.Join(dir, name)
			if _, there := names[1][name]; there || wanted[path] {
				continue
			}
			if err := apply.RemoveFile(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// await refuses, for now, a configuration whose certificates have not come yet: they are in Secrets of their own.
func (s *Server) await(file *ini.File, set apply.Set) error {
	for one := range pgbouncerSection(file).All() {
		if !strings.Contains(one.Name, "_tls_") {
			continue
		}
		for dir, there := range map[string]apply.Files{s.opts.TLS: certificates(set), s.opts.Secret: upstream(set)} {
			name, below := strings.CutPrefix(one.Value, dir+"/")
			if _, found := there[name]; below && !found {
				return fmt.Errorf("%s wants the file %s as %s, which is in no Secret yet", iniFile, one.Value, one.Name)
			}
		}
	}
	return nil
}

// elsewhere lets the TLS settings of a throwaway process lead to the candidate's files, which it writes into a folder of
// their own.
func (s *Server) elsewhere(dir string, file *ini.File, set apply.Set) error {
	section := pgbouncerSection(file)
	for one := range section.Clone().All() {
		for from, to := range map[string]string{s.opts.TLS: filepath.Join(dir, "tls"), s.opts.Secret: filepath.Join(dir, "upstream")} {
			if name, below := strings.CutPrefix(one.Value, from+"/"); below && strings.Contains(one.Name, "_tls_") {
				section.Set(one.Name, filepath.Join(to, name))
			}
		}
	}
	if err := write(filepath.Join(dir, "tls"), certificates(set)); err != nil {
		return err
	}
	return write(filepath.Join(dir, "upstream"), upstream(set))
}

// stale lists the parameters whose files have a new content that takes a restart: before 1.16 PgBouncer reads
// certificates when it starts and never again.
func (s *Server) stale(set apply.Set) []string {
	var names []string
	ours := strings.HasPrefix(setting(s.file, clientCertificate, ""), s.opts.TLS+"/")
	if ours && s.catalog.Effort(clientCertificate) == layer.Restart && certificates(set).Hash() != certificates(s.startedSet).Hash() {
		names = append(names, clientCertificate)
	}
	if s.catalog.Effort(serverAuthorities) == layer.Restart && upstream(set).Hash() != upstream(s.startedSet).Hash() {
		names = append(names, serverAuthorities)
	}
	return names
}

// The parameters that stand, among those that wait for a restart, for certificates.
const (
	clientCertificate = "client_tls_cert_file"
	serverAuthorities = "server_tls_ca_file"
)

// TLSAddress is where clients meet the server's certificate; empty while it offers no TLS with one of ours.
func (s *Server) TLSAddress() string {
	file, set := s.file, s.set
	if s.catalog.Effort(clientCertificate) == layer.Restart {
		file, set = s.started, s.startedSet
	}
	if file == nil || set.Certificates == nil || setting(file, "listen_addr", "") == "" {
		return ""
	}
	if mode := setting(file, "client_tls_sslmode", "disable"); mode == "disable" || !strings.HasPrefix(setting(file, clientCertificate, ""), s.opts.TLS+"/") {
		return ""
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port()))
}

const (
	clientTLS = "client_tls_sslmode"
	// offered is the value with which PgBouncer takes clients with TLS and without.
	offered = "prefer"
	// loginWait is how long clients that are just logging in without TLS may take.
	loginWait = 5 * time.Second
)

// demandsTLSAnew tells whether clients that were told that there is no TLS are to be refused without it.
func demandsTLSAnew(before, now *ini.File) bool {
	const none = "disable"
	return setting(before, clientTLS, none) == none && slices.Contains([]string{"require", "verify-ca", "verify-full"}, setting(now, clientTLS, none))
}

// offerTLS makes the running process offer TLS without demanding it, and returns when nobody is logging in who may have
// asked before and was told that there is none: PgBouncer judges a client by the mode in force when he logs in.
func (s *Server) offerTLS(ctx context.Context) error {
	eased := s.file.Clone()
	pgbouncerSection(eased).Set(clientTLS, offered)
	if err := s.writeIni(eased); err != nil {
		return err
	}
	if _, err := consoleOf(s.started).once(ctx, "RELOAD"); err != nil {
		return err
	}
	s.loaded = eased
	if err := s.awaitLogins(ctx); err != nil {
		slog.Warn("TLS is demanded while clients are logging in", "error", err)
	}
	return s.writeIni(s.file)
}

// awaitLogins returns when no client is logging in.
func (s *Server) awaitLogins(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, loginWait)
	defer cancel()
	conn, err := consoleOf(s.started).connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return s.awaitNone(ctx, conn, "SHOW LISTS", func(row map[string]string) bool {
		return row["list"] == "login_clients" && row["items"] != "0"
	})
}

func (s *Server) writeIni(file *ini.File) error {
	text, err := file.Print()
	if err != nil {
		return err
	}
	return write(s.opts.Etc, apply.Files{iniFile: []byte(text)})
}

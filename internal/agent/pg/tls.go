package pg

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"strings"

	"github.com/matriarchdb/matriarch/internal/agent/apply"
	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/pgconf"
	"github.com/matriarchdb/matriarch/internal/naming"
	"github.com/matriarchdb/matriarch/internal/tls"
)

// places are where PostgreSQL's configuration, clients in the pod and the exporter look for certificates.
var places = []apply.Place{
	{Pair: tls.Server, Folder: "server", Crt: "server.crt", Key: "server.key", CA: "ca.crt"},
	{Pair: tls.Client, Folder: "client", Crt: "client.crt", Key: "client.key", CA: "ca.crt"},
	{Pair: tls.Exporter, Folder: "exporter", Crt: "tls.crt", Key: "tls.key", CA: "ca.crt"},
}

// Equip puts the certificates in place and takes note of how the primary is to be reached. A server that does not run yet
// is reached so from its start; one that runs, when it is known to work (SecureUpstream).
func (s *Server) Equip(set apply.Set) error {
	if err := s.lacksCertificates(set); err != nil {
		return err
	}
	files := apply.Files{}
	for _, place := range places {
		maps.Copy(files, place.Files(set.Certificates))
	}
	if err := apply.WriteCertificates(s.opts.Certs, files); err != nil {
		return err
	}
	s.peer.wanted = defaultPeer
	if options, given := set.Config[naming.PostgresUpstream]; given {
		s.peer.wanted = strings.TrimSpace(string(options))
	}
	if !s.Running() || s.peer.used == "" {
		s.peer.used = s.peer.wanted
	}
	return nil
}

// lacksCertificates says that the configuration names certificates that are not published yet. PostgreSQL would not
// start without them.
func (s *Server) lacksCertificates(set apply.Set) error {
	settings, err := pgconf.Parse(pgconf.PostgreSQL, string(set.Config[naming.PostgresConf]))
	if err != nil || set.Certificates != nil || !speaksTLS(settings) {
		return nil // a file that does not parse is refused by others
	}
	if file, _ := settings.Get("ssl_cert_file"); !strings.HasPrefix(file, s.opts.Certs) {
		return nil
	}
	return errors.New("the configuration asks for TLS, and the certificates are not there yet: the operator publishes them as soon as cert-manager has issued them")
}

func speaksTLS(settings *conf.Settings) bool {
	value, found := settings.Get("ssl")
	on, err := pgconf.ParseBool(value)
	return found && err == nil && on
}

// TLSAddress implements apply.TLSServer.
func (s *Server) TLSAddress() string {
	if !s.Running() || s.private != "" || s.settings == nil || !speaksTLS(s.settings) {
		return ""
	}
	_, port := s.Address()
	return net.JoinHostPort("127.0.0.1", port)
}

// peer is how the primary is reached, as far as TLS is concerned: options as libpq writes them.
type peer struct{ used, wanted string }

// defaultPeer is libpq's own default.
const defaultPeer = "sslmode=prefer"

func (p peer) options(to Upstream, ours string) string {
	if to.Foreign || ours == "" {
		return defaultPeer
	}
	return ours
}

func quoteConn(value string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'"
}

// upstream addresses a server that this one streams from, in the way that is wanted and without the password.
func (s *Server) upstream(from Upstream, as Admin) string {
	return fmt.Sprintf("host=%s port=%s user=%s %s", quoteConn(from.Host), quoteConn(from.Port), quoteConn(as.User),
		s.peer.options(from, s.peer.wanted))
}

// SecureUpstream lets the running standby reach its primary in the way that is wanted, once that works: TLS is turned on
// and off member by member, and a standby that is ahead of its primary would lose its stream. Conninfo says so from then
// on.
func (s *Server) SecureUpstream(ctx context.Context, from Upstream, as Admin) error {
	if s.peer.used == s.peer.wanted || from.Foreign {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, sqlTimeout)
	defer cancel()
	conn, err := s.connectUpstream(ctx, from, as, "replication=true")
	if err != nil {
		return fmt.Errorf("use other options (%s), the former ones stay: %w", s.peer.wanted, err)
	}
	conn.Close(context.WithoutCancel(ctx))
	s.peer.used = s.peer.wanted
	return nil
}

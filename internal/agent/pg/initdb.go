package pg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"github.com/matriarchdb/matriarch/internal/agent/apply"
	"github.com/matriarchdb/matriarch/internal/agent/supervise"
)

// Admin is the administrator as the Secret names him.
type Admin struct{ User, Password string }

// locales in the order of preference. Images without locales have C.UTF-8 since it is part of the C library.
var locales = []string{"C.UTF-8", "C.utf8", "en_US.UTF-8", "C"}

// InitDB makes a new cluster in the staged directory: UTF-8, data checksums, the administrator with his password.
// Flushing to disk is left to Volume.Complete.
func (s *Server) InitDB(ctx context.Context, admin Admin) error {
	if _, err := user.Current(); err != nil {
		return fmt.Errorf("initdb needs a user name, and uid %d has none in the image's /etc/passwd; "+
			"run the container as the image's own PostgreSQL user (securityContext.runAsUser): %w", os.Getuid(), err)
	}
	passfile := filepath.Join(s.opts.Scratch, "initdb-password")
	if err := apply.WriteFile(passfile, []byte(admin.Password+"\n"), 0o600); err != nil {
		return err
	}
	defer os.Remove(passfile)
	var err error
	for _, locale := range locales {
		if err := s.opts.Volume.Stage(); err != nil {
			return err
		}
		err = s.sup.Run(ctx, supervise.Command{Path: s.Path("initdb"), Quiet: true, Args: []string{"-D", s.opts.Volume.Staged(),
			"--username=" + admin.User, "--pwfile=" + passfile, "--encoding=UTF8", "--locale=" + locale,
			"--data-checksums", "--auth-local=trust", "--auth-host=scram-sha-256", "--no-sync"}})
		var failure *supervise.Failure
		if err == nil || !errors.As(err, &failure) || !strings.Contains(failure.Output, "locale") {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("make a new cluster: %w", err)
	}
	return nil
}

package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/matriarchdb/matriarch/internal/agent/apply"
	"github.com/matriarchdb/matriarch/internal/agent/pg"
	"github.com/matriarchdb/matriarch/internal/agent/supervise"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// Check asks the server programs of this image whether they take the candidate files in dir: it judges them as a running
// agent judges a change, and ends. It needs no API server and touches nothing but throwaway files. The error of files
// that are refused holds the server's own words.
func Check(ctx context.Context, kind, dir string) error {
	root := os.Getenv(EnvRoot)
	at := func(absolute string) string { return filepath.Join(root, absolute) }
	set, err := candidate(dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(at(naming.RunDir), 0o700); err != nil {
		return fmt.Errorf("make the agent's own folder: %w", err)
	}
	judge, err := newJudge(ctx, kind, at)
	if err != nil {
		return err
	}
	if err := judge.Vet(ctx, set); err != nil {
		return judged(judge, err)
	}
	return judged(judge, judge.Try(ctx, set))
}

// judge is what of a server is asked for an opinion.
type judge interface {
	Vet(ctx context.Context, set apply.Set) error
	Try(ctx context.Context, set apply.Set) error
	Version() string
}

func newJudge(ctx context.Context, kind string, at func(string) string) (judge, error) {
	sup := supervise.New(os.Stdout)
	if os.Getpid() == 1 {
		go sup.Reap(ctx)
	}
	if kind != KindPostgres {
		rt := runtime{sup: sup, settings: Settings{Kind: kind, Root: os.Getenv(EnvRoot)}}
		return rt.newPooler(ctx, 0)
	}
	programs, err := pg.FindPrograms(ctx, sup)
	if err != nil {
		return nil, err
	}
	volume := pg.Volume{Dir: at(naming.PostgresDataMount)}
	server := pg.New(programs, sup, pg.Options{
		Etc: at(naming.PostgresConfigMount), Certs: at(naming.CertsDir), Scratch: at(naming.RunDir), Volume: volume,
	})
	return pg.NewJudge(server), nil
}

// judged adds who refused to a refusal.
func judged(by judge, err error) error {
	var refusal *apply.Refusal
	if errors.As(err, &refusal) {
		return fmt.Errorf("version %s refuses the configuration: %s", by.Version(), strings.TrimSpace(refusal.Words))
	}
	return err
}

// candidate reads the files: those of the configuration Secret, of the credentials Secret and of the published
// certificates each have a folder.
func candidate(dir string) (apply.Set, error) {
	config, err := readFiles(filepath.Join(dir, naming.TrialConfig))
	if err != nil {
		return apply.Set{}, err
	}
	credentials, err := readOptional(filepath.Join(dir, naming.TrialCredentials))
	if err != nil {
		return apply.Set{}, err
	}
	certificates, err := readOptional(filepath.Join(dir, naming.TrialCertificates))
	return apply.Set{Config: config, Credentials: credentials, Certificates: certificates}, err
}

// readOptional reads the files of a folder that need not be there.
func readOptional(dir string) (apply.Files, error) {
	files, err := readFiles(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return files, err
}

func readFiles(dir string) (apply.Files, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read the candidate files: %w", err)
	}
	files := apply.Files{}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), "..") { // the kubelet's own links
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("read the candidate files: %w", err)
		}
		files[entry.Name()] = content
	}
	return files, nil
}

package main

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/matriarchdb/matriarch/images/internal/builder"
	"github.com/matriarchdb/matriarch/images/internal/debian"
	"github.com/matriarchdb/matriarch/images/internal/recipe"
	"github.com/matriarchdb/matriarch/images/internal/store"
)

// These tests run the servers of the images, unpacked, as a pod would: as the image's user, with a root that cannot be
// written to but for the folders that the recipe names. Images that are not there yet are made, which takes minutes.

// checks are what must work inside an image, by its name. %s is the version.
var checks = map[string]string{
	"postgres": `
		postgres --version | grep -F "(PostgreSQL) %[1]s"
		psql --version | grep -F "(PostgreSQL) %[1]s"
		locale -a | grep -x en_US.utf8
		locale -a | grep -xi -e C.utf8 -e C.utf-8
		pg_rewind --version && pg_basebackup --version && pg_config --bindir && pg_controldata --version
		initdb --pgdata /var/lib/postgresql/data --locale en_US.UTF-8 --auth trust >/dev/null
		pg_ctl --pgdata /var/lib/postgresql/data --wait --log /tmp/log \
			--options "-k /run/postgresql -c listen_addresses= -c shared_preload_libraries=pg_stat_statements" start || cat /tmp/log
		psql --host /run/postgresql --dbname postgres --set ON_ERROR_STOP=1 --quiet --no-align --tuples-only <<-SQL
			CREATE EXTENSION pg_stat_statements;
			CREATE EXTENSION pgcrypto;
			SELECT count(*) > 0 FROM pg_stat_statements;
			SELECT now() AT TIME ZONE 'Asia/Dhaka';
			SELECT datcollate FROM pg_database WHERE datname = 'postgres';
		SQL
		pg_ctl --pgdata /var/lib/postgresql/data --mode fast stop`,
	"pgpool": `
		pgpool --version 2>&1 | grep -F "pgpool-II version %[1]s"
		pcp_node_info --version 2>&1 | grep -F %[1]s
		pg_md5 secret
		psql --version`,
	"pgbouncer": `pgbouncer --version | grep -F "PgBouncer %[1]s"`,
	"git-sync": `
		git --version | grep -F "version %[1]s."
		ssh -V
		cd /tmp && git init --quiet --initial-branch=main source && cd source
		echo "SELECT 1" > one.sql && git add . && git -c user.name=x -c user.email=x@example.com commit --quiet --message one
		GITSYNC_ROOT=/git /git-sync --repo=file:///tmp/source --link=current --one-time
		grep -x "SELECT 1" /git/current/one.sql
		! /git-sync --repo=https://localhost:1/x.git --root=/git --one-time`,
	"postgres-exporter":  `prometheus-postgres-exporter --version 2>&1 | grep -F "version %[1]s"`,
	"pgbouncer-exporter": `prometheus-pgbouncer-exporter --version 2>&1 | grep -F "version %[1]s"`,
}

// sandbox is run in namespaces of its own, so that mounts and servers are gone with it. $1 is the root, $2 the user, $3
// PATH, $4 the folders that can be written to, $5 what to run.
const sandbox = `set -eu
mount --bind "$1" "$1"
mount --bind /dev "$1/dev"
mount -t tmpfs -o mode=1777 tmpfs "$1/dev/shm"
mount -t proc proc "$1/proc"
for dir in $4; do
	options=mode=$(stat -c %a "$1$dir"),uid=$(stat -c %u "$1$dir"),gid=$(stat -c %g "$1$dir")
	mount -t tmpfs -o "$options" tmpfs "$1$dir"
done
mount -o remount,bind,ro "$1"
exec setpriv --no-new-privs chroot --userspec="$2" --groups= "$1" /usr/bin/env -i PATH="$3" LC_ALL=C.UTF-8 sh -euc "cd /tmp; $5"
`

func imagesOrSkip(t *testing.T) (store.Dir, store.Index) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs servers of images; left out by -short")
	}
	if err := debian.Ready(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	dir, err := store.Default()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for name := range checks {
		names = append(names, name)
	}
	b := builder.Builder{Dir: dir, Mirrors: recipe.DebianMirrors, Jobs: 2, Print: func(line string) { t.Log(line) }}
	if err := b.Build(context.Background(), names); err != nil {
		t.Fatal(err)
	}
	index, err := dir.Read()
	if err != nil {
		t.Fatal(err)
	}
	return dir, index
}

// archived is an image as it is in its archive.
func archived(t *testing.T, dir store.Dir, entry store.Image) v1.Image {
	t.Helper()
	to := t.TempDir()
	if output, err := exec.Command("tar", "-xf", dir.File(entry.Tar), "-C", to).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	index, err := layout.ImageIndexFromPath(to)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := v1.NewHash(entry.Digest)
	if err != nil {
		t.Fatal(err)
	}
	image, err := index.Image(hash)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// unpacked is a folder with the image's files.
func unpacked(t *testing.T, image v1.Image) string {
	t.Helper()
	files := mutate.Extract(image)
	defer files.Close()
	root := t.TempDir()
	command := exec.Command("tar", "--numeric-owner", "-xp", "-C", root)
	command.Stdin = files
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("unpack: %v: %s", err, output)
	}
	// The temporary folder of a test is for its owner alone, but the image's user has to get in.
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	return root
}

func TestServersRunInTheirImages(t *testing.T) {
	dir, index := imagesOrSkip(t)
	for _, r := range recipe.All() {
		t.Run(r.ID(), func(t *testing.T) {
			image := archived(t, dir, index.Images[r.ID()])
			file, err := image.ConfigFile()
			if err != nil {
				t.Fatal(err)
			}
			path := strings.TrimPrefix(file.Config.Env[0], "PATH=")
			root := unpacked(t, image)
			output, err := exec.Command("unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "--",
				"sh", "-c", sandbox, "sh", root, file.Config.User, path, strings.Join(r.Writable, " "), fmt.Sprintf(checks[r.Name], r.Version),
			).CombinedOutput()
			if err != nil {
				t.Errorf("%v:\n%s", err, output)
			}
			inspect(t, r, root)
		})
	}
}

// inspect looks for what must not be in an image.
func inspect(t *testing.T, r recipe.Recipe, root string) {
	t.Helper()
	locales, err := filepath.Glob(filepath.Join(root, "usr/lib/locale/*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, locale := range locales {
		name := strings.ToLower(filepath.Base(locale))
		if !strings.HasPrefix(name, "c.") && !(r.Locale && name == "en_us.utf8") {
			t.Errorf("the image has the locale %s", name)
		}
	}
	err = filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path, root)
		info, err := entry.Info()
		if err != nil {
			return err
		}
		switch {
		case !entry.Type().IsRegular():
		case strings.HasPrefix(name, "/usr/share/man/"), strings.HasPrefix(name, "/usr/share/info/"), strings.HasPrefix(name, "/usr/share/locale/"),
			strings.HasPrefix(name, "/usr/share/doc/") && filepath.Base(name) != "copyright":
			t.Errorf("the image has documentation: %s", name)
		case strings.HasPrefix(name, "/usr/share/i18n/"), strings.HasPrefix(name, "/var/lib/apt/lists/"), strings.HasPrefix(name, "/var/cache/"):
			t.Errorf("the image has what only its assembly needed: %s", name)
		case strings.HasSuffix(name, ".key") || strings.Contains(name, "snakeoil"):
			t.Errorf("the image has a private key: %s", name)
		case info.Mode()&(os.ModeSetuid|os.ModeSetgid) != 0:
			t.Errorf("a program of the image becomes another user: %s", name)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestImagesOfOneReleaseShareTheirLowestLayer(t *testing.T) {
	dir, index := imagesOrSkip(t)
	lowest := map[string]string{}
	for _, r := range recipe.All() {
		manifest := manifestOf(t, dir.File(index.Images[r.ID()].Tar), index.Images[r.ID()].Digest)
		if len(manifest.Layers) != 2 {
			t.Errorf("%s has %d layers", r.ID(), len(manifest.Layers))
			continue
		}
		digest := manifest.Layers[0].Digest.String()
		if other, ok := lowest[r.Suite]; ok && other != digest {
			t.Errorf("%s stands on %s, another image of %s on %s", r.ID(), digest, r.Suite, other)
		}
		lowest[r.Suite] = digest
	}
}

// manifestOf reads an image's manifest without unpacking the archive.
func manifestOf(t *testing.T, archive, digest string) v1.Manifest {
	t.Helper()
	file, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r := tar.NewReader(file)
	for {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			t.Fatalf("%s has no manifest %s", archive, digest)
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Name != "blobs/"+strings.Replace(digest, ":", "/", 1) {
			continue
		}
		var manifest v1.Manifest
		if err := json.NewDecoder(r).Decode(&manifest); err != nil {
			t.Fatal(err)
		}
		return manifest
	}
}

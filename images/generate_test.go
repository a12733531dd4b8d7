package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAFolderHoldsExactlyWhatIsGenerated(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, content := range map[string]string{"stale.yaml": "x", "local/pgpool.yaml": "old", "local/pgpool.yaml.new": "half"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string][]byte{"local/pgpool.yaml": []byte("new"), "public/pgpool.yaml": []byte("public")}
	for run := range 2 {
		if err := replace(dir, want); err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, pattern := range []string{"*", "*/*"} {
			files, err := filepath.Glob(filepath.Join(dir, pattern))
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range files {
				if content, err := os.ReadFile(file); err == nil {
					name, _ := filepath.Rel(dir, file)
					got[name] = string(content)
				}
			}
		}
		if len(got) != 2 || got["local/pgpool.yaml"] != "new" || got["public/pgpool.yaml"] != "public" {
			t.Errorf("after run %d there is %v", run+1, got)
		}
	}
}

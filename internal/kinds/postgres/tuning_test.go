package postgres

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	"github.com/matriarchdb/matriarch/internal/conf"
)

func lines(s *conf.Settings) string {
	var b strings.Builder
	for one := range s.All() {
		b.WriteString(one.Name + "=" + one.Value + "\n")
	}
	return b.String()
}

// The expected values are what pgtune shows for the same input.
func TestTune(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason string
		in     TuningInput
		want   string
	}{
		{"a small web server", TuningInput{
			Major: 18, Memory: 2 * giB, CPUs: 2, Profile: kubedbv1.TuningProfileWeb, Disk: kubedbv1.DiskTypeSSD, MaxConnections: 200,
		}, `max_connections=200
shared_buffers=512MB
effective_cache_size=1536MB
maintenance_work_mem=128MB
checkpoint_completion_target=0.9
wal_buffers=16MB
default_statistics_target=100
random_page_cost=1.1
effective_io_concurrency=200
work_mem=2520kB
huge_pages=off
min_wal_size=1GB
max_wal_size=4GB
`},
		{"a large warehouse on disks", TuningInput{
			Major: 17, Memory: 64 * giB, CPUs: 16, Profile: kubedbv1.TuningProfileDW, Disk: kubedbv1.DiskTypeHDD,
		}, `max_connections=40
shared_buffers=16GB
effective_cache_size=48GB
maintenance_work_mem=2GB
checkpoint_completion_target=0.9
wal_buffers=16MB
default_statistics_target=500
random_page_cost=4
effective_io_concurrency=2
work_mem=149796kB
huge_pages=try
min_wal_size=4GB
max_wal_size=16GB
max_worker_processes=16
max_parallel_workers_per_gather=8
max_parallel_workers=16
max_parallel_maintenance_workers=4
`},
		{"a desktop with almost nothing", TuningInput{
			Major: 15, Memory: 64 * miB, CPUs: 1, Profile: kubedbv1.TuningProfileDesktop, Disk: kubedbv1.DiskTypeSAN,
		}, `max_connections=20
shared_buffers=4MB
effective_cache_size=16MB
maintenance_work_mem=4MB
checkpoint_completion_target=0.9
wal_buffers=122kB
default_statistics_target=100
random_page_cost=1.1
effective_io_concurrency=300
work_mem=121kB
huge_pages=off
min_wal_size=100MB
max_wal_size=2GB
`},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, lines(Tune(test.in))); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatWasTunedStandsInItsFile(t *testing.T) {
	t.Parallel()
	in := small()
	in.Tuning = &kubedbv1.Tuning{}
	config, err := Render(in)
	if err != nil {
		t.Fatal(err)
	}
	text := config.Files["pgtune.conf"]
	for _, want := range []string{"# DB Version: 15\n", "# DB Type: web\n", "# Total Memory (RAM): 1GB\n", "# Connections num: 200\n", "shared_buffers = 256MB\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("pgtune.conf lacks %q:\n%s", want, text)
		}
	}
}

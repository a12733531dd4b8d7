package postgres

import (
	"fmt"
	"strings"

	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/pgconf"
)

// TuningInput is what the tuned settings are computed from.
type TuningInput struct {
	Major   int
	Memory  int64 // bytes
	CPUs    int64 // whole ones
	Profile kubedbv1.TuningProfile
	Disk    kubedbv1.DiskType
	// MaxConnections is 0 for the profile's own.
	MaxConnections int64
}

// profile holds what differs by kind of work.
type profile struct {
	connections      int64
	buffersShare     int64 // shared_buffers = memory / buffersShare
	cacheNum         int64 // effective_cache_size = memory * cacheNum / cacheDen
	cacheDen         int64
	maintenanceShare int64
	workMemDivisor   int64
	statistics       int64
	minWAL, maxWAL   int64 // MB
}

// profiles are the values of pgtune (github.com/le0pard/pgtune, src/features/configuration/configurationSlice.js), the
// formulas that KubeDB uses too.
var profiles = map[kubedbv1.TuningProfile]profile{
	kubedbv1.TuningProfileWeb:     {200, 4, 3, 4, 16, 1, 100, 1024, 4096},
	kubedbv1.TuningProfileOLTP:    {300, 4, 3, 4, 16, 1, 100, 2048, 8192},
	kubedbv1.TuningProfileDW:      {40, 4, 3, 4, 8, 2, 500, 4096, 16384},
	kubedbv1.TuningProfileMixed:   {100, 4, 3, 4, 16, 2, 100, 1024, 4096},
	kubedbv1.TuningProfileDesktop: {20, 16, 1, 4, 16, 6, 100, 100, 2048},
}

// disks are what differs by kind of disk: random_page_cost and effective_io_concurrency.
var disks = map[kubedbv1.DiskType]struct{ pageCost, concurrency string }{
	kubedbv1.DiskTypeSSD: {"1.1", "200"},
	kubedbv1.DiskTypeHDD: {"4", "2"},
	kubedbv1.DiskTypeSAN: {"1.1", "300"},
}

const (
	maxMaintenance  = 2 * giB / kiB  // kB; more is not used by a single vacuum
	maxWALBuffers   = 16 * miB / kiB // kB; one WAL segment
	nearWALBuffers  = 14 * miB / kiB
	minWALBuffers   = 32
	minWorkMem      = 64
	parallelFrom    = 4 // CPUs
	defaultWorkers  = 8 // PostgreSQL's own max_worker_processes
	hugePagesFrom   = 32 * giB
	maxGatherMostly = 4 // workers per gather, except for data warehouses
)

// Tune computes settings from the resources of a member.
func Tune(in TuningInput) *conf.Settings {
	p := profiles[in.Profile]
	connections := in.MaxConnections
	if connections <= 0 {
		connections = p.connections
	}
	memory := in.Memory / kiB
	buffers := memory / p.buffersShare
	disk := disks[in.Disk]
	tuned := settings([]setting{
		{"max_connections", fmt.Sprint(connections)},
		{"shared_buffers", kilobytes(buffers)},
		{"effective_cache_size", kilobytes(memory * p.cacheNum / p.cacheDen)},
		{"maintenance_work_mem", kilobytes(min(memory/p.maintenanceShare, maxMaintenance))},
		{"checkpoint_completion_target", "0.9"},
		{"wal_buffers", kilobytes(walBuffers(buffers))},
		{"default_statistics_target", fmt.Sprint(p.statistics)},
		{"random_page_cost", disk.pageCost},
		{"effective_io_concurrency", disk.concurrency},
		{"work_mem", kilobytes(workMem(in, p, memory-buffers, connections))},
		{"huge_pages", hugePages(in.Memory)},
		{"min_wal_size", kilobytes(p.minWAL * miB / kiB)},
		{"max_wal_size", kilobytes(p.maxWAL * miB / kiB)},
	})
	return tuned.Merge(parallel(in))
}

func walBuffers(buffers int64) int64 {
	size := min(buffers*3/100, maxWALBuffers)
	if size > nearWALBuffers {
		size = maxWALBuffers
	}
	return max(size, minWALBuffers)
}

func workMem(in TuningInput, p profile, rest, connections int64) int64 {
	workers := int64(defaultWorkers)
	if in.CPUs >= parallelFrom {
		workers = in.CPUs
	}
	return max(rest/((connections+workers)*3)/p.workMemDivisor, minWorkMem)
}

func hugePages(memory int64) string {
	if memory >= hugePagesFrom {
		return "try"
	}
	return "off"
}

// parallel sets the numbers of workers where there are CPUs for them.
func parallel(in TuningInput) *conf.Settings {
	if in.CPUs < parallelFrom {
		return settings(nil)
	}
	half := (in.CPUs + 1) / 2
	gather := half
	if in.Profile != kubedbv1.TuningProfileDW {
		gather = min(half, maxGatherMostly)
	}
	return settings([]setting{
		{"max_worker_processes", fmt.Sprint(in.CPUs)},
		{"max_parallel_workers_per_gather", fmt.Sprint(gather)},
		{"max_parallel_workers", fmt.Sprint(in.CPUs)},
		{"max_parallel_maintenance_workers", fmt.Sprint(min(half, maxGatherMostly))},
	})
}

// tunedText renders pgtune.conf, which is for people to read: what was computed, and from what.
func tunedText(in TuningInput, tuned *conf.Settings) (string, error) {
	text, err := pgconf.Print(pgconf.PostgreSQL, tuned)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# DB Version: %d\n# OS Type: linux\n# DB Type: %s\n", in.Major, in.Profile)
	fmt.Fprintf(&b, "# Total Memory (RAM): %s\n# CPUs num: %d\n", kilobytes(in.Memory/kiB), in.CPUs)
	connections, _ := tuned.Get("max_connections")
	fmt.Fprintf(&b, "# Connections num: %s\n# Data Storage: %s\n\n%s", connections, in.Disk, text)
	return b.String(), nil
}

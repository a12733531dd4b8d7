package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// String is the row as a person reads it.
func (r row) String() string {
	return strings.Trim(fmt.Sprintf("%s: %s %s %s", r.what, r.median(), r.spread(), r.note), " ")
}

func (r row) median() string {
	if len(r.values) == 0 {
		return "-"
	}
	sorted := slices.Sorted(slices.Values(r.values))
	return fmt.Sprintf("%.1f %s", sorted[len(sorted)/2], r.unit)
}

func (r row) spread() string {
	if len(r.values) < 2 {
		return ""
	}
	return fmt.Sprintf("%.1f–%.1f", slices.Min(r.values), slices.Max(r.values))
}

// table is the whole result in Markdown.
func (b *bench) table() string {
	var out strings.Builder
	fmt.Fprintf(&out, "Measured on %s: %s.\n\n", time.Now().UTC().Format(time.DateOnly), machine())
	out.WriteString("| what | median | range | mark | the guides of KubeDB | note |\n|---|---|---|---|---|---|\n")
	for _, r := range b.rows {
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s | %s |\n", r.what, r.median(), r.spread(), r.mark, r.guide, r.note)
	}
	return out.String()
}

// machine describes what this ran on.
func machine() string {
	model := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, rest, found := strings.Cut(string(text), "model name"); found {
			line, _, _ := strings.Cut(rest, "\n")
			model = strings.Trim(line, " \t:")
		}
	}
	memory := ""
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		var kib int
		if _, err := fmt.Sscanf(string(text), "MemTotal: %d kB", &kib); err == nil {
			memory = fmt.Sprintf(", %d GiB", kib>>20)
		}
	}
	return fmt.Sprintf("%d cores of %s%s, shared with other work", runtime.NumCPU(), model, memory)
}

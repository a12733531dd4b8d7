package host

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// Netns is a network namespace, named by a process in it; 0 is the machine's own.
type Netns int

// run executes a program in the namespace, with text on its standard input,
// and reports its own words when it fails.
func (n Netns) run(ctx context.Context, input string, argv ...string) (string, error) {
	if n != 0 {
		argv = append([]string{"nsenter", "--target", strconv.Itoa(int(n)), "--net", "--"}, argv...)
	}
	command := exec.CommandContext(ctx, argv[0], argv[1:]...)
	command.Stdin = strings.NewReader(input)
	var output, complaint strings.Builder
	command.Stdout, command.Stderr = &output, &complaint
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, strings.TrimSpace(complaint.String()))
	}
	return output.String(), nil
}

// hasLink says whether the namespace has a link of this name.
func (n Netns) hasLink(ctx context.Context, name string) (bool, error) {
	links, err := n.run(ctx, "", "ip", "-o", "link", "show")
	if err != nil {
		return false, err
	}
	return listsLink(links, name), nil
}

// listsLink reads the output of "ip -o link": "2: eth0@if3: <UP> …" per line.
func listsLink(output, name string) bool {
	for line := range strings.Lines(output) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		if own, _, _ := strings.Cut(strings.TrimSuffix(fields[1], ":"), "@"); own == name {
			return true
		}
	}
	return false
}

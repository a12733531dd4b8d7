package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
)

// kubectl runs one command; its output holds both streams.
func kubectl(stdin string, args ...string) (string, error) {
	command := exec.Command("kubectl", args...)
	command.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	err := command.Run()
	return out.String(), err
}

func apply(manifest string) error {
	if out, err := kubectl(manifest, "-n", ns, "apply", "--server-side", "-f", "-"); err != nil {
		return fmt.Errorf("apply: %w: %s", err, out)
	}
	return nil
}

// get reads a field; empty if there is none.
func get(object, path string) string {
	out, err := kubectl("", "-n", ns, "get", object, "-o", "jsonpath="+path)
	if err != nil {
		return ""
	}
	return out
}

package provision

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
)

// reasonUsersLeftOut is Matriarch's own reason.
const reasonUsersLeftOut = "UsersLeftOut"

// setUsers says which users cannot log in although a Secret asks for it. The others can.
func (s *scope) setUsers(leftOut []string) {
	if len(leftOut) == 0 {
		s.remove(sharedv1.ConditionInternalUsersSynced)
		return
	}
	s.set(sharedv1.ConditionInternalUsersSynced, false, reasonUsersLeftOut,
		"Users are left out; change their Secrets. "+strings.Join(leftOut, "; "))
}

// kubeletReasons are states of a container that last until somebody does something about them; the kubelet says what.
var kubeletReasons = []string{
	"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError", "CreateContainerError",
}

// containerProblems says in the words of the containers, or of the kubelet, why containers of a pod do not run. What an
// agent has to say itself is in its report.
func containerProblems(pod *corev1.Pod) []string {
	var problems []string
	for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		ended := c.State.Terminated
		if ended == nil && c.State.Waiting != nil {
			ended = c.LastTerminationState.Terminated
		}
		switch waiting := c.State.Waiting; {
		case waiting != nil && slices.Contains(kubeletReasons, waiting.Reason):
			problems = append(problems, fmt.Sprintf("container %s: %s: %s", c.Name, waiting.Reason, waiting.Message))
		case ended != nil && ended.ExitCode != 0:
			problems = append(problems, fmt.Sprintf("container %s ended with exit code %d: %s", c.Name, ended.ExitCode, lastWords(ended)))
		}
	}
	return problems
}

// longestWords is how much of a container's last line is repeated, in bytes.
const longestWords = 600

// lastWords is the last line that a container printed; of a line in JSON, as git-sync prints them, what it says without
// the time, which would be new at each attempt.
func lastWords(ended *corev1.ContainerStateTerminated) string {
	lines := strings.Split(strings.TrimSpace(ended.Message), "\n")
	words := strings.TrimSpace(lines[len(lines)-1])
	var line struct{ Msg, Error string }
	if json.Unmarshal([]byte(words), &line) == nil && line.Msg != "" {
		words = line.Msg
		if line.Error != "" {
			words += ": " + strings.Join(strings.Fields(line.Error), " ")
		}
	}
	if words == "" {
		words = ended.Reason
	}
	if len(words) > longestWords {
		words = strings.ToValidUTF8(words[:longestWords], "") + "…"
	}
	return words
}

package step

import (
	"fmt"
	"strings"
	"unicode"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
)

// restartNotes are the conditions per pod that tell how far a rolling restart is. A target's condition is False while
// that part is under way.
func (s *Scope) restartNotes(targets []opsv1alpha1.Target, d Decision) []Note {
	var notes []Note
	for i, t := range targets[:min(d.Target+1, len(targets))] {
		past := i < d.Target
		evicted := past || d.Action == AwaitGone || d.Action == AwaitBack
		notes = append(notes, podNotes(s.Texts.PodChosen, t.Name, true)...)
		notes = append(notes, podNotes(s.Texts.PodEvicted, t.Name, evicted)...)
		if evicted {
			notes = append(notes, podNotes(s.Texts.PodBack, t.Name, past)...)
		}
	}
	return notes
}

func podNotes(steps []string, pod string, finished bool) []Note {
	notes := make([]Note, 0, len(steps))
	for _, step := range steps {
		notes = append(notes, PodNote(step, pod, finished))
	}
	return notes
}

// PodNote is the condition of one part of the work on one pod, such as EvictPod--db-0 with the message
// "evict pod; ConditionStatus:True; PodName:db-0".
func PodNote(step, pod string, finished bool) Note {
	status := "False"
	if finished {
		status = "True"
	}
	return Note{
		Type: Part(step, pod), Done: finished,
		Message: fmt.Sprintf("%s; ConditionStatus:%s; PodName:%s", words(step), status, pod),
	}
}

// words spells a CamelCase step in lower case words: EvictPod is "evict pod".
func words(camel string) string {
	var b strings.Builder
	for i, r := range camel {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// noted tells whether any of the steps was begun on the pod.
func (s *Scope) noted(steps []string, pod string) bool {
	for _, step := range steps {
		for _, c := range s.Request.RequestStatus().Conditions {
			if c.Type == Part(step, pod) {
				return true
			}
		}
	}
	return false
}

// Part names a part of a step, as the journal does.
func Part(step, on string) string {
	if on == "" {
		return step
	}
	return step + opsv1alpha1.PodSeparator + on
}

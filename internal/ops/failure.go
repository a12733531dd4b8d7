package ops

import (
	"context"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/ops/step"
)

// turnRound notes, in memory, that a step failed. Forward, the operation is undone from here on. On the way back a step
// that fails is given up: what cannot be restored must not keep the database paused.
func (run *run) turnRound(ctx context.Context, s step.Step, reason, text, on string) {
	j := run.journal()
	name := s.Type(run.scope())
	message := run.explain(ctx, name, reason, text, on)
	if j.Failure == nil {
		j.Failure = &opsv1alpha1.Failure{Step: name, Reason: reason, Message: message}
	} else {
		j.Failure.Unrestored = append(j.Failure.Unrestored, message)
		kube.SetCondition(&run.status().Conditions, sharedv1.Condition{
			Type: name, Status: metav1.ConditionFalse, Reason: reasonNotRestored, Message: message,
			ObservedGeneration: run.request.GetGeneration(),
		}, metav1.NewTime(run.now))
	}
	j.Step, j.Attempt, j.Deadline, j.Waiting = "", 0, nil, ""
}

// explain says what was attempted, what came back, and shows the failing pod's own words.
func (run *run) explain(ctx context.Context, name, reason, text, on string) string {
	message := text
	if reason == step.ReasonTimeout {
		message = fmt.Sprintf("step %s did not end within %s; it waited for %s", name, run.timeout(), text)
	}
	if reason == step.ReasonCancelled || reason == step.ReasonEdited {
		return message
	}
	if words := run.podWords(ctx, on); words != "" {
		message += "; " + words
	}
	return message
}

// podWords is what the failing pod has to say: the named one, or else the first that is not ready.
func (run *run) podWords(ctx context.Context, on string) string {
	for _, m := range run.members {
		if m.Ready || on != "" && m.Pod.Name != on {
			continue
		}
		var words []string
		why, stuck := step.Stuck(m.Pod)
		if !stuck {
			why = step.Starting(m.Pod)
		}
		if why != "" {
			words = append(words, why)
		}
		tail, err := run.r.logs(ctx, client.ObjectKeyFromObject(m.Pod), run.r.info.Container)
		switch {
		case err != nil && len(words) == 0:
			words = append(words, "its log cannot be read: "+err.Error())
		case tail != "":
			words = append(words, "its log ends with:\n"+tail)
		}
		if len(words) == 0 {
			return ""
		}
		return fmt.Sprintf("pod %s: %s", m.Pod.Name, strings.Join(words, "; "))
	}
	return ""
}

// advice says what to do about a failure.
func advice(reason string) string {
	switch reason {
	case step.ReasonRejected, step.ReasonInvalid:
		return "correct what was asked for and create a new request"
	case step.ReasonImage:
		return "look at the image that the catalog names for that version and create a new request"
	case step.ReasonTimeout:
		return "look at the pod, or allow more time in spec.timeout, and create a new request"
	case step.ReasonCancelled:
		return ""
	}
	return "create a new request"
}

// failedText is the last condition of a request that was undone.
func failedText(f *opsv1alpha1.Failure) database.Text {
	message := f.Message
	if len(f.Unrestored) == 0 {
		message += "\nThe former state is in force."
	} else {
		message += "\nThe former state could not be restored completely: " + strings.Join(f.Unrestored, "; ") + "."
	}
	if what := advice(f.Reason); what != "" {
		message += " To do: " + what + "."
	}
	return database.Text{Type: opsv1alpha1.ConditionFailed, Reason: f.Reason, Message: message}
}

package step

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/matriarchdb/matriarch/internal/naming"
)

// TryVersion lets the new version's own programs judge the configuration, before any pod runs them.
//
//   - Precondition: the journal has the spec's parts after the operation.
//   - Effect: a throwaway pod in the new image judges the candidate files and ends. Nothing of the database is touched.
//   - Writes: a Secret with the candidate files, then the pod. Both are owned by the request, named after it, and taken
//     away when the request ends (RemoveTrial).
//   - Twice: both are created under one fixed name, and what is there is left alone. The request's own label tells a
//     trial of this request from anything else that may have the name.
type TryVersion struct{}

// Type implements Step.
func (TryVersion) Type(*Scope) string { return TypeTryVersion }

// trialLook is how soon to look at the trial again: its pod carries no label of the database, lest Services and budgets
// count it, so no watch tells.
const trialLook = 500 * time.Millisecond

// Next implements Step.
func (t TryVersion) Next(ctx context.Context, s *Scope) Move {
	move := t.next(ctx, s)
	move.On = s.trialKey().Name // a member that is not ready has no say in how the trial ended
	return move
}

func (TryVersion) next(ctx context.Context, s *Scope) Move {
	pod := &corev1.Pod{}
	found, err := s.trialObject(ctx, pod)
	if err != nil {
		return retry(err)
	}
	if found {
		return s.verdict(pod)
	}
	after, err := s.After()
	if err != nil {
		return retry(err)
	}
	rendered, err := s.Render(ctx, after)
	if err != nil {
		return refused(ReasonInvalid, "render what the new version would start from", err)
	}
	if rendered.Desired.PetSet == nil || rendered.Desired.Config == nil {
		return skip()
	}
	pod, secret := s.trial(rendered.Desired)
	return Move{
		Kind: Act, Text: "try the configuration with the new version",
		Do: func(ctx context.Context) error {
			for _, obj := range []client.Object{secret, pod} {
				if err := s.Client.Create(ctx, obj); err != nil && !apierrors.IsAlreadyExists(err) {
					return refusedByAPI(fmt.Errorf("create %T %s/%s, to try the configuration with the new version: %w",
						obj, obj.GetNamespace(), obj.GetName(), err))
				}
			}
			return nil
		},
	}
}

// refusedByAPI marks what the API server will never accept, such as a pod that a policy forbids.
func refusedByAPI(err error) error {
	if apierrors.IsForbidden(err) || apierrors.IsInvalid(err) {
		return &Blocked{Why: err.Error()} // a quota may be raised; until the deadline it is tried again
	}
	return err
}

// verdict reads the trial's outcome.
func (s *Scope) verdict(pod *corev1.Pod) Move {
	if pod.Labels[naming.LabelTrial] != string(s.Request.GetUID()) {
		return fail(ReasonEdited, fmt.Sprintf("pod %s/%s exists and is not of this request; delete it", pod.Namespace, pod.Name))
	}
	if pod.DeletionTimestamp != nil { // of a former attempt, or somebody deleted it; the next look makes a new one
		move := wait("the throwaway pod " + pod.Name + " of before to go")
		move.Until = s.Now.Add(trialLook)
		return move
	}
	switch pod.Status.Phase {
	case corev1.PodSucceeded:
		return done()
	case corev1.PodFailed:
		return fail(ReasonRejected, "the new version was tried in a throwaway pod: "+lastWords(pod))
	}
	if why, stuck := Stuck(pod); stuck && !unschedulable(pod) {
		return fail(ReasonImage, "the new version cannot be run: "+why)
	}
	move := wait("the throwaway pod " + pod.Name + ", in which the new version reads the configuration")
	if why, stuck := Stuck(pod); stuck {
		move.Text += "; it " + why
	}
	move.Until = s.Now.Add(trialLook)
	return move
}

// unschedulable tells whether the pod waits for a node, which may become free.
func unschedulable(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return true
		}
	}
	return false
}

// lastWords are the termination messages of the containers that failed.
func lastWords(pod *corev1.Pod) string {
	var words []string
	for _, c := range append(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses...) {
		if end := c.State.Terminated; end != nil && end.ExitCode != 0 {
			text := strings.TrimSpace(end.Message)
			if text == "" {
				text = fmt.Sprintf("container %s ended with exit code %d: %s", c.Name, end.ExitCode, end.Reason)
			}
			words = append(words, text)
		}
	}
	if len(words) == 0 {
		words = append(words, strings.TrimSpace(pod.Status.Reason+" "+pod.Status.Message))
	}
	return strings.Join(words, "; ")
}

func (s *Scope) trialKey() client.ObjectKey {
	db := s.Database.Object()
	return client.ObjectKey{Namespace: db.GetNamespace(), Name: naming.Trial(db.GetName(), string(s.Request.GetUID()))}
}

// trialObject reads the pod or the Secret of the trial.
func (s *Scope) trialObject(ctx context.Context, into client.Object) (bool, error) {
	key := s.trialKey()
	err := s.Reader.Get(ctx, key, into)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read %T %s of the trial: %w", into, key, err)
	}
	return true, nil
}

package ops

import (
	"context"
	"fmt"
	"io"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Logs returns the last lines of a container's log.
type Logs func(ctx context.Context, pod client.ObjectKey, container string) (string, error)

// How much of a failing pod's log goes into a message.
const (
	logLines = 10
	logBytes = 2000
)

// +kubebuilder:rbac:groups="",resources=pods/log,verbs=get

// logsFrom returns Logs that asks the API server.
func logsFrom(cfg *rest.Config) (Logs, error) {
	clients, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("make a client for pods' logs: %w", err)
	}
	return func(ctx context.Context, pod client.ObjectKey, container string) (string, error) {
		stream, err := clients.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{
			Container: container, TailLines: ptr.To[int64](logLines),
		}).Stream(ctx)
		if err != nil {
			return "", fmt.Errorf("read the log of pod %s: %w", pod, err)
		}
		text, err := io.ReadAll(stream)
		if err := stream.Close(); err != nil {
			return "", fmt.Errorf("read the log of pod %s: %w", pod, err)
		}
		if len(text) > logBytes {
			text = text[len(text)-logBytes:]
		}
		return strings.TrimSpace(string(text)), err
	}, nil
}

package blocks

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// overlay lays what the user says about one of our containers over it. Image and command stay ours: the image comes
// from the catalog, and the agent is process 1. Variables, ports and mounts of ours cannot be replaced, only added to.
func overlay(ours corev1.Container, user *corev1.Container) corev1.Container {
	if user == nil {
		return ours
	}
	ours.Resources = user.Resources
	override(&ours.SecurityContext, user.SecurityContext)
	ours.Env = add(ours.Env, user.Env, func(e corev1.EnvVar) string { return e.Name })
	ours.EnvFrom = append(ours.EnvFrom, user.EnvFrom...)
	ours.Ports = add(ours.Ports, withProtocol(user.Ports), func(p corev1.ContainerPort) int32 { return p.ContainerPort })
	ours.VolumeMounts = add(ours.VolumeMounts, user.VolumeMounts, func(m corev1.VolumeMount) string { return m.MountPath })
	ours.VolumeDevices = append(ours.VolumeDevices, user.VolumeDevices...)
	override(&ours.ImagePullPolicy, user.ImagePullPolicy)
	override(&ours.TerminationMessagePath, user.TerminationMessagePath)
	override(&ours.TerminationMessagePolicy, user.TerminationMessagePolicy)
	override(&ours.Lifecycle, user.Lifecycle)
	override(&ours.LivenessProbe, user.LivenessProbe)
	override(&ours.ReadinessProbe, user.ReadinessProbe)
	override(&ours.StartupProbe, user.StartupProbe)
	return ours
}

// find returns the user's container of that name, nil if there is none.
func find(containers []corev1.Container, name string) *corev1.Container {
	i := slices.IndexFunc(containers, func(c corev1.Container) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &containers[i]
}

// ignored are containers of the KubeDB API that have no counterpart here; what is said about them has no effect.
var ignored = []string{"pg-coordinator", "postgres-init-container"}

// added returns the user's containers that are none of ours.
func added(user, ours []corev1.Container) []corev1.Container {
	var out []corev1.Container
	for _, c := range user {
		if find(ours, c.Name) == nil && !slices.Contains(ignored, c.Name) {
			out = append(out, c)
		}
	}
	return out
}

// add appends what has a key that ours lacks.
func add[T any, K comparable](ours, theirs []T, key func(T) K) []T {
	out := slices.Clone(ours)
	for _, item := range theirs {
		if !slices.ContainsFunc(out, func(have T) bool { return key(have) == key(item) }) {
			out = append(out, item)
		}
	}
	return out
}

func override[T comparable](field *T, value T) {
	var zero T
	if value != zero {
		*field = value
	}
}

// withProtocol names the protocol that an absent one means: it is part of the key by which ports are merged.
func withProtocol(ports []corev1.ContainerPort) []corev1.ContainerPort {
	out := slices.Clone(ports)
	for i := range out {
		if out[i].Protocol == "" {
			out[i].Protocol = corev1.ProtocolTCP
		}
	}
	return out
}

package blocks

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// containerSecurity completes a container's security context so that it passes the restricted Pod Security Standard
// (kubernetes.io/docs/concepts/security/pod-security-standards). What the user set stays. uid is nil for a container
// whose image is the user's own.
func containerSecurity(user *corev1.SecurityContext, uid *int64) *corev1.SecurityContext {
	out := user.DeepCopy()
	if out == nil {
		out = &corev1.SecurityContext{}
	}
	fill(&out.RunAsUser, uid)
	fill(&out.RunAsGroup, uid)
	fill(&out.RunAsNonRoot, ptr.To(true))
	fill(&out.AllowPrivilegeEscalation, ptr.To(false))
	fill(&out.Capabilities, &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}})
	fill(&out.SeccompProfile, &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault})
	return out
}

// podSecurity gives the server's group the volumes. The ownership of a volume's files is changed only if its root is
// not right already: walking a large data directory at every start would take minutes.
func podSecurity(user *corev1.PodSecurityContext, gid *int64) *corev1.PodSecurityContext {
	out := user.DeepCopy()
	if out == nil {
		out = &corev1.PodSecurityContext{}
	}
	fill(&out.FSGroup, gid)
	fill(&out.FSGroupChangePolicy, ptr.To(corev1.FSGroupChangeOnRootMismatch))
	return out
}

func fill[T any](field **T, otherwise *T) {
	if *field == nil {
		*field = otherwise
	}
}

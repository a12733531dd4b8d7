package lease

import (
	"strconv"

	coordinationv1 "k8s.io/api/coordination/v1"
)

// AnnotationSource names the server elsewhere that the holder follows, so that leaving it is a decision of somebody's and
// not an accident: nobody but the holder's successor without a source may promote, and the term grows.
const AnnotationSource = "matriarch.dev/source"

// Source is the recorded source; empty for a cluster of its own.
func Source(l *coordinationv1.Lease) string {
	if l == nil {
		return ""
	}
	return l.Annotations[AnnotationSource]
}

// Following returns the Lease as somebody writes it who follows the source, or none if it is empty.
func Following(l *coordinationv1.Lease, source string) *coordinationv1.Lease {
	following := l.DeepCopy()
	former := Source(l)
	switch {
	case source != "":
		if following.Annotations == nil {
			following.Annotations = map[string]string{}
		}
		following.Annotations[AnnotationSource] = source
	case former != "":
		delete(following.Annotations, AnnotationSource)
		following.Annotations[AnnotationTerm] = strconv.Itoa(Term(l) + 1)
	}
	return following
}

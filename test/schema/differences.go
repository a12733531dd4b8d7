package schema

import (
	"path"
	"slices"
)

// Difference is a finding that is on purpose.
type Difference struct {
	// Subjects are the kinds it is about; "*" in a subject stands for anything without a slash.
	Subjects []string
	// Paths are the properties; exact.
	Paths []string
	// Attributes of the findings.
	Attributes []string
	// Reason why it is right.
	Reason string
}

// covers says whether the finding is the one meant.
func (d Difference) covers(f Finding) bool {
	subject := slices.ContainsFunc(d.Subjects, func(pattern string) bool {
		matched, err := path.Match(pattern, f.Subject)
		return err == nil && matched
	})
	return subject && slices.Contains(d.Paths, f.Path) && slices.Contains(d.Attributes, f.Attribute)
}

// deliberate are all the differences that are on purpose.
func deliberate() []Difference {
	return []Difference{
		{
			Subjects: []string{"kubedb.com/v1alpha2 Postgres", "kubedb.com/v1alpha2 PgBouncer"},
			Paths:    []string{kindPath}, Attributes: []string{missing},
			Reason: "not served yet; it needs a conversion to the stored version v1",
		},
		{
			Subjects: []string{"kubedb.com/* *"},
			Paths:    []string{".metadata.name"}, Attributes: []string{missing},
			Reason: "the same restriction of the name is a rule on the object: a generated schema cannot describe metadata",
		},
		{
			Subjects: []string{"kubedb.com/* *"},
			Paths:    []string{schemaPath}, Attributes: []string{"rules"},
			Reason: "the restriction of metadata.name",
		},
		{
			Subjects: []string{"kubedb.com/* *"},
			Paths:    []string{".spec.authSecret"}, Attributes: []string{"map"},
			Reason: "granular, so that the operator can record name and activeFrom beside a field that a user applies",
		},
		{
			Subjects: []string{"kubedb.com/* *"},
			Paths: []string{
				".spec.podTemplate.spec.volumes[].ephemeral.volumeClaimTemplate.metadata.generateName",
				".spec.podTemplate.spec.volumes[].ephemeral.volumeClaimTemplate.metadata.ownerReferences",
			}, Attributes: []string{missing},
			Reason: "Kubernetes refuses both in the metadata of an ephemeral volume's claim",
		},
		{
			Subjects: []string{"kubedb.com/v1 *"},
			Paths:    []string{".spec.serviceTemplates[].alias"}, Attributes: []string{"enum"},
			Reason: "the type is shared with v1alpha2, which has two more; the rule on the list takes them back",
		},
		{
			Subjects: []string{"kubedb.com/v1 *"},
			Paths:    []string{".spec.serviceTemplates"}, Attributes: []string{"rules"},
			Reason: "takes back the two aliases that only v1alpha2 has",
		},
		{
			Subjects: []string{"kubedb.com/* *", "ops.kubedb.com/* *"},
			Paths:    []string{".status.conditions"}, Attributes: []string{"list", "keys"},
			Reason: "one condition per type, so that several writers can each own their conditions",
		},
		{
			Subjects: []string{"apps.k8s.appscode.com/v1 PetSet"},
			Paths:    []string{".spec"}, Attributes: []string{"rules"},
			Reason: "what identifies the pods cannot be changed; there it is a webhook that refuses it",
		},
		{
			Subjects: []string{"apps.k8s.appscode.com/v1 PetSet"},
			Paths:    []string{".spec.volumeClaimTemplates"}, Attributes: []string{"maxItems"},
			Reason: "bounds the cost of the rules on the spec; no pod has that many claims",
		},
		{
			Subjects: []string{"apps.k8s.appscode.com/v1 PetSet"},
			Paths:    []string{versionPath}, Attributes: []string{"scale"},
			Reason: "the scale subresource also names the selector, which an autoscaler needs",
		},
	}
}

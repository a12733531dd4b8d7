package schema

import (
	"testing"
)

const (
	reference = "testdata/facts.txt.gz"
	generated = "../../config/crd"
)

func TestOurCRDsAcceptWhatTheReferenceAcceptsAndMakeTheSameOfIt(t *testing.T) {
	t.Parallel()
	findings, differences := Compare(load(t), read(t)), deliberate()
	used := make([]bool, len(differences))
	for _, finding := range findings {
		meant := false
		for i, difference := range differences {
			if difference.covers(finding) {
				meant, used[i] = true, true
			}
		}
		if !meant {
			t.Error(finding)
		}
	}
	for i, difference := range differences {
		if !used[i] {
			t.Errorf("the difference %q of %v %v is no longer there: take it off the list", difference.Reason, difference.Subjects, difference.Paths)
		}
	}
}

func TestTheReferenceCoversEveryKind(t *testing.T) {
	t.Parallel()
	have := index(load(t))
	for _, subject := range []string{
		"appcatalog.appscode.com/v1alpha1 AppBinding",
		"apps.k8s.appscode.com/v1 PetSet",
		"apps.k8s.appscode.com/v1 PlacementPolicy",
		"catalog.kubedb.com/v1alpha1 PgBouncerVersion",
		"catalog.kubedb.com/v1alpha1 PgpoolVersion",
		"catalog.kubedb.com/v1alpha1 PostgresVersion",
		"kubedb.com/v1 PgBouncer",
		"kubedb.com/v1 Postgres",
		"kubedb.com/v1alpha2 Pgpool",
		"ops.kubedb.com/v1alpha1 PgBouncerOpsRequest",
		"ops.kubedb.com/v1alpha1 PgpoolOpsRequest",
		"ops.kubedb.com/v1alpha1 PostgresOpsRequest",
	} {
		for _, path := range []string{kindPath, versionPath, schemaPath, ".spec"} {
			if _, there := have[Fact{Subject: subject, Path: path}.key()]; !there {
				t.Errorf("the reference says nothing about %s of %s", path, subject)
			}
		}
	}
}

func TestEveryDeliberateDifferenceHasAReason(t *testing.T) {
	t.Parallel()
	for _, difference := range deliberate() {
		if difference.Reason == "" || len(difference.Subjects) == 0 || len(difference.Paths) == 0 || len(difference.Attributes) == 0 {
			t.Errorf("incomplete: %+v", difference)
		}
	}
}

func load(t *testing.T) []Fact {
	t.Helper()
	facts, err := Load(reference)
	if err != nil {
		t.Fatal(err)
	}
	return facts
}

func read(t *testing.T) []Fact {
	t.Helper()
	facts, err := ReadCRDs(generated)
	if err != nil {
		t.Fatal(err)
	}
	return facts
}

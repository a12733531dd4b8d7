package petset

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	api "github.com/matriarchdb/matriarch/api/apps/v1"
)

func mustRevision(t *testing.T, set *api.PetSet, number int64, collisions int32) *appsv1.ControllerRevision {
	t.Helper()
	r, err := newRevision(set, number, collisions)
	if err != nil {
		t.Fatalf("newRevision: %v", err)
	}
	return r
}

func TestARevisionHoldsItsTemplateAndNoOther(t *testing.T) {
	t.Parallel()
	set := newSet("ns")
	r := mustRevision(t, set, 1, 0)
	template, err := decodeTemplate(r)
	if err != nil {
		t.Fatal(err)
	}
	if !apiequality.Semantic.DeepEqual(template, &set.Spec.Template) {
		t.Errorf("the template comes back changed:\n%s", cmp.Diff(&set.Spec.Template, template))
	}
	if !holds(r, &set.Spec.Template) {
		t.Error("a revision does not hold the template it was made of")
	}
	if holds(r, &newSet("ns", image("two")).Spec.Template) {
		t.Error("a revision holds another template")
	}
}

func TestTheSameTemplateInOtherWordsIsNoNewRevision(t *testing.T) {
	t.Parallel()
	set := newSet("ns")
	r := mustRevision(t, set, 1, 0)
	r.Data.Raw = []byte(`{"spec":{"template":{"spec":{"containers":[{"resources":{},"image":"one","name":"c","env":[]}]},` +
		`"metadata":{"labels":{"app":"db"},"creationTimestamp":null},"$patch":"replace"}}}`)
	if !holds(r, &set.Spec.Template) {
		t.Error("another order and empty fields count as another template")
	}
	r.Data.Raw = []byte(`{"nonsense":`)
	if holds(r, &set.Spec.Template) {
		t.Error("a revision without a template holds one")
	}
}

func TestRevisionNamesAreLabelValuesAndTellTemplatesApart(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, name := range []string{"db", strings.Repeat("x", 61), strings.Repeat("y", 51) + ".-z"} {
		for _, img := range []string{"one", "two"} {
			for collisions := range int32(3) {
				set := newSet("ns", image(img))
				set.Name = name
				r := mustRevision(t, set, 1, collisions)
				if problems := append(validation.IsValidLabelValue(r.Name), validation.IsDNS1123Subdomain(r.Name)...); len(problems) > 0 {
					t.Errorf("name %q: %v", r.Name, problems)
				}
				id := fmt.Sprint(name, img, collisions)
				if other, taken := seen[r.Name]; taken {
					t.Errorf("%s and %s are both named %s", id, other, r.Name)
				}
				seen[r.Name] = id
				if again := mustRevision(t, set, 9, collisions); again.Name != r.Name {
					t.Errorf("the same template is named %s and %s", r.Name, again.Name)
				}
			}
		}
	}
}

func TestHistoryIsOrderedByNumberThenAge(t *testing.T) {
	t.Parallel()
	at := func(name string, number int64, second int) *appsv1.ControllerRevision {
		return &appsv1.ControllerRevision{Revision: number, ObjectMeta: metav1.ObjectMeta{Name: name,
			CreationTimestamp: metav1.Unix(int64(second), 0)}}
	}
	h := newHistory([]*appsv1.ControllerRevision{at("d", 3, 1), at("c", 2, 9), at("b", 2, 8), at("a", 2, 9)})
	var got []string
	for _, r := range h {
		got = append(got, r.Name)
	}
	if want := []string{"b", "a", "c", "d"}; !slices.Equal(got, want) {
		t.Errorf("order is %v, want %v", got, want)
	}
	if h.next() != 4 {
		t.Errorf("the next number is %d, want 4", h.next())
	}
	if history(nil).next() != 1 {
		t.Errorf("the first number is %d, want 1", history(nil).next())
	}
	if h.named("c") == nil || h.named("x") != nil {
		t.Error("named finds what is not there, or not what is")
	}
}

func TestAnEarlierTemplateIsFoundAgain(t *testing.T) {
	t.Parallel()
	one, two := newSet("ns"), newSet("ns", image("two"))
	h := newHistory([]*appsv1.ControllerRevision{mustRevision(t, one, 1, 0), mustRevision(t, two, 2, 0)})
	if r, newest := h.of(&two.Spec.Template); r == nil || r.Revision != 2 || !newest {
		t.Errorf("the newest template is %v, newest %t", r, newest)
	}
	if r, newest := h.of(&one.Spec.Template); r == nil || r.Revision != 1 || newest {
		t.Errorf("the earlier template is %v, newest %t", r, newest)
	}
	if r, _ := h.of(&newSet("ns", image("three")).Spec.Template); r != nil {
		t.Errorf("an unknown template is found as %s", r.Name)
	}
}

func TestOnlyUnusedRevisionsBeyondTheLimitAreExpendable(t *testing.T) {
	t.Parallel()
	var h history
	for i := range 6 {
		h = append(h, &appsv1.ControllerRevision{Revision: int64(i), ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("r", i)}})
	}
	pods := []*corev1.Pod{{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{api.RevisionLabel: "r1"}}}}
	for limit, want := range map[int][]string{0: {"r0", "r2", "r3"}, 1: {"r0", "r2"}, 3: nil, 10: nil} {
		var got []string
		for _, r := range h.expendable(limit, "r4", "r5", pods) {
			got = append(got, r.Name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("with limit %d: %v, want %v", limit, got, want)
		}
	}
}

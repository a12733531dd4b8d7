package petset

import (
	"fmt"
	"math"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	api "github.com/matriarchdb/matriarch/api/apps/v1"
)

// costLimit bounds what an expression may compute. Real ones cost less than ten.
const costLimit = 1000

// expressions is CEL's environment. It takes a megabyte and some milliseconds to make, and few policies have an expression:
// it is made with the first.
var expressions = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewEnv(cel.Variable("obj", cel.DynType))
})

// evaluate computes an expression over obj, the set with spec.replicas filled in, to a whole number.
func evaluate(text string, set *api.PetSet) (int, error) {
	env, err := expressions()
	if err != nil {
		return 0, fmt.Errorf("prepare the expression language: %w", err)
	}
	ast, issues := env.Compile(text)
	if issues.Err() != nil {
		return 0, fmt.Errorf("%q is neither a number nor a CEL expression: %w", text, issues.Err())
	}
	program, err := env.Program(ast, cel.CostLimit(costLimit))
	if err != nil {
		return 0, fmt.Errorf("prepare the expression %q: %w", text, err)
	}
	set = set.DeepCopy()
	set.Spec.Replicas = ptr.To(ptr.Deref(set.Spec.Replicas, 1))
	obj, err := runtime.DefaultUnstructuredConverter.ToUnstructured(set)
	if err != nil {
		return 0, fmt.Errorf("encode the PetSet for the expression %q: %w", text, err)
	}
	value, _, err := program.Eval(map[string]any{"obj": obj})
	if err != nil {
		return 0, fmt.Errorf("evaluate %q: %w", text, err)
	}
	switch n := value.(type) {
	case types.Int:
		if n >= math.MinInt32 && n <= math.MaxInt32 {
			return int(n), nil
		}
	case types.Uint:
		if n <= math.MaxInt32 {
			return int(n), nil
		}
	case types.Double:
		if n == types.Double(math.Trunc(float64(n))) && math.Abs(float64(n)) <= math.MaxInt32 {
			return int(n), nil
		}
	}
	return 0, fmt.Errorf("%q gives %v, but must give a whole number", text, value.Value())
}

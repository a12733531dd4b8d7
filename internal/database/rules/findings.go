package rules

import "k8s.io/apimachinery/pkg/util/validation/field"

// Findings collects what several rules say.
type Findings struct {
	// Warnings are about what is accepted but not as it seems.
	Warnings []string
	// Problems refuse the instance.
	Problems field.ErrorList
}

// Add takes in what one rule returns.
func (f *Findings) Add(warnings []string, problems field.ErrorList) {
	f.Warnings = append(f.Warnings, warnings...)
	f.Problems = append(f.Problems, problems...)
}

// Refuse takes in problems.
func (f *Findings) Refuse(problems ...*field.Error) { f.Problems = append(f.Problems, problems...) }

package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// FactsOf returns the facts of a CRD, in no particular order.
func FactsOf(crd *apiextensionsv1.CustomResourceDefinition) []Fact {
	var facts []Fact
	for _, version := range crd.Spec.Versions {
		subject := fmt.Sprintf("%s/%s %s", crd.Spec.Group, version.Name, crd.Spec.Names.Kind)
		facts = append(facts,
			Fact{Subject: subject, Path: kindPath, Attributes: kindAttributes(crd)},
			Fact{Subject: subject, Path: versionPath, Attributes: versionAttributes(version)})
		if version.Schema != nil && version.Schema.OpenAPIV3Schema != nil {
			root, w := version.Schema.OpenAPIV3Schema, walker{subject: subject}
			facts = append(facts, Fact{Subject: subject, Path: schemaPath, Attributes: attributes(root, false)})
			w.children("", root)
			facts = append(facts, w.facts...)
		}
	}
	return facts
}

func kindAttributes(crd *apiextensionsv1.CustomResourceDefinition) map[string]string {
	names := crd.Spec.Names
	slices.Sort(names.ShortNames)
	slices.Sort(names.Categories)
	return set{}.
		word("scope", string(crd.Spec.Scope)).
		word("plural", names.Plural).
		word("singular", names.Singular).
		word("listKind", names.ListKind).
		json("shortNames", names.ShortNames, len(names.ShortNames) > 0).
		json("categories", names.Categories, len(names.Categories) > 0)
}

func versionAttributes(v apiextensionsv1.CustomResourceDefinitionVersion) map[string]string {
	columns := make([][]string, 0, len(v.AdditionalPrinterColumns))
	for _, c := range v.AdditionalPrinterColumns {
		columns = append(columns, []string{c.Name, c.Type, c.JSONPath, c.Format, strconv.Itoa(int(c.Priority))})
	}
	out := set{}.
		flag("served", v.Served).
		flag("storage", v.Storage).
		json("columns", columns, len(columns) > 0)
	if sub := v.Subresources; sub != nil {
		out.flag("status", sub.Status != nil).json("scale", sub.Scale, sub.Scale != nil)
	}
	return out
}

// walker collects the facts of a schema.
type walker struct {
	subject string
	facts   []Fact
}

// property records a schema and what is below it.
func (w *walker) property(path string, s *apiextensionsv1.JSONSchemaProps, required bool) {
	w.facts = append(w.facts, Fact{Subject: w.subject, Path: path, Attributes: attributes(s, required)})
	w.children(path, s)
}

func (w *walker) children(path string, s *apiextensionsv1.JSONSchemaProps) {
	for name := range s.Properties {
		child := s.Properties[name]
		w.property(path+"."+name, &child, slices.Contains(s.Required, name))
	}
	if s.Items != nil && s.Items.Schema != nil {
		w.property(path+"[]", s.Items.Schema, false)
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil {
		w.property(path+"{}", s.AdditionalProperties.Schema, false)
	}
}

// attributes are what decides whether a value is accepted and what it becomes. Descriptions are not.
func attributes(s *apiextensionsv1.JSONSchemaProps, required bool) map[string]string {
	out := set{}.
		word("type", s.Type).
		word("format", s.Format).
		flag("required", required).
		flag("nullable", s.Nullable).
		flag("int-or-string", s.XIntOrString).
		flag("preserve-unknown", s.XPreserveUnknownFields != nil && *s.XPreserveUnknownFields).
		flag("embedded", s.XEmbeddedResource).
		json("default", s.Default, s.Default != nil).
		json("enum", enum(s.Enum), len(s.Enum) > 0).
		json("pattern", s.Pattern, s.Pattern != "").
		json("minimum", s.Minimum, s.Minimum != nil).
		json("maximum", s.Maximum, s.Maximum != nil).
		json("minLength", s.MinLength, s.MinLength != nil).
		json("maxLength", s.MaxLength, s.MaxLength != nil).
		json("minItems", s.MinItems, s.MinItems != nil).
		json("maxItems", s.MaxItems, s.MaxItems != nil).
		json("minProperties", s.MinProperties, s.MinProperties != nil).
		json("maxProperties", s.MaxProperties, s.MaxProperties != nil).
		json("oneOf", s.OneOf, len(s.OneOf) > 0).
		json("anyOf", s.AnyOf, len(s.AnyOf) > 0 && !s.XIntOrString).
		json("keys", s.XListMapKeys, len(s.XListMapKeys) > 0)
	// A list or map without a type is atomic or granular by default, which says the same in more words.
	if s.XListType != nil && *s.XListType != "atomic" {
		out.word("list", *s.XListType)
	}
	if s.XMapType != nil && *s.XMapType != "granular" {
		out.word("map", *s.XMapType)
	}
	rules := make([]string, 0, len(s.XValidations))
	for _, rule := range s.XValidations {
		rules = append(rules, rule.Rule)
	}
	return out.json("rules", rules, len(rules) > 0)
}

// enum returns the values sorted, since their order means nothing.
func enum(values []apiextensionsv1.JSON) []apiextensionsv1.JSON {
	return slices.SortedFunc(slices.Values(values), func(a, b apiextensionsv1.JSON) int { return bytes.Compare(a.Raw, b.Raw) })
}

// set collects attributes that are there.
type set map[string]string

func (s set) word(name, value string) set {
	if value != "" {
		s[name] = value
	}
	return s
}

func (s set) flag(name string, value bool) set {
	if value {
		s[name] = "true"
	}
	return s
}

// json adds a value as JSON when it is there. Values come from parsed YAML and are always representable.
func (s set) json(name string, value any, there bool) set {
	if !there {
		return s
	}
	text, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("attribute %s: %v", name, err))
	}
	s[name] = string(text)
	return s
}

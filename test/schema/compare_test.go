package schema

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// elephant is a CRD with one of everything that a fact can say.
const elephant = `
spec:
  group: zoo.example.com
  scope: Namespaced
  names: {kind: Elephant, plural: elephants, singular: elephant, listKind: ElephantList, shortNames: [el], categories: [zoo, all]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    additionalPrinterColumns:
    - {name: Status, type: string, jsonPath: .status.phase}
    - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [name]
            properties:
              name: {type: string}
              age: {type: integer, format: int32, default: 1}
              mood: {type: string, enum: [calm, angry]}
              weight: {x-kubernetes-int-or-string: true, anyOf: [{type: integer}, {type: string}]}
              anything: {type: object, x-kubernetes-preserve-unknown-fields: true}
              labels: {type: object, additionalProperties: {type: string}}
              herd:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items: {type: object, required: [name], properties: {name: {type: string}}}
`

func TestFactsSayWhatASchemaAccepts(t *testing.T) {
	t.Parallel()
	const subject = "zoo.example.com/v1 Elephant\t"
	want := []string{
		subject + ".spec\ttype=object",
		subject + ".spec.age\tdefault=1\tformat=int32\ttype=integer",
		subject + ".spec.anything\tpreserve-unknown=true\ttype=object",
		subject + ".spec.herd\tkeys=[\"name\"]\tlist=map\ttype=array",
		subject + ".spec.herd[]\ttype=object",
		subject + ".spec.herd[].name\trequired=true\ttype=string",
		subject + ".spec.labels\ttype=object",
		subject + ".spec.labels{}\ttype=string",
		subject + ".spec.mood\tenum=[\"angry\",\"calm\"]\ttype=string",
		subject + ".spec.name\trequired=true\ttype=string",
		subject + ".spec.weight\tint-or-string=true",
		subject + "kind\tcategories=[\"all\",\"zoo\"]\tlistKind=ElephantList\tplural=elephants\tscope=Namespaced\tshortNames=[\"el\"]\tsingular=elephant",
		subject + "schema\ttype=object",
		subject + "version\tcolumns=[[\"Status\",\"string\",\".status.phase\",\"\",\"0\"],[\"Age\",\"date\",\".metadata.creationTimestamp\",\"\",\"0\"]]\tserved=true\tstatus=true\tstorage=true",
	}
	var got []string
	for _, fact := range factsOf(t, func(*apiextensionsv1.CustomResourceDefinition) {}) {
		got = append(got, fact.String())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
}

func TestFactsSurviveAFile(t *testing.T) {
	t.Parallel()
	want := factsOf(t, func(*apiextensionsv1.CustomResourceDefinition) {})
	file := filepath.Join(t.TempDir(), "facts.txt.gz")
	if err := Save(file, want); err != nil {
		t.Fatal(err)
	}
	got, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("facts (-written +read):\n%s", diff)
	}
}

func TestALineThatIsNoFactIsRefused(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"", "only a subject", "a\t.path\tattribute without a value"} {
		if _, err := parse(line); err == nil {
			t.Errorf("%q was read as a fact", line)
		}
	}
}

func TestCompareFindsWhatOursLacksOrDoesDifferently(t *testing.T) {
	t.Parallel()
	type (
		crd   = apiextensionsv1.CustomResourceDefinition
		props = apiextensionsv1.JSONSchemaProps
	)
	const subject = "zoo.example.com/v1 Elephant "
	tests := map[string]struct {
		change func(*crd)
		want   []string
	}{
		"nothing when both are equal": {change: func(*crd) {}},
		"nothing for an additional optional property": {
			change: func(c *crd) { properties(c)["tusks"] = apiextensionsv1.JSONSchemaProps{Type: "integer"} },
		},
		"an additional property that must be given": {
			change: func(c *crd) {
				properties(c)["tusks"] = apiextensionsv1.JSONSchemaProps{Type: "integer"}
				require(c, "tusks")
			},
			want: []string{subject + `.spec.tusks: required is "true", want ""`},
		},
		"nothing for a required property of an additional optional object": {
			change: func(c *crd) {
				properties(c)["trunk"] = apiextensionsv1.JSONSchemaProps{Type: "object", Required: []string{"length"},
					Properties: map[string]apiextensionsv1.JSONSchemaProps{"length": {Type: "integer"}}}
			},
		},
		"a missing property": {
			change: func(c *crd) { delete(properties(c), "age") },
			want:   []string{subject + ".spec.age: missing"},
		},
		"a missing object, once": {
			change: func(c *crd) { delete(properties(c), "herd") },
			want:   []string{subject + ".spec.herd: missing"},
		},
		"a missing version, once": {
			change: func(c *crd) { c.Spec.Versions[0].Name = "v2" },
			want:   []string{subject + "kind: missing"},
		},
		"another type": {
			change: func(c *crd) { edit(c, "age", func(p *props) { p.Format = "int64" }) },
			want:   []string{subject + `.spec.age: format is "int64", want "int32"`},
		},
		"a missing default": {
			change: func(c *crd) { edit(c, "age", func(p *props) { p.Default = nil }) },
			want:   []string{subject + `.spec.age: default is "", want "1"`},
		},
		"a default of ours": {
			change: func(c *crd) {
				edit(c, "mood", func(p *props) { p.Default = &apiextensionsv1.JSON{Raw: []byte(`"calm"`)} })
			},
			want: []string{subject + `.spec.mood: default is "\"calm\"", want ""`},
		},
		"a missing enum value": {
			change: func(c *crd) { edit(c, "mood", func(p *props) { p.Enum = p.Enum[:1] }) },
			want:   []string{subject + `.spec.mood: enum is "[\"calm\"]", want "[\"angry\",\"calm\"]"`},
		},
		"a property that ours requires": {
			change: func(c *crd) { require(c, "age") },
			want:   []string{subject + `.spec.age: required is "true", want ""`},
		},
		"unknown fields that ours drops": {
			change: func(c *crd) { edit(c, "anything", func(p *props) { p.XPreserveUnknownFields = nil }) },
			want:   []string{subject + `.spec.anything: preserve-unknown is "", want "true"`},
		},
		"another column": {
			change: func(c *crd) {
				c.Spec.Versions[0].AdditionalPrinterColumns = c.Spec.Versions[0].AdditionalPrinterColumns[:1]
			},
			want: []string{subject + `version: columns is "[[\"Status\",\"string\",\".status.phase\",\"\",\"0\"]]", ` +
				`want "[[\"Status\",\"string\",\".status.phase\",\"\",\"0\"],[\"Age\",\"date\",\".metadata.creationTimestamp\",\"\",\"0\"]]"`},
		},
		"a missing short name": {
			change: func(c *crd) { c.Spec.Names.ShortNames = nil },
			want:   []string{subject + `kind: shortNames is "", want "[\"el\"]"`},
		},
		"a missing subresource": {
			change: func(c *crd) { c.Spec.Versions[0].Subresources = nil },
			want:   []string{subject + `version: status is "", want "true"`},
		},
		"a rule of ours": {
			change: func(c *crd) {
				edit(c, "age", func(p *props) { p.XValidations = apiextensionsv1.ValidationRules{{Rule: "self >= 0"}} })
			},
			want: []string{subject + `.spec.age: rules is "[\"self \\u003e= 0\"]", want ""`},
		},
	}
	theirs := factsOf(t, func(*crd) {})
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, finding := range Compare(theirs, factsOf(t, test.change)) {
				got = append(got, finding.String())
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("findings (-want +got):\n%s", cmp.Diff(test.want, got))
			}
		})
	}
}

// factsOf returns the sorted facts of the elephant after a change.
func factsOf(t *testing.T, change func(*apiextensionsv1.CustomResourceDefinition)) []Fact {
	t.Helper()
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal([]byte(elephant), &crd); err != nil {
		t.Fatal(err)
	}
	change(&crd)
	facts := FactsOf(&crd)
	sortFacts(facts)
	return facts
}

// properties are those of the elephant's spec.
func properties(crd *apiextensionsv1.CustomResourceDefinition) map[string]apiextensionsv1.JSONSchemaProps {
	return crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"].Properties
}

// edit changes one of them.
func edit(crd *apiextensionsv1.CustomResourceDefinition, name string, change func(*apiextensionsv1.JSONSchemaProps)) {
	p := properties(crd)[name]
	change(&p)
	properties(crd)[name] = p
}

// require makes one of them required.
func require(crd *apiextensionsv1.CustomResourceDefinition, name string) {
	root := crd.Spec.Versions[0].Schema.OpenAPIV3Schema
	s := root.Properties["spec"]
	s.Required = append(s.Required, name)
	root.Properties["spec"] = s
}

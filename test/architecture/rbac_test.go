package architecture

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

// controller-gen reads RBAC markers only where they stand alone: in the comment of a declaration it overlooks them, and
// the operator would lack the right without anything failing before it runs in a cluster.
func TestRBACMarkersStandAlone(t *testing.T) {
	t.Parallel()
	files := token.NewFileSet()
	for _, path := range sources(t) {
		file, err := parser.ParseFile(files, path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			var doc *ast.CommentGroup
			switch d := decl.(type) {
			case *ast.FuncDecl:
				doc = d.Doc
			case *ast.GenDecl:
				doc = d.Doc
			}
			if doc == nil {
				continue
			}
			for _, line := range doc.List {
				if strings.HasPrefix(line.Text, "// +kubebuilder:rbac") {
					t.Errorf("%s: the marker is part of a declaration's comment; put an empty line after it", files.Position(line.Pos()))
				}
			}
		}
	}
}

package architecture

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// The house numbers: what one person can hold in the head at once.
const (
	maxFileLines     = 500
	maxFunctionLines = 80
	maxParameters    = 5
)

func TestFilesAndFunctionsStayReadable(t *testing.T) {
	t.Parallel()
	documented := map[string]bool{}
	files := token.NewFileSet()
	for _, path := range sources(t) {
		file, err := parser.ParseFile(files, path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Dir(path)
		documented[dir] = documented[dir] || file.Doc != nil
		checkFile(t, files, file)
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s: no file has a package comment", dir)
		}
	}
}

func checkFile(t *testing.T, files *token.FileSet, file *ast.File) {
	t.Helper()
	name := files.Position(file.Pos()).Filename
	if lines := files.File(file.Pos()).LineCount(); lines > maxFileLines && !strings.Contains(name, "/api/") {
		t.Errorf("%s: %d lines, at most %d", name, lines, maxFileLines)
	}
	for _, decl := range file.Decls {
		function, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		from, to := files.Position(function.Pos()), files.Position(function.End())
		if lines := to.Line - from.Line + 1; lines > maxFunctionLines {
			t.Errorf("%s: %s has %d lines, at most %d", from, function.Name.Name, lines, maxFunctionLines)
		}
		if n := function.Type.Params.NumFields(); n > maxParameters {
			t.Errorf("%s: %s takes %d parameters, at most %d", from, function.Name.Name, n, maxParameters)
		}
	}
}

// sources lists the hand-written Go files of the product, its tools included, its tests not.
func sources(t *testing.T) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(root(t), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		generated := strings.HasPrefix(d.Name(), "zz_generated")
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") && !generated {
			found = append(found, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

package app_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A package comment outlives the code that it describes, so the names in it
// are checked: links such as [Name], [Type.Method], [package.Name] and
// [package.Type.Method], and files such as name.go.
func TestPackageCommentsNameWhatExists(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\[(?:([a-z]\w*)\.)?([A-Z]\w*(?:\.\w+)?)\]`)
	file := regexp.MustCompile(`[\w*]+\.go\b`)
	files := goFiles(t)
	folders := map[string][]string{} // by the last element of the path
	for _, f := range files {
		folders[path.Base(f.pkg)] = append(folders[path.Base(f.pkg)], f.pkg)
	}
	seen := 0
	for _, f := range files {
		if f.test {
			continue
		}
		for _, m := range link.FindAllStringSubmatch(f.comment, -1) {
			in := []string{f.pkg}
			if m[1] != "" {
				in = folders[m[1]]
			}
			if !declared(t, in, m[2]) {
				t.Errorf("%s names %s, which does not exist", f.path, m[0])
			}
			seen++
		}
		for _, name := range file.FindAllString(f.comment, -1) {
			if found, err := filepath.Glob(filepath.Join("..", f.pkg, name)); err != nil || len(found) == 0 {
				t.Errorf("%s names %s, which does not exist", f.path, name)
			}
		}
	}
	if seen == 0 {
		t.Error("no package comment has a link, not even app's")
	}
	for name, want := range map[string]bool{"Run": true, "Console.Ready": true, "App": false, "Run.Twice": false} {
		if declared(t, []string{"app"}, name) != want {
			t.Errorf("%s: got %v, want %v", name, !want, want)
		}
	}
}

// declared reports whether one of the packages declares name, which may be a
// method or field of a type: Type.Member.
func declared(t *testing.T, packages []string, name string) bool {
	t.Helper()
	outer, member, _ := strings.Cut(name, ".")
	for _, pkg := range packages {
		dir := filepath.Join("..", filepath.FromSlash(pkg))
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
				continue
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, e.Name()), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range parsed.Decls {
				if declares(d, outer, member) {
					return true
				}
			}
		}
	}
	return false
}

func declares(d ast.Decl, outer, member string) bool {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			return member == "" && d.Name.Name == outer
		}
		receiver := d.Recv.List[0].Type
		if pointer, ok := receiver.(*ast.StarExpr); ok {
			receiver = pointer.X
		}
		name, ok := receiver.(*ast.Ident)
		return ok && member != "" && name.Name == outer && d.Name.Name == member
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.ValueSpec:
				for _, n := range s.Names {
					if member == "" && n.Name == outer {
						return true
					}
				}
			case *ast.TypeSpec:
				if s.Name.Name == outer && (member == "" || hasMember(s.Type, member)) {
					return true
				}
			}
		}
	}
	return false
}

func hasMember(t ast.Expr, member string) bool {
	var fields *ast.FieldList
	switch t := t.(type) {
	case *ast.StructType:
		fields = t.Fields
	case *ast.InterfaceType:
		fields = t.Methods
	default:
		return false
	}
	for _, f := range fields.List {
		for _, n := range f.Names {
			if n.Name == member {
				return true
			}
		}
	}
	return false
}

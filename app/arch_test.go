package app_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

const module = "github.com/insforge/insforge-go/"

// goFile is one source file of the module.
type goFile struct {
	path    string // below the root, with slashes
	pkg     string // directory; "." for the root
	test    bool
	comment string   // of the package clause
	imports []string // ours without the module path
}

// sourceFiles calls visit for every file of the module that people write,
// with its path below the root.
func sourceFiles(t *testing.T, visit func(path string)) {
	t.Helper()
	root := ".."
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := filepath.ToSlash(strings.TrimPrefix(file, root+string(filepath.Separator)))
		if entry.IsDir() {
			if slices.Contains([]string{".git", "node_modules", "dist", "insforge-data"}, entry.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if entry.Type().IsRegular() && rel != ".git" { // of a linked worktree
			visit(rel)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// goFiles parses the heads of all Go files, of every operating system.
func goFiles(t *testing.T) []goFile {
	t.Helper()
	var files []goFile
	sourceFiles(t, func(name string) {
		if !strings.HasSuffix(name, ".go") || strings.Contains(name, "testdata/") {
			return
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", filepath.FromSlash(name)), nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, goFile{
			path:    name,
			pkg:     path.Dir(name),
			test:    strings.HasSuffix(name, "_test.go"),
			comment: parsed.Doc.Text(),
			imports: importsOf(parsed),
		})
	})
	if len(files) < 50 {
		t.Fatalf("got %d Go files, want the whole module", len(files))
	}
	return files
}

func importsOf(f *ast.File) (all []string) {
	for _, spec := range f.Imports {
		all = append(all, strings.TrimPrefix(strings.Trim(spec.Path.Value, `"`), module))
	}
	return all
}

// within reports whether pkg is dir or below it.
func within(pkg, dir string) bool { return pkg == dir || strings.HasPrefix(pkg, dir+"/") }

// ours reports whether a trimmed import path is of this module.
func ours(pkg string) bool {
	first, _, _ := strings.Cut(pkg, "/")
	return slices.Contains([]string{"app", "primitives", "embed", "migrations", "web"}, first) && pkg != "embed"
}

const (
	kernel   = "primitives/kernel"
	pgtest   = kernel + "/pg/pgtest"
	quote    = kernel + "/quote"
	auth     = "primitives/auth"
	database = "primitives/database"
	engine   = database + "/engine"
	plantest = engine + "/plan/plantest"
	scratch  = "embed/scratch"
)

// primitive returns the primitive that pkg belongs to, or "".
func primitive(pkg string) string {
	parts := strings.Split(pkg, "/")
	if len(parts) < 2 || parts[0] != "primitives" || parts[1] == "kernel" {
		return ""
	}
	return parts[1]
}

// isTestKit reports whether pkg is what tests share: its name ends in test.
func isTestKit(pkg string) bool { return strings.HasSuffix(path.Base(pkg), "test") }

// arrows are the rules about who may import whom. Each is the sentence that
// explains it and what breaks it; only imports of our own packages are asked.
var arrows = []struct {
	rule   string
	breaks func(f goFile, imported string) bool
}{
	{"Nothing below app imports app: app composes, and a part that knows the whole cannot be used or tested without it.",
		func(f goFile, to string) bool {
			return within(to, "app") && !within(f.pkg, "app") && (f.path != "main.go" || to != "app/cli")
		}},
	{"Below app, config and logging import nothing of ours, and server only config and the kernel; app imports none of the programs around it (cli, apptest, bench): so a change of the composition touches only app.",
		func(f goFile, to string) bool {
			switch {
			case f.test || !within(f.pkg, "app"):
				return false
			case within(f.pkg, "app/config"), within(f.pkg, "app/logging"):
				return true
			case within(f.pkg, "app/server"):
				return !within(to, kernel) && to != "app/config"
			case f.pkg == "app":
				return within(to, "app/cli") || within(to, "app/apptest") || within(to, "app/bench")
			}
			return false
		}},
	{"A primitive never imports another primitive: it declares the interface it needs, and app passes what satisfies it.",
		func(f goFile, to string) bool {
			from, other := primitive(f.pkg), primitive(to)
			return from != "" && other != "" && from != other
		}},
	{"kernel imports only kernel: every primitive imports it, so all of them would depend on what it imports. (pgtest, which only tests import, may start Postgres and apply migrations.)",
		func(f goFile, to string) bool {
			return within(f.pkg, kernel) && !within(to, kernel) && f.pkg != pgtest
		}},
	{"Test kits are imported by tests and by other test kits only: they start servers and let everybody in.",
		func(f goFile, to string) bool { return isTestKit(to) && !f.test && !isTestKit(f.pkg) }},
	{"scratch is for tests: what it makes is deleted with the test binary.",
		func(f goFile, to string) bool {
			return to == scratch && !f.test && f.pkg != pgtest && f.pkg != "app/apptest"
		}},
	{"embed imports only embed: it knows how to run programs, not what the product does with them.",
		func(f goFile, to string) bool { return within(f.pkg, "embed") && !within(to, "embed") }},
	{"web and migrations import nothing of ours: they carry files into the executable.",
		func(f goFile, to string) bool {
			return (within(f.pkg, "web") && !within(to, "web")) || within(f.pkg, "migrations")
		}},
	{"Only app imports web, and only app and pgtest import migrations: the rest takes an fs.FS or an open database.",
		func(f goFile, to string) bool {
			return within(to, "web") && !within(f.pkg, "web") && !within(f.pkg, "app") ||
				within(to, "migrations") && !within(f.pkg, "app") && f.pkg != pgtest && f.pkg != "migrations"
		}},
	{"In the kernel, pg imports fault, identity and quote, rest and audit import pg and what it does, the others nothing: so any of them can be used alone.",
		func(f goFile, to string) bool {
			if f.test || !within(f.pkg, kernel) || isTestKit(f.pkg) {
				return false
			}
			return !slices.Contains(map[string][]string{
				"rest": {"fault", "identity", "pg"}, "pg": {"fault", "identity", "quote"}, "audit": {"pg", "identity"},
			}[path.Base(f.pkg)], path.Base(to))
		}},
	{"The stages of the query engine import only stages before them: request and schema nothing, plan both, sqlgen and respond the plan. (quote, which is pure, is free to all; respond keeps bodies in a spool.) A stage that saw a later one, or a connection, could be skipped or could not be tested alone.",
		func(f goFile, to string) bool {
			if f.test || path.Dir(f.pkg) != engine || to == quote || f.pkg == engine+"/respond" && to == kernel+"/spool" {
				return false
			}
			allowed, stage := map[string][]string{
				"request": {}, "schema": {}, "plan": {"request", "schema"},
				"sqlgen": {"plan", "request", "schema"}, "respond": {"plan", "request"},
			}[path.Base(f.pkg)]
			return stage && !(path.Dir(to) == engine && slices.Contains(allowed, path.Base(to)))
		}},
	{"The packages of the database know only what they share: naming, refusal, session, sqltext, values and the engine. Package database is the one door to them, except for engine/standalone, sqltext and typegen, which commands use without a product.",
		func(f goFile, to string) bool {
			if !within(to, database) || to == database || f.pkg == database {
				return false
			}
			from, other := part(f.pkg), part(to)
			if from == "" {
				return !within(to, engine+"/standalone") && other != "typegen" && other != "sqltext"
			}
			shared := []string{"naming", "refusal", "session", "sqltext", "values", "engine"}
			return from != other && !slices.Contains(shared, other) && !(f.test && other == "dbtest")
		}},
	{"The concerns of auth import only those below them: guard and redirect nothing of auth, and no database; credentials the keys and tokens that it keeps; accounts guard and redirect; sessions all of these; federated and mailed the sessions that they open, and not each other. Without it, users, sessions and sign-in grow back into one service.",
		func(f goFile, to string) bool {
			if f.test || path.Dir(f.pkg) != auth {
				return false
			}
			allowed, concern := map[string][]string{
				"guard": {}, "redirect": {}, "tokens": {}, "keys": {}, "oauth": {},
				"credentials": {"guard", "keys", "tokens"},
				"accounts":    {"guard", "redirect"},
				"sessions":    {"accounts", "credentials", "guard", "tokens"},
				"mailed":      {"accounts", "guard", "redirect", "sessions"},
				"federated":   {"accounts", "guard", "oauth", "redirect", "sessions"},
			}[path.Base(f.pkg)]
			pure := f.pkg == auth+"/guard" || f.pkg == auth+"/redirect"
			return !concern || pure && to == kernel+"/pg" ||
				within(to, auth) && !(path.Dir(to) == auth && slices.Contains(allowed, path.Base(to)))
		}},
}

// part is the folder of the database's that pkg belongs to, or "".
func part(pkg string) string {
	below, ok := strings.CutPrefix(pkg, database+"/")
	if !ok {
		return ""
	}
	first, _, _ := strings.Cut(below, "/")
	return first
}

func TestImportsFollowTheArrows(t *testing.T) {
	t.Parallel()
	files := goFiles(t)
	for _, arrow := range arrows {
		for _, f := range files {
			for _, to := range f.imports {
				if ours(to) && arrow.breaks(f, to) {
					t.Errorf("%s imports %s. %s", f.path, to, arrow.rule)
				}
			}
		}
	}
}

// echo is the one module that tests may not import either: resttest has the
// gates and the error envelope of the product, a server of a test's own has
// others.
const echo = "github.com/labstack/echo"

// owners are the only packages that may import a module, so that replacing it
// stays the work of one folder.
var owners = map[string][]string{
	echo:                              {kernel + "/rest", "app/server"},
	"github.com/lestrrat-go/jwx":      {"primitives/auth/tokens"},
	"github.com/spf13/cobra":          {"app/cli"},
	"github.com/pressly/goose":        {"migrations"},
	"gopkg.in/natefinch/lumberjack":   {"app/logging"},
	"github.com/klauspost/compress":   {"embed/bundle"},
	"golang.org/x/crypto/bcrypt":      {"primitives/auth", "app/bench"},
	"github.com/wneessen/go-mail":     {"primitives/email/smtp"},
	"golang.org/x/oauth2":             {"primitives/auth/oauth"},
	"github.com/coreos/go-oidc":       {"primitives/auth/oauth"},
	"github.com/go-jose/go-jose":      {"primitives/auth/oauth"},
	"github.com/rogpeppe/go-internal": {},
}

func TestModulesHaveOneOwner(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for _, f := range goFiles(t) {
		for _, to := range f.imports {
			for name, allowed := range owners {
				// Versions follow the name: /v4, .v2.
				if to != name && !strings.HasPrefix(to, name+"/") && !strings.HasPrefix(to, name+".") {
					continue
				}
				used[name] = true
				if f.test && name != echo {
					continue
				}
				if !slices.ContainsFunc(allowed, func(dir string) bool { return within(f.pkg, dir) }) {
					t.Errorf("%s imports %s, which belongs to %v: code that names a module in many places cannot leave it.", f.path, to, allowed)
				}
			}
		}
	}
	for name, allowed := range owners {
		if len(allowed) > 0 && !used[name] {
			t.Errorf("nothing imports %s: remove it from this list.", name)
		}
	}
}

// The stages that turn a request into SQL compute, and so does what they may
// import; they do no I/O.
func TestThePureStagesOfTheEngineDoNoIO(t *testing.T) {
	t.Parallel()
	pure := []string{engine + "/request", engine + "/plan", engine + "/sqlgen", quote}
	for _, f := range goFiles(t) {
		if f.test || !slices.Contains(pure, f.pkg) {
			continue
		}
		for _, to := range f.imports {
			if slices.Contains([]string{"os", "net", "os/exec", "database/sql"}, to) || strings.Contains(to, "pgx") {
				t.Errorf("%s imports %s: %s is a pure function of its input, which is what its golden tests rely on.", f.path, to, path.Base(f.pkg))
			}
		}
	}
}

func TestEveryPackageHasOneComment(t *testing.T) {
	t.Parallel()
	comments := map[string][]string{}
	for _, f := range goFiles(t) {
		if f.test {
			continue
		}
		comments[f.pkg] = append(comments[f.pkg], nil...)
		if f.comment != "" {
			comments[f.pkg] = append(comments[f.pkg], f.path)
			if f.pkg != "." && !strings.HasPrefix(f.comment, "Package ") && !strings.HasPrefix(f.comment, "Command ") {
				t.Errorf("%s: the package comment starts with %.30q, want Package or Command and the name", f.path, f.comment)
			}
		}
	}
	for pkg, files := range comments {
		if len(files) != 1 {
			t.Errorf("package %s has %d package comments %v, want one: it says what the package owns and refuses.", pkg, len(files), files)
		}
	}
}

func TestNoFileNamesAMachineOrARegistry(t *testing.T) {
	t.Parallel()
	// Put together here, so that this file passes its own test.
	homes := regexp.MustCompile(`(^|[\s"'=(:` + "`" + `])/(` + strings.Join([]string{"home", "root", "Users", "work"}, "|") + `)/\w`)
	registries := regexp.MustCompile(`(?i)` + strings.Join([]string{"npmjs", "yarnpkg", "proxy.golang", "sum.golang", "deb.debian", "pypi"}, `\.|`) + `\.`)
	sourceFiles(t, func(name string) {
		text, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > 4<<20 || !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0 {
			return // not written by people
		}
		number := 0
		for line := range bytes.Lines(text) {
			number++
			if homes.Match(line) {
				t.Errorf("%s:%d holds an absolute path from a particular machine: %.100q", name, number, bytes.TrimSpace(line))
			}
			if registries.Match(line) {
				t.Errorf("%s:%d names a package registry, which is the machine's configuration: %.100q", name, number, bytes.TrimSpace(line))
			}
		}
	})
}

func TestTheArrowsCatchWhatTheyForbid(t *testing.T) {
	t.Parallel()
	bites := map[string]bool{}
	for _, tt := range []struct {
		file, imported string
		caught         bool
	}{
		{"main.go", "app/cli", false},
		{"main.go", "app/server", true},
		{"primitives/auth/auth.go", "app/config", true},
		{"app/config/x.go", "primitives/kernel/fault", true},
		{"app/logging/x.go", "app/config", true},
		{"app/server/x.go", "app/config", false},
		{"app/server/x.go", "primitives/kernel/rest", false},
		{"app/server/x.go", "primitives/auth", true},
		{"app/wire.go", "app/server", false},
		{"app/wire.go", "app/cli", true},
		{"app/cli/x.go", "app", false},
		{"primitives/kernel/pg/x_test.go", "app", true},
		{"primitives/auth/auth.go", "primitives/secrets", true},
		{"primitives/auth/auth.go", "primitives/auth/keys", false},
		{"primitives/database/tables/x.go", "primitives/database/engine", false},
		{"primitives/kernel/rest/x.go", "primitives/auth", true},
		{"primitives/kernel/rest/x_test.go", "embed/postgres", true},
		{"primitives/kernel/pg/pgtest/x.go", "embed/postgres", false},
		{"primitives/auth/x.go", pgtest, true},
		{"primitives/auth/x.go", "primitives/kernel/rest/resttest", true},
		{"primitives/database/dbtest/x.go", "primitives/kernel/rest/resttest", false},
		{"primitives/auth/x_test.go", "primitives/kernel/rest/resttest", false},
		{"primitives/auth/x_test.go", pgtest, false},
		{"primitives/auth/federated/x.go", auth + "/oauth/optest", true},
		{"primitives/email/x.go", "primitives/email/smtp/smtptest", true},
		{"primitives/storage/x.go", "primitives/storage/blob/blobtest", true},
		{"app/cli/x.go", "app/apptest", true},
		{"app/apptest/x.go", pgtest, false},
		{engine + "/sqlgen/x_test.go", plantest, false},
		{engine + "/sqlgen/x.go", plantest, true},
		{"embed/postgres/x.go", scratch, true},
		{"embed/postgres/x_test.go", scratch, false},
		{"embed/postgres/x.go", "primitives/kernel/fault", true},
		{"migrations/x.go", "primitives/kernel/pg", true},
		{"web/x.go", "embed/bundle", true},
		{"primitives/auth/x.go", "migrations", true},
		{"primitives/auth/x.go", "web", true},
		{"primitives/kernel/seal/x.go", "primitives/kernel/fault", true},
		{"primitives/kernel/audit/x.go", "primitives/kernel/pg", false},
		{"primitives/kernel/fault/x.go", "primitives/kernel/identity", true},
		{"primitives/kernel/pg/x.go", quote, false},
		{quote + "/x.go", "primitives/kernel/pg", true},
		{"primitives/database/changes/x.go", "primitives/database/session", false},
		{"primitives/database/changes/x.go", "primitives/database/rawsql", true},
		{"primitives/database/session/x.go", "primitives/database/tables", true},
		{"primitives/database/tables/x_test.go", "primitives/database/dbtest", false},
		{"primitives/database/tables/x.go", "primitives/database/dbtest", true},
		{"primitives/database/rawsql/x.go", engine + "/respond", false},
		{"primitives/database/database.go", "primitives/database/rawsql", false},
		{"app/wire_database.go", "primitives/database", false},
		{"app/wire_database.go", "primitives/database/rawsql", true},
		{"app/rest.go", engine + "/standalone", false},
		{auth + "/x.go", auth + "/mailed", false},
		{auth + "/mailed/x.go", auth + "/sessions", false},
		{auth + "/sessions/x.go", auth + "/mailed", true},
		{auth + "/federated/x.go", auth + "/mailed", true},
		{auth + "/accounts/x.go", auth + "/sessions", true},
		{auth + "/accounts/x.go", auth, true},
		{auth + "/credentials/x.go", auth + "/tokens", false},
		{auth + "/guard/x.go", kernel + "/rest", false},
		{auth + "/guard/x.go", kernel + "/pg", true},
		{auth + "/another/x.go", kernel + "/fault", true},
		{engine + "/plan/x.go", engine + "/request", false},
		{engine + "/request/x.go", engine + "/plan", true},
		{engine + "/sqlgen/x.go", "primitives/kernel/pg", true},
		{engine + "/sqlgen/x.go", quote, false},
		{engine + "/execute.go", engine + "/sqlgen", false},
	} {
		f := goFile{path: tt.file, pkg: path.Dir(tt.file), test: strings.HasSuffix(tt.file, "_test.go")}
		caught := false
		for _, arrow := range arrows {
			if arrow.breaks(f, tt.imported) {
				caught, bites[arrow.rule] = true, true
			}
		}
		if caught != tt.caught {
			t.Errorf("%s importing %s: caught %v, want %v", tt.file, tt.imported, caught, tt.caught)
		}
	}
	for _, arrow := range arrows {
		if !bites[arrow.rule] {
			t.Errorf("no case above breaks the rule %q", arrow.rule)
		}
	}
}

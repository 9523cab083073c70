package standalone_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/insforge/insforge-go/primitives/database/engine"
	"github.com/insforge/insforge-go/primitives/database/engine/schema"
	"github.com/insforge/insforge-go/primitives/database/engine/standalone"
	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const (
	login    = "my_server_role"
	password = "conformance"
	secret   = "reallyreallyreallyreallyverysafe"
)

// suite returns the folder of PostgREST's own cases as data, with their
// runner. It is expected beside the checkout and not part of it; without it
// the test is skipped.
func suite(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../../../../shared/conformance/postgrest")
	if err != nil {
		t.Fatal(err)
	}
	switch _, err := os.Stat(filepath.Join(dir, "run.py")); {
	case errors.Is(err, os.ErrNotExist):
		t.Skipf("PostgREST's cases are not here; they are expected beside the checkout, in ../shared/conformance/postgrest (%s)", dir)
	case err != nil:
		t.Fatal(err)
	}
	return dir
}

// group is the cases that share a configuration, which differs from the
// default group's by change.
type group struct {
	name   string
	change func(*standalone.Config)
	// args choose the cases instead of the group's name.
	args []string
	// audience is what tokens must be meant for. noSecret leaves nothing to
	// verify them with.
	audience string
	noSecret bool
	// failing are the cases that do not pass, each with its reason;
	// olderFailing and newerFailing are those of one release line only.
	failing, olderFailing, newerFailing map[string]string
	// only is the release line that has the group, when not both do.
	only string
}

// The release lines that have cases.
const (
	older  = "v12"
	newest = "main"
)

// failingOf are the cases of a release line that do not pass.
func (g group) failingOf(release string) map[string]string {
	failing := maps.Clone(g.olderFailing)
	if release == newest {
		failing = maps.Clone(g.newerFailing)
	}
	if failing == nil {
		return g.failing
	}
	maps.Copy(failing, g.failing)
	return failing
}

// TestConformance runs PostgREST's cases of both release lines, 12.2's and the
// newest's. What 12.2 does differently stays that way; what it did not have is
// covered. A case that fails without being listed fails the test, and so does a
// listed one that passes.
func TestConformance(t *testing.T) {
	dir := suite(t)
	releases := []string{older, newest}
	databases := map[string]string{}
	// The fixtures change roles and write a file, which both lines share, so they
	// are loaded one after the other and before any case runs.
	for _, release := range releases {
		databases[release] = superURL(t, "pgrst_"+release)
		run(t, dir, "--suite", release, "--db-url", databases[release], "--create-db", "--authenticator", login, "--load-only")
	}
	setPassword(t, databases[newest])
	for _, release := range releases {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			conform(t, dir, release, databases[release])
		})
	}
}

// conform runs the cases of a release line. Most groups share a run of the
// runner, since its start takes longer than the cases of a group.
func conform(t *testing.T, dir, release, super string) {
	runs := [][]group{nil}
	for _, g := range groups {
		switch {
		case g.only != "" && g.only != release:
		case g.args == nil:
			runs[0] = append(runs[0], g)
		default:
			runs = append(runs, []group{g})
		}
	}
	for _, together := range runs {
		found := runCases(t, dir, release, super, together)
		for _, g := range together {
			t.Run(g.name, func(t *testing.T) { found.check(t, g, g.failingOf(release)) })
		}
	}
}

// caseHeader is the header in which the runner says which case sends a request,
// as its index and the number of the request.
const caseHeader = "X-Conformance-Case"

// runCases runs the cases of groups, each on a server of its own settings.
func runCases(t *testing.T, dir, release, super string, together []group) outcome {
	t.Helper()
	file := filepath.Join(dir, "cases-"+release+".json")
	var list struct{ Cases []struct{ ID, Group string } }
	decode(t, file, &list)
	// No schema changes once the fixtures are loaded, so nothing is to wait for.
	results := filepath.Join(t.TempDir(), "results.json")
	args := []string{"--suite", release, "--cases", file, "--no-load", "--wait", "0", "--timeout", "300", "--db-url", super,
		"--case-header", caseHeader, "--results", results}
	servers := map[string]http.Handler{}
	for _, g := range together {
		servers[g.name] = serve(t, super, g)
		if g.args == nil {
			args = append(args, "--group", g.name)
		}
		args = append(args, g.args...)
	}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		index, _, _ := strings.Cut(r.Header.Get(caseHeader), ":")
		r.Header.Del(caseHeader)
		name := together[0].name
		if n, err := strconv.Atoi(index); err != nil || n < 0 || n >= len(list.Cases) {
			t.Errorf("case %q of a request is none of %d", index, len(list.Cases))
		} else if len(together) > 1 {
			name = list.Cases[n].Group
		}
		servers[name].ServeHTTP(w, r)
	}))
	defer front.Close()
	run(t, dir, append(args, "--base-url", front.URL, "--rpc-url", front.URL+"/rpc")...)

	found := outcome{passed: map[string]int{}, failed: map[string][]failure{}}
	var text struct {
		Passed   []string
		Failures []failure
	}
	decode(t, results, &text)
	nameOf := map[string]string{}
	for _, c := range list.Cases {
		nameOf[c.ID] = c.Group
		if len(together) == 1 {
			nameOf[c.ID] = together[0].name
		}
	}
	for _, id := range text.Passed {
		found.passed[nameOf[id]]++
	}
	for _, f := range text.Failures {
		found.failed[nameOf[f.ID]] = append(found.failed[nameOf[f.ID]], f)
	}
	return found
}

// superURL is the superuser's address of a database of the cases, in the form
// that psql and url.Parse share.
func superURL(t *testing.T, database string) string {
	t.Helper()
	c, err := pgx.ParseConfig(pgtest.Server(t, database))
	if err != nil {
		t.Fatal(err)
	}
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(c.User, c.Password), Path: "/" + c.Database,
		RawQuery: url.Values{"host": {c.Host}, "port": {strconv.Itoa(int(c.Port))}}.Encode(),
	}
	return u.String()
}

func setPassword(t *testing.T, super string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), super)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), `ALTER ROLE `+login+` PASSWORD '`+password+`'`); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "python3", append([]string{filepath.Join(dir, "run.py")}, args...)...)
	cmd.Dir = t.TempDir()
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	// A failed case makes the runner exit with 1; the results say which.
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1 && slices.Contains(args, "--results")) {
		t.Fatalf("run.py %v: %v\n%s", args, err, out)
	}
}

// serve starts a server with the settings of a group.
func serve(t *testing.T, super string, g group) http.Handler {
	t.Helper()
	u, err := url.Parse(super)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(login, password)
	c := standalone.Config{
		DatabaseURI: u.String(), AnonRole: "postgrest_test_anonymous", RoleClaim: []string{"role"}, Pool: 4, Listen: true,
		Engine: engine.Options{
			Schemas: []string{"test"}, AnonRole: "postgrest_test_anonymous", ServerTiming: true, BareNotFound: true,
			OpenAPI:    engine.OpenAPI{Version: "12.2.12", Scheme: "http", Host: "0.0.0.0:3000", BasePath: "/"},
			PreRequest: schema.Name{Schema: "test", Name: "switch_role"},
			AppSettings: []schema.Setting{
				{Name: "app.settings.app_host", Value: "localhost"},
				{Name: "app.settings.external_api_secret", Value: "0123456789abcdef"},
			},
		},
	}
	if g.change != nil {
		g.change(&c)
	}
	d := standalone.Deps{Config: c, Verify: verifyHS256(secret, g.audience), Log: zerolog.Nop()}
	if g.noSecret {
		d.Verify = nil
	}
	s, err := standalone.New(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = s.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		s.Close()
	})
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// failure is a case that failed.
type failure struct {
	ID     string
	Errors []struct {
		Kind          string
		Expected, Got any
	}
}

// outcome is how the cases of a run ended, by group.
type outcome struct {
	passed map[string]int
	failed map[string][]failure
}

// check compares the cases of a group that failed with those that are known to.
func (o outcome) check(t *testing.T, g group, failing map[string]string) {
	t.Helper()
	t.Logf("%d passed, %d failed", o.passed[g.name], len(o.failed[g.name]))
	var got []string
	for _, f := range o.failed[g.name] {
		got = append(got, f.ID)
		if _, known := failing[f.ID]; !known {
			t.Logf("%s: %v", f.ID, f.Errors)
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(failing)), got); diff != "" {
		t.Errorf("cases that fail, -listed +found:\n%s", diff)
	}
	if o.passed[g.name] == 0 {
		t.Error("no case passed")
	}
}

func decode(t *testing.T, file string, v any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

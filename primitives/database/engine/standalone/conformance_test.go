package standalone_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
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

// TestConformance runs PostgREST 12.2's cases. A case that fails without
// being listed fails the test, and so does a listed one that passes.
func TestConformance(t *testing.T) { conform(t, older) }

// TestNewerConformance runs those of the newest release line. What 12.2 does
// differently stays that way; what it did not have is covered.
func TestNewerConformance(t *testing.T) { conform(t, newest) }

func conform(t *testing.T, release string) {
	dir := suite(t)
	super := superURL(t, "pgrst_"+release)
	run(t, dir, "--suite", release, "--db-url", super, "--create-db", "--authenticator", login, "--load-only")
	setPassword(t, super)
	for _, g := range groups {
		if g.only != "" && g.only != release {
			continue
		}
		t.Run(g.name, func(t *testing.T) {
			results := filepath.Join(t.TempDir(), "results.json")
			base := serve(t, super, g)
			args := []string{"--suite", release, "--no-load", "--timeout", "300", "--db-url", super, "--base-url", base, "--rpc-url", base + "/rpc", "--results", results}
			if g.args == nil {
				g.args = []string{"--group", g.name}
			}
			run(t, dir, append(args, g.args...)...)
			check(t, results, g.failingOf(release))
		})
	}
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

func serve(t *testing.T, super string, g group) string {
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
	server := httptest.NewServer(s)
	t.Cleanup(func() {
		server.Close()
		cancel()
		running.Wait()
		s.Close()
	})
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	return server.URL
}

func check(t *testing.T, file string, failing map[string]string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var results struct {
		Summary  struct{ Passed int }
		Failures []struct {
			ID     string
			Errors []struct {
				Kind          string
				Expected, Got any
			}
		}
	}
	if err := json.Unmarshal(text, &results); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d passed, %d failed", results.Summary.Passed, len(results.Failures))
	var got, want []string
	for _, f := range results.Failures {
		got = append(got, f.ID)
		if _, known := failing[f.ID]; !known {
			t.Logf("%s: %v", f.ID, f.Errors)
		}
	}
	for id := range failing {
		want = append(want, id)
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cases that fail, -listed +found:\n%s", diff)
	}
	if results.Summary.Passed == 0 {
		t.Error("no case passed")
	}
}

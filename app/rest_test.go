package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/insforge/insforge-go/app/apptest"
	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"
)

const (
	restSecret      = "reallyreallyreallyreallyverysafe"
	otherRESTSecret = "another-secret-of-at-least-32-bytes"
)

// restSetup is a database as PostgREST's users have it: a login that owns
// nothing, an anonymous role and one for people.
var restSetup = []string{
	`CREATE ROLE authenticator LOGIN NOINHERIT PASSWORD 'login'`,
	`CREATE ROLE web_anon NOLOGIN`, `CREATE ROLE person NOLOGIN`,
	`GRANT web_anon, person TO authenticator`,
	`CREATE SCHEMA api`, `GRANT USAGE ON SCHEMA api TO web_anon, person`,
	`CREATE TABLE api.films (id int PRIMARY KEY, title text)`,
	`INSERT INTO api.films VALUES (1, 'one'), (2, 'two')`,
	`GRANT SELECT ON api.films TO web_anon`, `GRANT ALL ON api.films TO person`,
	`CREATE FUNCTION api.setting(name text) RETURNS text LANGUAGE sql STABLE AS 'SELECT current_setting(name, true)'`,
	`CREATE FUNCTION api.nap() RETURNS int LANGUAGE sql VOLATILE AS 'SELECT 1 FROM (SELECT pg_advisory_xact_lock(1)) s'`,
}

// restURI is the address of an external database for PGRST_DB_URI.
func (s *theirs) restURI(password string) string {
	return fmt.Sprintf("postgres://authenticator:%s@127.0.0.1:%d/postgres", password, s.Port)
}

// restProcess is a running "insforge rest".
type restProcess struct {
	*exec.Cmd
	address, out string
	exited       <-chan struct{}
}

// startREST starts it on a free port and waits until it listens.
func startREST(t *testing.T, args []string, env ...string) *restProcess {
	t.Helper()
	p := runREST(t, args, env...)
	listens := regexp.MustCompile(`insforge rest listens on (\S+)`)
	apptest.Eventually(t, patience, "insforge rest listens", func() error {
		select {
		case <-p.exited:
			t.Fatalf("it exited: %s\n%s", p.ProcessState, p.output(t))
		default:
		}
		found := listens.FindStringSubmatch(p.output(t))
		if found == nil {
			return errors.New("not yet")
		}
		p.address = found[1]
		return nil
	})
	return p
}

func runREST(t *testing.T, args []string, env ...string) *restProcess {
	t.Helper()
	p := &restProcess{Cmd: apptest.Command(t, append([]string{"rest"}, args...)...), out: filepath.Join(t.TempDir(), "out")}
	p.Env = append(append(p.Env, "PGRST_SERVER_HOST=127.0.0.1", "PGRST_SERVER_PORT=0", "PGRST_DB_SCHEMAS=api"), env...)
	out, err := os.Create(p.out)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	p.Stdout, p.Stderr = out, out
	if p.exited, err = apptest.Launch(p.Cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Process.Kill() // usually it has ended already
		<-p.exited
	})
	return p
}

func (p *restProcess) output(t *testing.T) string { return readFile(t, p.out) }

// exitCode waits for the end.
func (p *restProcess) exitCode(t *testing.T) int {
	t.Helper()
	select {
	case <-p.exited:
	case <-time.After(patience):
		p.signal(t, syscall.SIGQUIT) // prints the stacks
		<-p.exited
		t.Fatalf("it still ran\n%s", p.output(t))
	}
	return p.ProcessState.ExitCode()
}

// get asks with a token, if there is one, and returns status, header and body.
func (p *restProcess) get(t *testing.T, path, token string, headers ...string) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://rest"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	network := "tcp"
	if strings.HasPrefix(p.address, "/") {
		network = "unix"
	}
	client := http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, p.address)
		},
	}}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatalf("%v\n%s", err, p.output(t))
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, strings.TrimSpace(string(body))
}

// wants fails unless the answer to a GET is status and, where it is not empty,
// body.
func (p *restProcess) wants(t *testing.T, path, token string, status int, body string) {
	t.Helper()
	if code, _, got := p.get(t, path, token); code != status || body != "" && got != body {
		t.Errorf("GET %s: got %d %s, want %d %s", path, code, got, status, body)
	}
}

// becomes waits for that answer.
func (p *restProcess) becomes(t *testing.T, path, token string, status int, body string) {
	t.Helper()
	apptest.Eventually(t, patience, path+" is "+body, func() error {
		if code, _, got := p.get(t, path, token); code != status || got != body {
			return fmt.Errorf("got %d %s", code, got)
		}
		return nil
	})
}

func restToken(t *testing.T, secret string, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jws.Sign(payload, jws.WithKey(jwa.HS256, []byte(secret)))
	if err != nil {
		t.Fatal(err)
	}
	return string(token)
}

func TestRESTStandsInForPostgREST(t *testing.T) {
	t.Parallel()
	s := startTheirs(t, servers(t)[0])
	s.exec(t, "postgres", restSetup...)
	dir := t.TempDir()
	secretFile, config := filepath.Join(dir, "secret"), filepath.Join(dir, "postgrest.conf")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const settings = "db-anon-role = \"web_anon\"\njwt-aud = \"films\"\napp.settings.color = \"red\" # a comment\n"
	write(secretFile, restSecret+"\n")
	write(config, settings)
	adminPort := freePort(t)
	p := startREST(t, []string{config}, "PGRST_DB_URI="+s.restURI("login"), "PGRST_JWT_SECRET=@"+secretFile,
		fmt.Sprintf("PGRST_ADMIN_SERVER_PORT=%d", adminPort), "PGRST_LOG_LEVEL=info", "PGRST_DB_MAXROWS=1")

	person := restToken(t, restSecret, map[string]any{"role": "person", "aud": "films"})
	p.wants(t, "/films?select=title&order=id", "", 200, `[{"title":"one"}, `+"\n"+` {"title":"two"}]`)
	p.wants(t, "/rpc/setting?name=role", person, 200, `"person"`)
	p.wants(t, "/rpc/setting?name=app.settings.color", "", 200, `"red"`)
	long := restToken(t, restSecret, map[string]any{"role": "person", "aud": "films", "groups": strings.Repeat("x", 500<<10)})
	p.wants(t, "/rpc/setting?name=role", long, 200, `"person"`)
	p.wants(t, "/nope", "", 404, "")
	if code, _, body := p.get(t, "/", ""); code != 200 || !strings.Contains(body, `"swagger":"2.0"`) || !strings.Contains(body, `"/films"`) {
		t.Errorf("the root: got %d %.200s", code, body)
	}
	for _, c := range []struct{ name, token, message string }{
		{"a bad signature", restToken(t, otherRESTSecret, nil), "JWSError JWSInvalidSignature"},
		{"an expired token", restToken(t, restSecret, map[string]any{"exp": 1, "role": "person"}), "JWT expired"},
		{"another audience", restToken(t, restSecret, map[string]any{"aud": "books"}), "JWTNotInAudience"},
		{"an expiry that is a string", restToken(t, restSecret, map[string]any{"exp": "later", "aud": "films"}), "The JWT 'exp' claim must be a number"},
		{"no token at all", "x", "JWSError (CompactDecodeError Invalid number of parts: Expected 3 parts; got 1)"},
	} {
		code, header, body := p.get(t, "/films", c.token)
		want := `{"code":"PGRST301","details":null,"hint":null,"message":"` + c.message + `"}`
		challenge := `Bearer error="invalid_token", error_description="` + c.message + `"`
		if code != 401 || body != want || header.Get("Www-Authenticate") != challenge {
			t.Errorf("%s: got %d %s with %q, want 401 %s with %q", c.name, code, body, header.Get("Www-Authenticate"), want, challenge)
		}
	}
	if _, header, _ := p.get(t, "/films", "", "Origin: https://a.example"); header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("CORS: got %v", header)
	}

	probes := &restProcess{Cmd: p.Cmd, address: fmt.Sprintf("127.0.0.1:%d", adminPort), out: p.out}
	probes.wants(t, "/live", "", 200, "")
	probes.becomes(t, "/ready", "", 200, "")
	if code, _, body := probes.get(t, "/config", ""); code != 200 || !strings.Contains(body, `db-anon-role = "web_anon"`) || strings.Contains(body, restSecret) {
		t.Errorf("/config: got %d %s", code, body)
	}
	if code, _, body := probes.get(t, "/schema_cache", ""); code != 200 || !strings.Contains(body, `"films"`) {
		t.Errorf("/schema_cache: got %d %.200s", code, body)
	}
	if code, _, body := probes.get(t, "/metrics", ""); code != 200 || !strings.Contains(body, "pgrst_db_pool_max 10") {
		t.Errorf("/metrics: got %d %s", code, body)
	}

	// The schema is reloaded after SIGUSR1, the settings after SIGUSR2 or a
	// notification, and wrong settings never take effect.
	s.exec(t, "postgres", `ALTER TABLE api.films ADD COLUMN year int DEFAULT 1999`)
	p.signal(t, syscall.SIGUSR1)
	p.becomes(t, "/films?select=year&id=eq.1", "", 200, `[{"year":1999}]`)
	write(config, strings.Replace(settings, "red", "blue", 1))
	p.signal(t, syscall.SIGUSR2)
	p.becomes(t, "/rpc/setting?name=app.settings.color", "", 200, `"blue"`)
	write(config, "db-tx-end = \"nonsense\"\n")
	p.signal(t, syscall.SIGUSR2)
	apptest.Eventually(t, patience, "bad settings are complained about", func() error {
		if !strings.Contains(p.output(t), "the old ones stay") {
			return errors.New("not yet")
		}
		return nil
	})
	p.wants(t, "/rpc/setting?name=app.settings.color", "", 200, `"blue"`)
	write(config, settings)
	write(secretFile, otherRESTSecret)
	s.exec(t, "postgres", `NOTIFY pgrst, 'reload config'`)
	person = restToken(t, otherRESTSecret, map[string]any{"role": "person", "aud": "films"})
	p.becomes(t, "/rpc/setting?name=role", person, 200, `"person"`)
	p.wants(t, "/films", restToken(t, restSecret, nil), 401, "")
	s.exec(t, "postgres", `ALTER ROLE authenticator SET pgrst.db_anon_role = 'person'`, `NOTIFY pgrst, 'reload config'`)
	p.becomes(t, "/rpc/setting?name=role", "", 200, `"person"`)
	s.exec(t, "postgres", `ALTER ROLE authenticator SET pgrst.db_max_rows = 'many'`, `NOTIFY pgrst, 'reload config'`)
	apptest.Eventually(t, patience, "bad settings of the database are complained about", func() error {
		if !strings.Contains(p.output(t), "PGRST_DB_MAX_ROWS must be a number") {
			return errors.New("not yet")
		}
		return nil
	})
	p.wants(t, "/films?select=id&id=eq.2", "", 200, `[{"id":2}]`)

	// A stop lets the request in progress end.
	conn := s.login(t, s.DSN("postgres", adminPassword, "postgres"))
	defer conn.Close(t.Context())
	query[any](t, conn, `SELECT pg_advisory_lock(1)`)
	slow := make(chan string, 1)
	go func() {
		resp, err := http.Post("http://"+p.address+"/rpc/nap", "application/json", strings.NewReader("{}"))
		if err != nil {
			slow <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		slow <- string(body)
	}()
	apptest.Eventually(t, patience, "the slow request runs", func() error {
		if !query[bool](t, conn, `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)`) {
			return errors.New("not yet")
		}
		return nil
	})
	p.signal(t, syscall.SIGTERM)
	awaitClosed(t, p.address)
	query[bool](t, conn, `SELECT pg_advisory_unlock(1)`)
	if got := <-slow; got != "1" {
		t.Errorf("the request in progress got %q, want 1", got)
	}
	if code := p.exitCode(t); code != 0 {
		t.Errorf("got exit code %d, want 0\n%s", code, p.output(t))
	}
	log := p.output(t)
	for _, part := range []string{"PGRST_DB_MAXROWS", `"path":"/films"`, "settings reloaded"} {
		if !strings.Contains(log, part) {
			t.Errorf("the log does not mention %s:\n%s", part, log)
		}
	}
	for _, secret := range []string{restSecret, otherRESTSecret, "login@", person} {
		if strings.Contains(log, secret) {
			t.Errorf("the log repeats %s", secret)
		}
	}
}

func (p *restProcess) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// pipe returns the path of a file that can be read only once, like standard
// input.
func pipe(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() { written <- os.WriteFile(path, []byte(text+"\n"), 0) }() // waits for a reader
	t.Cleanup(func() {
		if f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0); err == nil {
			defer f.Close()
		}
		if err := <-written; err != nil {
			t.Error(err)
		}
	})
	return path
}

func TestRESTWithoutAnAnonymousRoleOnASocket(t *testing.T) {
	t.Parallel()
	s := startTheirs(t, servers(t)[0])
	s.exec(t, "postgres", restSetup...)
	dir, err := os.MkdirTemp("", "rest") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	left.Close() // as a killed process leaves it

	p := startREST(t, nil, "PGRST_DB_URI=@"+pipe(t, s.restURI("login")), "PGRST_DB_CONFIG=false", "PGRST_JWT_SECRET="+restSecret,
		"PGRST_SERVER_UNIX_SOCKET="+socket, "PGRST_SERVER_UNIX_SOCKET_MODE=600", "PGRST_DB_ROOT_SPEC=setting", "PGRST_LOG_LEVEL=info")
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket: got %v, %v, want mode 0600", info.Mode(), err)
	}
	code, header, body := p.get(t, "/films", "")
	if want := `{"code":"PGRST302","details":null,"hint":null,"message":"Anonymous access is disabled"}`; code != 401 || body != want || header.Get("Www-Authenticate") != "Bearer" {
		t.Errorf("got %d %s with %v, want 401 %s with Bearer", code, body, header, want)
	}
	person := restToken(t, restSecret, map[string]any{"role": "person"})
	p.wants(t, "/films?select=id&id=eq.2", person, 200, `[{"id":2}]`)
	p.wants(t, "/?name=role", person, 200, `"person"`) // the function of db-root-spec

	// The database goes away and comes back.
	s.down(t)
	if code, _, body := p.get(t, "/films", person); code != 503 {
		t.Errorf("without a database: got %d %s, want 503", code, body)
	}
	s.up(t)
	p.becomes(t, "/films?select=id&id=eq.2", person, 200, `[{"id":2}]`)

	// The pipe is not read again.
	p.signal(t, syscall.SIGUSR2)
	apptest.Eventually(t, patience, "the settings are read again", func() error {
		if !strings.Contains(p.output(t), "settings reloaded") {
			return errors.New("not yet")
		}
		return nil
	})
	p.wants(t, "/films?select=id&id=eq.2", person, 200, `[{"id":2}]`)
	p.signal(t, syscall.SIGINT)
	if code := p.exitCode(t); code != 0 || exists(socket) {
		t.Errorf("got exit code %d and a socket left: %v, want 0 and none\n%s", code, exists(socket), p.output(t))
	}
}

func TestRESTStartsBeforeItsDatabaseButNotWithAWrongPassword(t *testing.T) {
	t.Parallel()
	s := startTheirs(t, servers(t)[0])
	s.exec(t, "postgres", restSetup...)
	p := runREST(t, nil, "PGRST_DB_URI="+s.restURI("hunter2"))
	if code := p.exitCode(t); code != 1 || !strings.Contains(p.output(t), "refuses the login") || strings.Contains(p.output(t), "hunter2") {
		t.Errorf("a wrong password: got exit code %d, want 1 and the reason\n%s", code, p.output(t))
	}
	// The schemas that the database names are in force from the first answer on.
	s.exec(t, "postgres", `CREATE TABLE public.films (id int)`, `GRANT SELECT ON public.films TO web_anon`,
		`ALTER ROLE authenticator SET pgrst.db_schemas = 'api'`)
	s.down(t)
	p = startREST(t, nil, "PGRST_DB_URI="+s.restURI("login"), "PGRST_DB_ANON_ROLE=web_anon", "PGRST_DB_SCHEMAS=public")
	if code, _, body := p.get(t, "/films", ""); code != 503 || !strings.Contains(body, "PGRST002") {
		t.Errorf("without a database: got %d %s, want 503 PGRST002", code, body)
	}
	s.up(t)
	apptest.Eventually(t, patience, "the database's schema is served", func() error {
		code, _, body := p.get(t, "/films?select=id&id=eq.2", "")
		if code == 503 {
			return errors.New("not yet")
		}
		if body != `[{"id":2}]` {
			t.Fatalf("got %d %s", code, body)
		}
		return nil
	})
	s.exec(t, "postgres", `ALTER ROLE authenticator SET pgrst.db_pre_config = 'nope'`)
	bad := runREST(t, nil, "PGRST_DB_URI="+s.restURI("login"), "PGRST_DB_PRE_CONFIG_REQUIRED=true")
	if code := bad.exitCode(t); code != 1 || !strings.Contains(bad.output(t), "PGRST_DB_PRE_CONFIG") {
		t.Errorf("a function that is not there: got exit code %d, want 1 and its name\n%s", code, bad.output(t))
	}
	p.wants(t, "/films", restToken(t, restSecret, nil), 500, `{"code":"PGRST300","details":null,"hint":null,"message":"Server lacks JWT secret"}`)
	p.signal(t, syscall.SIGTERM)
	if code := p.exitCode(t); code != 0 {
		t.Errorf("got exit code %d, want 0\n%s", code, p.output(t))
	}
}
